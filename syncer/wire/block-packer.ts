import type { BlockCodec } from './block-codec.ts'
import { headerOf, packedBit, streamBit } from './block-header.ts'
import type { LinkRate } from './link-rate.ts'
import type { StreamPacker } from './stream-codec.ts'

/** What is smaller travels as it is: nobody gains by waiting for it. */
const packedBytesMin = 4 * 1024
/** A block that shrinks to more than this share of itself travels as it is, and so do the next ones. */
const worthShare = 0.9
const unworthyBlocks = 16
/** A link that carries more bytes in a second is faster than packing, and one that carries fewer is worth much effort. */
const fastBytesPerSecond = 12 * 1024 * 1024
const slowBytesPerSecond = 3 * 1024 * 1024

/** Packs blocks as much as the link is worth. */
export class BlockPacker {
  private readonly codec: BlockCodec
  private readonly rate: LinkRate
  /** On a slow link: what was sent before is known at both ends, so that it need not be said again. */
  private stream: StreamPacker | undefined
  /** Blocks that are not worth a try, after one that was not. */
  private unworthy = 0

  constructor(codec: BlockCodec, rate: LinkRate) {
    this.codec = codec
    this.rate = rate
  }

  /** @returns header and body */
  async pack(pieces: Buffer[]): Promise<Buffer[]> {
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0)
    const effort = this.effort()
    if (effort === 'none' || length < packedBytesMin || this.unworthy > 0) {
      this.unworthy = Math.max(0, this.unworthy - 1)
      return [headerOf(length), ...pieces]
    }
    const bytes = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces, length)
    if (effort === 'much') return await this.packInStream(bytes)
    const packed = await this.codec.pack(bytes)
    if (packed.length <= length * worthShare) return [headerOf(packed.length | packedBit), packed]
    this.unworthy = unworthyBlocks
    return [headerOf(length), ...pieces]
  }

  /** Nothing more is packed. */
  close(): void {
    this.stream?.close()
  }

  /** The other end unpacks whatever was packed so, or it would not understand what follows. */
  private async packInStream(bytes: Buffer): Promise<Buffer[]> {
    this.stream ??= this.codec.packer()
    const packed = await this.stream.pack(bytes)
    if (packed.length > bytes.length * worthShare) this.unworthy = unworthyBlocks
    return [headerOf(packed.length | packedBit | streamBit), packed]
  }

  /** Before anything is known of the link a little packing costs nothing that anybody would notice. */
  private effort(): 'none' | 'little' | 'much' {
    const rate = this.rate.bytesPerSecond
    if (this.rate.exceeds(fastBytesPerSecond)) return 'none'
    return rate !== undefined && rate < slowBytesPerSecond ? 'much' : 'little'
  }
}
