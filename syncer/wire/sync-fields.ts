import { ProtocolError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { assertToken, hashOf, isFile, type Token } from '../core/content.ts'
import { assertSafePath, encodePath, type Path } from '../core/path.ts'
import type { ByteReader } from './byte-reader.ts'
import type { ByteWriter } from './byte-writer.ts'

/** A code of the system's or of ours. */
export const codeBytesMax = 64

export function writePath(to: ByteWriter, path: Path): void {
  if (mayNeedBytes.test(path)) to.blob(encodePath(path))
  else to.text(path)
}

/** Bytes that are no UTF-8, and the second half of some rare characters: the rest is text as it is. */
const mayNeedBytes = /[\uDC80-\uDCFF]/

export function readPath(from: ByteReader): Path {
  const path = from.path(limits.pathBytesMax)
  assertSafePath(path)
  return path
}

export function writeToken(to: ByteWriter, token: Token): void {
  const kind = token === '' ? 0 : token.charCodeAt(0)
  to.u8(kind)
  if (isFile(token)) to.hex(hashOf(token), 32)
  else if (kind === 108) to.blob(encodePath(token.slice(1)))
}

export function readToken(from: ByteReader): Token {
  const kind = from.u8()
  if (kind === 0) return ''
  const letter = String.fromCharCode(kind)
  // Of 32 bytes it can only be what it should be.
  if (letter === 'f' || letter === 'x') return letter + from.hex(32)
  const token = letter === 'l' ? letter + from.path(limits.linkTargetBytesMax) : letter
  assertToken(token)
  return token
}

/** A copy: what a bulk message lies in is used again. */
export function readExactly(from: ByteReader, length: number): Uint8Array {
  const bytes = from.blob(length)
  if (bytes.length !== length) throw new ProtocolError(`${bytes.length} bytes where ${length} belong`)
  return Uint8Array.from(bytes)
}

export function readFileToken(from: ByteReader): Token {
  const token = readToken(from)
  if (!isFile(token)) throw new ProtocolError('content of something that is no file')
  return token
}
