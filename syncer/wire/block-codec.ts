import { brotliCompress, brotliDecompress, constants } from 'node:zlib'
import { BrotliPacker, BrotliUnpacker, type StreamPacker, type StreamUnpacker } from './stream-codec.ts'

/** How bytes are packed: blocks that stand for themselves, and blocks that go on with one stream. */
export interface BlockCodec {
  pack(bytes: Buffer): Promise<Buffer>
  /** @throws whatever says that these bytes are no block, or one of more than `bytesMax` */
  unpack(packed: Buffer, bytesMax: number): Promise<Buffer>
  packer(): StreamPacker
  unpacker(): StreamUnpacker
}

/** Source code becomes three tenths, some 250 MB/s. */
const quality = 0
/** A block's result is one piece most often. */
const outputChunkBytes = 128 * 1024
/** A window of 256 KiB: a block is no larger. */
const windowBits = 18

/** It works beside the event loop. */
export const brotliBlocks: BlockCodec = {
  packer: () => new BrotliPacker(),
  unpacker: () => new BrotliUnpacker(),
  pack: bytes =>
    new Promise((resolve, reject) => {
      const params = {
        [constants.BROTLI_PARAM_QUALITY]: quality,
        [constants.BROTLI_PARAM_LGWIN]: windowBits,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      }
      brotliCompress(bytes, { params, chunkSize: outputChunkBytes }, (error, packed) =>
        error ? reject(error) : resolve(packed),
      )
    }),
  unpack: (packed, bytesMax) =>
    new Promise((resolve, reject) => {
      brotliDecompress(packed, { maxOutputLength: bytesMax, chunkSize: outputChunkBytes }, (error, bytes) =>
        error ? reject(error) : resolve(bytes),
      )
    }),
}
