import { Duplex } from 'node:stream'
import { type Clock, processIdleMs } from '../base/clock.ts'
import { ProtocolError } from '../base/errors.ts'
import { type BlockCodec, brotliBlocks } from './block-codec.ts'
import { arrivedBit, blockBytesMax, bodyBytesMax, headerBytes, headerOf, packedBit, streamBit } from './block-header.ts'
import { BlockPacker } from './block-packer.ts'
import { ByteQueue } from './byte-queue.ts'
import { LinkRate } from './link-rate.ts'
import type { StreamUnpacker } from './stream-codec.ts'

/**
 * Bytes of one block on a link that is slower than this, or not known yet: the other end hears nothing before a block is
 * whole.
 */
const slowBlockBytesMax = 32 * 1024
const unhurriedBytesPerSecond = 512 * 1024
/** What arrived is told after so many bytes. */
const toldBytes = 64 * 1024
/** What may be under way: a second of the link, and within these. More would hide what the link is like. */
const underWayBytesMin = 2 * 1024 * 1024
const underWayBytesMax = 16 * 1024 * 1024
/** Blocks that are unpacked at once, ahead of the reader. */
const aheadMax = 4

export interface PackedStreamOptions {
  clock: Clock
  /** See {@link processIdleMs}, which it is when absent. */
  idleMs?: () => number
  codec?: BlockCodec
}

/**
 * A byte stream over one that may be slow: what is written travels in blocks, packed where the link takes longer for
 * them than packing does, and the other end's `PackedStream` unpacks them. Flushes by itself: nothing waits for a block
 * to be full.
 */
export class PackedStream extends Duplex {
  private readonly carrier: Duplex
  private readonly codec: BlockCodec
  private readonly rate: LinkRate
  /** Sent, and not said to have arrived. */
  private underWay = 0
  private roomMade: (() => void) | undefined
  /** Arrived, and not told yet. */
  private untold = 0
  private readonly arrived = new ByteQueue()
  private readonly ahead: (Buffer[] | Promise<Buffer>)[] = []
  private isDelivering = false
  private isWanted = false
  private hasEnded = false
  private readonly packer: BlockPacker
  private unpacker: StreamUnpacker | undefined

  /** Owns the carrier from now on. */
  constructor(carrier: Duplex, { clock, idleMs = processIdleMs, codec = brotliBlocks }: PackedStreamOptions) {
    const { allowHalfOpen } = carrier
    super({ writableHighWaterMark: 2 * blockBytesMax, readableHighWaterMark: 2 * blockBytesMax, allowHalfOpen })
    this.carrier = carrier
    this.codec = codec
    this.rate = new LinkRate(clock, idleMs)
    this.packer = new BlockPacker(codec, this.rate)
    carrier.on('data', (chunk: Buffer) => {
      this.arrived.push(chunk)
      this.cut()
    })
    carrier.on('end', () => {
      this.hasEnded = true
      this.roomMade?.()
      this.cut()
    })
    carrier.on('error', error => this.destroy(error))
    carrier.on('close', () => {
      // After its end what arrived is still to be read.
      if (!this.hasEnded) this.destroy()
    })
    // Whoever read its first line has left it paused.
    carrier.resume()
  }

  override _read(): void {
    this.isWanted = true
    void this.deliver()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this._writev([{ chunk }], callback)
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    const waiting = new ByteQueue()
    for (const { chunk } of chunks) waiting.push(chunk)
    const blocks: Promise<Buffer[]>[] = []
    const most = this.rate.exceeds(unhurriedBytesPerSecond) ? blockBytesMax : slowBlockBytesMax
    while (waiting.bytes > 0) blocks.push(this.packer.pack(waiting.take(most)))
    this.send(blocks).then(() => callback(), callback)
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.carrier.end(() => callback())
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.carrier.destroy(error ?? undefined)
    this.arrived.clear()
    this.roomMade?.()
    this.packer.close()
    this.unpacker?.close()
    callback(error)
  }

  /** Resolves when the carrier has passed all of it on: what was written may change from then on. */
  private async send(blocks: Promise<Buffer[]>[]): Promise<void> {
    const pieces = (await Promise.all(blocks)).flat()
    await this.room()
    if (this.carrier.destroyed || pieces.length === 0) return
    // The rest that nobody told of yet took no time.
    if (this.underWay < toldBytes) this.rate.begin()
    this.underWay += pieces.reduce((sum, piece) => sum + piece.length, 0)
    await new Promise<void>((resolve, reject) => {
      this.carrier.cork()
      for (const [index, piece] of pieces.entries()) {
        this.carrier.write(piece, error => {
          if (error) reject(error)
          else if (index === pieces.length - 1) resolve()
        })
      }
      this.carrier.uncork()
    })
  }

  /** Resolves when so little is under way that more may follow. Nobody tells of anything after its end. */
  private async room(): Promise<void> {
    const aSecond = this.rate.bytesPerSecond ?? 0
    const most = Math.min(Math.max(aSecond, underWayBytesMin), underWayBytesMax)
    while (this.underWay > most && !this.hasEnded && !this.destroyed) {
      await new Promise<void>(resolve => {
        this.roomMade = resolve
      })
    }
  }

  /** The other end has these. @throws ProtocolError where they were never sent */
  private told(bytes: number): void {
    if (bytes > this.underWay) throw new ProtocolError('more has arrived than was sent')
    this.underWay -= bytes
    this.rate.took(bytes)
    this.roomMade?.()
  }

  private tell(bytes: number): void {
    this.untold += bytes
    if (this.untold < toldBytes || this.carrier.writableEnded || this.carrier.destroyed) return
    this.carrier.write(headerOf(this.untold | arrivedBit))
    this.untold = 0
  }

  /** Takes whole blocks out of what arrived, as many as may be ahead of the reader. */
  private cut(): void {
    try {
      while (this.ahead.length < aheadMax) {
        const block = this.nextBlock()
        if (block === undefined) break
        if (block === 'told') continue
        this.ahead.push(block)
        // It is awaited in its turn.
        if (block instanceof Promise) block.catch(() => {})
      }
    } catch (error) {
      this.destroy(error as Error)
      return
    }
    if (this.ahead.length >= aheadMax) this.carrier.pause()
    else this.carrier.resume()
    void this.deliver()
  }

  /** @throws ProtocolError */
  private nextBlock(): Buffer[] | Promise<Buffer> | 'told' | undefined {
    const { arrived } = this
    if (arrived.bytes < headerBytes) return undefined
    const header = arrived.join(headerBytes)
    const word = header.readUInt32BE()
    const length = word & ~packedBit & ~arrivedBit & ~streamBit
    if ((word & arrivedBit) !== 0) {
      this.told(length)
      return 'told'
    }
    const isInStream = (word & streamBit) !== 0
    if (length > bodyBytesMax || (isInStream && (word & packedBit) === 0))
      throw new ProtocolError(`a block of ${length} bytes`)
    if (arrived.bytes < length) {
      arrived.unshift(header)
      return undefined
    }
    const body = arrived.take(length)
    this.tell(headerBytes + length)
    if ((word & packedBit) === 0) return body
    const packed = Buffer.concat(body, length)
    if (!isInStream) return this.codec.unpack(packed, blockBytesMax)
    return this.unpackInStream(packed)
  }

  /** @throws ProtocolError where nothing comes of it: each block was flushed */
  private async unpackInStream(packed: Buffer): Promise<Buffer> {
    this.unpacker ??= this.codec.unpacker()
    const bytes = await this.unpacker.unpack(packed, blockBytesMax)
    if (bytes.length === 0) throw new ProtocolError('a block with nothing in it')
    return bytes
  }

  private async deliver(): Promise<void> {
    if (this.isDelivering) return
    this.isDelivering = true
    try {
      while (this.isWanted && !this.destroyed) {
        const next = this.ahead[0]
        if (next === undefined) {
          if (this.hasEnded) this.finishReading()
          break
        }
        const pieces = Array.isArray(next) ? next : [await next]
        this.ahead.shift()
        this.pass(pieces)
        this.cut()
      }
    } catch (error) {
      this.destroy(error instanceof ProtocolError ? error : new ProtocolError('a block that cannot be unpacked'))
    } finally {
      this.isDelivering = false
    }
  }

  /** A reader may ask for more while it takes these. */
  private pass(pieces: Buffer[]): void {
    let isEnough = false
    this.isWanted = false
    for (const piece of pieces) isEnough = piece.length > 0 && !this.push(piece)
    if (!isEnough) this.isWanted = true
  }

  private finishReading(): void {
    if (this.arrived.bytes > 0) this.destroy(new ProtocolError('the stream ends inside a block'))
    else this.push(null)
  }
}
