import { ProtocolError } from '../base/errors.ts'
import { decodePathIn, type Path } from '../core/path.ts'

/** Reads what `ByteWriter` wrote; every read is bounds-checked, so hostile input ends in a `ProtocolError`. */
export class ByteReader {
  private readonly buffer: Buffer
  private at = 0

  constructor(bytes: Uint8Array) {
    this.buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get done(): boolean {
    return this.at === this.buffer.length
  }

  u8(): number {
    return this.buffer[this.advance(1)]!
  }

  u16(): number {
    return this.buffer.readUInt16BE(this.advance(2))
  }

  u32(): number {
    return this.buffer.readUInt32BE(this.advance(4))
  }

  i64(): bigint {
    return this.buffer.readBigInt64BE(this.advance(8))
  }

  /** A finite number; NaN and infinities are refused. */
  f64(): number {
    const value = this.buffer.readDoubleBE(this.advance(8))
    if (!Number.isFinite(value)) throw new ProtocolError('number out of range')
    return value
  }

  /** A whole number from 0 to 2^53 − 1. */
  count(): number {
    const value = this.f64()
    if (!Number.isSafeInteger(value) || value < 0) throw new ProtocolError('count out of range')
    return value
  }

  text(bytesMax: number): string {
    const length = this.length(bytesMax)
    const start = this.advance(length)
    return this.buffer.toString('utf8', start, start + length)
  }

  /** Text of bytes that need not be UTF-8, see {@link Path}; it may be any, safe or not. */
  path(bytesMax: number): Path {
    const length = this.length(bytesMax)
    const start = this.advance(length)
    return decodePathIn(this.buffer, start, start + length)
  }

  /** A view into the message, not a copy. */
  blob(bytesMax: number): Buffer {
    const length = this.length(bytesMax)
    const start = this.advance(length)
    return this.buffer.subarray(start, start + length)
  }

  hex(bytes: number): string {
    const start = this.advance(bytes)
    return this.buffer.toString('hex', start, start + bytes)
  }

  flag(): boolean {
    const value = this.u8()
    if (value > 1) throw new ProtocolError('flag out of range')
    return value === 1
  }

  private length(bytesMax: number): number {
    const length = this.u32()
    if (length > bytesMax) throw new ProtocolError(`length ${length} is over ${bytesMax}`)
    return length
  }

  private advance(bytes: number): number {
    const start = this.at
    if (start + bytes > this.buffer.length) throw new ProtocolError('message is cut short')
    this.at = start + bytes
    return start
  }
}
