import { brotliCompress, brotliDecompress, constants } from 'node:zlib'

/** How much work a block is worth: `little` packs some 250 MB/s, `much` some 40 MB/s of source code. */
export type Effort = 'little' | 'much'

/** Packs one block of bytes; every block stands for itself. */
export interface BlockCodec {
  pack(bytes: Buffer, effort: Effort): Promise<Buffer>
  /** @throws whatever says that these bytes are no block, or one of more than `bytesMax` */
  unpack(packed: Buffer, bytesMax: number): Promise<Buffer>
}

/** Brotli's quality: source code becomes three tenths with the first, less than a quarter with the second. */
const qualities = { little: 0, much: 5 } as const
/** A block's result is one piece most often. */
const outputChunkBytes = 128 * 1024
/** A window of 256 KiB: a block is no larger. */
const windowBits = 18

/** It works beside the event loop. */
export const brotliBlocks: BlockCodec = {
  pack: (bytes, effort) =>
    new Promise((resolve, reject) => {
      const params = {
        [constants.BROTLI_PARAM_QUALITY]: qualities[effort],
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
