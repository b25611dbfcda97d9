import { isUtf8 } from 'node:buffer'
import type { Position } from '../../syncer/base/errors.ts'
import { ManifestError } from './manifest-error.ts'

/** Far above any real manifest, and small enough to read whole. */
export const sourceBytesMax = 1024 * 1024

/** Offsets of a text as lines and columns; `\n`, `\r\n` and `\r` end a line, a column is one UTF-16 unit. */
export class Lines {
  private readonly starts: number[] = [0]
  private readonly file: string

  constructor(text: string, file: string) {
    this.file = file
    for (const match of text.matchAll(/\r\n?|\n/g)) this.starts.push(match.index + match[0].length)
  }

  at(offset: number): Position {
    let low = 0
    let high = this.starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.starts[middle]! <= offset) low = middle
      else high = middle - 1
    }
    return { file: this.file, line: low + 1, column: offset - this.starts[low]! + 1 }
  }
}

/**
 * The text of a file that a person wrote: UTF-8, with or without a byte order mark.
 * Throws {@link ManifestError} at the first byte that cannot be meant.
 */
export function decodeSource(bytes: Uint8Array, file: string): string {
  const encoding = foreignEncoding(bytes)
  if (encoding !== undefined) {
    throw failure({ file, line: 1, column: 1 }, `the file is ${encoding}, not UTF-8`, 'save it as UTF-8')
  }
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    .toString('utf8')
    .replace(/^\uFEFF/, '')
  const nul = text.indexOf('\0')
  if (nul >= 0) throw failure(new Lines(text, file).at(nul), 'the file is binary: it holds a NUL byte')
  if (isUtf8(bytes)) return text
  const at = new Lines(text, file).at(firstInvalid(text, bytes))
  throw failure(at, 'the file is not UTF-8 from here on', 'save it as UTF-8')
}

function failure(at: Position, message: string, hint?: string): ManifestError {
  return new ManifestError([hint === undefined ? { at, message } : { at, message, hint }])
}

function foreignEncoding(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return bytes[2] === 0 && bytes[3] === 0 ? 'UTF-32' : 'UTF-16'
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'UTF-16'
  return undefined
}

/** Index in `text` of the first replacement character that does not stand in the file itself. */
function firstInvalid(text: string, bytes: Uint8Array): number {
  let byte = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
  let from = 0
  for (;;) {
    const index = text.indexOf('\uFFFD', from)
    if (index < 0) return text.length
    byte += Buffer.byteLength(text.slice(from, index))
    const isWritten = bytes[byte] === 0xef && bytes[byte + 1] === 0xbf && bytes[byte + 2] === 0xbd
    if (!isWritten) return index
    byte += 3
    from = index + 1
  }
}
