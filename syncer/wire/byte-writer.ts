import { type Slab, SlabPool } from './slab-pool.ts'

/** Larger runs of bytes are referenced, not copied. */
const copiedBytesMax = 1024
const slabBytesDefault = 16 * 1024
/** A rest of a slab that is smaller is not used any more. */
const restBytesMin = 512

/**
 * Builds one buffer from numbers, strings and byte runs. Large runs are referenced, unless they are to be copied. What was
 * taken out must not change until `done` is called, where that is done at all.
 */
export class ByteWriter {
  private readonly pool: SlabPool
  private readonly parts: Uint8Array[] = []
  /** Those that parts lie in. */
  private readonly slabs: Slab[] = []
  private slab: Slab
  private buffer: Buffer
  /** Up to here the slab is sealed into parts. */
  private sealed = 0
  private used = 0
  private total = 0

  /** @param slabBytes what is gathered in one piece; a message may be larger */
  constructor(slabBytes = slabBytesDefault) {
    this.pool = new SlabPool(slabBytes)
    this.slab = this.pool.take()
    this.buffer = this.slab.memory
  }

  get length(): number {
    return this.total + this.used - this.sealed
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

  /** The same of bytes that change after this call. */
  copiedBlob(bytes: Uint8Array): void {
    this.u32(bytes.length)
    this.copy(bytes)
  }

  raw(bytes: Uint8Array): void {
    if (bytes.length < copiedBytesMax) {
      this.copy(bytes)
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
    return this.takeOut().parts
  }

  /** {@link take}, with a call that gives the memory back for what is written later. */
  takeOut(): { parts: Uint8Array[]; done: () => void } {
    this.seal()
    this.total = 0
    const slabs = this.slabs.splice(0)
    const done = () => {
      for (const slab of slabs) this.free(slab)
    }
    return { parts: this.parts.splice(0), done }
  }

  private copy(bytes: Uint8Array): void {
    this.reserve(bytes.length)
    this.buffer.set(bytes, this.used)
    this.used += bytes.length
  }

  private seal(): void {
    if (this.used === this.sealed) return
    this.parts.push(this.buffer.subarray(this.sealed, this.used))
    this.total += this.used - this.sealed
    this.sealed = this.used
    this.slab.held += 1
    this.slabs.push(this.slab)
    if (this.buffer.length - this.used < restBytesMin) this.renew(0)
  }

  private free(slab: Slab): void {
    slab.held -= 1
    if (slab.held > 0) return
    if (slab !== this.slab) this.pool.give(slab)
    // Nobody reads what was written so far.
    else if (this.used === this.sealed) this.used = this.sealed = 0
  }

  private reserve(bytes: number): void {
    if (this.used + bytes <= this.buffer.length) return
    this.seal()
    if (this.used + bytes > this.buffer.length) this.renew(bytes)
  }

  private renew(bytesMin: number): void {
    const { slab } = this
    this.slab = bytesMin > this.pool.slabBytes ? new SlabPool(bytesMin).take() : this.pool.take()
    this.buffer = this.slab.memory
    this.used = this.sealed = 0
    if (slab.held === 0) this.pool.give(slab)
  }
}
