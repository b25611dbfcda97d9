/** An error as Node's file system calls throw it; callers match `code` and nothing else. */
export function systemError(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: ${message}`), { code })
}
