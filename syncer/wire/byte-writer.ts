/** Builds one buffer from numbers, strings and byte runs; large runs are referenced, not copied. */
export class ByteWriter {
  private readonly parts: Uint8Array[] = []
  private buffer = Buffer.allocUnsafe(4096)
  private used = 0
  private total = 0

  get length(): number {
    return this.total + this.used
  }

  u8(value: number): void {
    this.reserve(1)
    this.buffer[this.used++] = value
  }

  u16(value: number): void {
    this.reserve(2)
    this.used = this.buffer.writeUInt16BE(value, this.used)
  }

  u32(value: number): void {
    this.reserve(4)
    this.used = this.buffer.writeUInt32BE(value, this.used)
  }

  i64(value: bigint): void {
    this.reserve(8)
    this.used = this.buffer.writeBigInt64BE(value, this.used)
  }

  f64(value: number): void {
    this.reserve(8)
    this.used = this.buffer.writeDoubleBE(value, this.used)
  }

  /** u32 length, then the UTF-8 bytes. */
  text(value: string): void {
    const bytes = Buffer.byteLength(value)
    this.u32(bytes)
    this.reserve(bytes)
    this.used += this.buffer.write(value, this.used)
  }

  /** u32 length, then the bytes. */
  blob(bytes: Uint8Array): void {
    this.u32(bytes.length)
    this.raw(bytes)
  }

  raw(bytes: Uint8Array): void {
    if (bytes.length < 1024) {
      this.reserve(bytes.length)
      this.buffer.set(bytes, this.used)
      this.used += bytes.length
      return
    }
    this.seal()
    this.parts.push(bytes)
    this.total += bytes.length
  }

  hex(value: string, bytes: number): void {
    this.reserve(bytes)
    this.used += this.buffer.write(value, this.used, bytes, 'hex')
  }

  /** Everything written, in order; the writer is empty afterwards. */
  take(): Uint8Array[] {
    this.seal()
    this.total = 0
    return this.parts.splice(0)
  }

  private seal(): void {
    if (this.used === 0) return
    this.parts.push(this.buffer.subarray(0, this.used))
    this.total += this.used
    this.buffer = this.buffer.subarray(this.used)
    this.used = 0
    if (this.buffer.length < 512) this.buffer = Buffer.allocUnsafe(16 * 1024)
  }

  private reserve(bytes: number): void {
    if (this.used + bytes <= this.buffer.length) return
    this.seal()
    if (bytes > this.buffer.length) this.buffer = Buffer.allocUnsafe(Math.max(16 * 1024, bytes))
  }
}
