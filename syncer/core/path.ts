import { ProtocolError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'

/**
 * A path below a synced root: names joined by `/`, no leading or trailing slash; `''` is the root itself.
 *
 * File names are bytes. A byte that is not part of valid UTF-8 stands as the lone surrogate U+DC80 + (byte − 0x80),
 * so that every name has exactly one string and goes back to its own bytes (PEP 383 names the method).
 */
export type Path = string

export const root: Path = ''

export function joinPath(dir: Path, name: string): Path {
  return dir === '' ? name : `${dir}/${name}`
}

/** Longer than any message may name it, and than a system takes it in one call. */
export function isTooLong(path: Path): boolean {
  // A unit of a string has three bytes at most.
  return path.length * 3 > limits.pathBytesMax && encodePath(path).length > limits.pathBytesMax
}

/** The folder that holds `path`; the root's parent is the root. */
export function parentOf(path: Path): Path {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '' : path.slice(0, slash)
}

export function nameOf(path: Path): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Number of names in the path; 0 for the root. */
export function depthOf(path: Path): number {
  if (path === '') return 0
  let depth = 1
  for (let i = 0; i < path.length; i++) if (path.charCodeAt(i) === 47) depth++
  return depth
}

/** True where `path` is `ancestor` or lies below it. */
export function isWithin(path: Path, ancestor: Path): boolean {
  return ancestor === '' || path === ancestor || (path.startsWith(ancestor) && path.charCodeAt(ancestor.length) === 47)
}

/** Refuses a path from the other end that could leave the root or that no file system can hold. */
export function assertSafePath(path: Path): void {
  if (path === '') throw new ProtocolError('empty path')
  if (path.length > limits.pathBytesMax) throw new ProtocolError(`path of ${path.length} characters`)
  if (!hasOnlyNames(path)) throw new ProtocolError(`unsafe path ${JSON.stringify(path)}`)
  // Lone surrogates that no bytes decode to would be a second spelling of some other path.
  if (/[\uD800-\uDFFF]/.test(path) && decodePath(encodePath(path)) !== path) {
    throw new ProtocolError(`path that no bytes stand for: ${JSON.stringify(path)}`)
  }
}

/** Whether what stands between the slashes is a name each time: not empty, neither `.` nor `..`, without a NUL. */
export function hasOnlyNames(path: string): boolean {
  // Each path that travels comes by here, so nothing is cut out of it.
  let dots = 0
  let length = 0
  for (let at = 0; at <= path.length; at++) {
    const code = at < path.length ? path.charCodeAt(at) : 47
    if (code === 47) {
      if (length === dots && length <= 2) return false
      dots = 0
      length = 0
    } else {
      if (code === 0) return false
      if (code === 46) dots++
      length++
    }
  }
  return true
}

/** Bytes of a name or path → string; see {@link Path} for bytes that are not UTF-8. */
export function decodePath(bytes: Uint8Array): Path {
  return decodePathIn(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, bytes.byteLength)
}

/** {@link decodePath} of the bytes from `start` to `end`. */
export function decodePathIn(bytes: Buffer, start: number, end: number): Path {
  const text = bytes.toString('utf8', start, end)
  return text.includes('\uFFFD') ? decodeEscaped(bytes.subarray(start, end)) : text
}

/** String → the bytes of the name or path. */
export function encodePath(path: Path): Buffer {
  if (!/[\uDC80-\uDCFF]/.test(path)) return Buffer.from(path, 'utf8')
  const parts: Buffer[] = []
  let plain = ''
  for (const char of path) {
    const code = char.codePointAt(0)!
    if (code >= 0xdc80 && code <= 0xdcff) {
      parts.push(Buffer.from(plain, 'utf8'), Buffer.from([code - 0xdc00]))
      plain = ''
    } else plain += char
  }
  parts.push(Buffer.from(plain, 'utf8'))
  return Buffer.concat(parts)
}

function decodeEscaped(bytes: Buffer): string {
  let text = ''
  for (let i = 0; i < bytes.length; ) {
    const length = validSequenceLength(bytes, i)
    if (length === 0) {
      text += String.fromCharCode(0xdc00 + bytes[i]!)
      i += 1
    } else {
      text += bytes.toString('utf8', i, i + length)
      i += length
    }
  }
  return text
}

/** Length of the valid UTF-8 sequence at `at`, 0 where there is none (RFC 3629: no overlong forms, no surrogates). */
function validSequenceLength(bytes: Buffer, at: number): number {
  const first = bytes[at]!
  if (first < 0x80) return 1
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0
  if (length === 0 || at + length > bytes.length || first > 0xf4) return 0
  const slice = bytes.subarray(at, at + length)
  return Buffer.from(slice.toString('utf8'), 'utf8').equals(slice) ? length : 0
}
