/** Bytes of one block before it is packed. */
export const blockBytesMax = 256 * 1024
/** … and afterwards: what goes on with a stream is packed even where that makes it longer. */
export const bodyBytesMax = blockBytesMax + 1024

/**
 * Length of the block that follows, big-endian. The highest bit: it is packed. The second: no block follows, so many bytes
 * of blocks and their headers have arrived here since this was said last. The third: it goes on with the blocks before it
 * that had this bit.
 */
export const headerBytes = 4
export const packedBit = 0x8000_0000
export const arrivedBit = 0x4000_0000
export const streamBit = 0x2000_0000

export function headerOf(word: number): Buffer {
  const header = Buffer.allocUnsafe(headerBytes)
  header.writeUInt32BE(word >>> 0)
  return header
}
