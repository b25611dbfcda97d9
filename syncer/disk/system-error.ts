import { constants as os } from 'node:os'

/** An error as Node's file system calls throw it; callers match `code` and nothing else. */
export function systemError(code: string, message: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`${code}: ${message}`)
  error.code = code
  return error
}

/** The code of an errno; nothing where that is 0. */
export function codeOf(errno: number): string | undefined {
  if (errno === 0) return undefined
  return Object.entries(os.errno).find(([, number]) => number === errno)?.[0] ?? `E${errno}`
}
