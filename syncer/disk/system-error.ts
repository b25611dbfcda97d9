/** An error as Node's file system calls throw it; callers match `code` and nothing else. */
export function systemError(code: string, message: string): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(`${code}: ${message}`)
  error.code = code
  return error
}
