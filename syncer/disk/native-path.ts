import { encodePath } from '../core/path.ts'

/** What Node's file system calls take: bytes where the path is not UTF-8, the string itself otherwise. */
export type NativePath = string | Buffer

export function nativePath(path: string): NativePath {
  return mayNeedBytes.test(path) ? encodePath(path) : path
}

// Escaped bytes of a Path; also the second half of some characters outside the basic plane, which bytes suit as well.
const mayNeedBytes = /[\uDC80-\uDCFF]/
