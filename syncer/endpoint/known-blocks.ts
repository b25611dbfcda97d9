import type { FileBlocks } from './sliced-sum.ts'

/** What is kept, at most: a GiB has 416 KiB of that. */
const bytesMax = 16 * 1024 * 1024

/** The blocks of large files that were read not long ago. */
export class KnownBlocks {
  /** By content hash, what was read last at the end. */
  private readonly byHash = new Map<string, FileBlocks>()
  private bytes = 0

  of(hash: string): FileBlocks | undefined {
    return this.byHash.get(hash)
  }

  /** Marks of the same content stay, if it was not marked this time. */
  keep(hash: string, { hashes, marks = this.of(hash)?.marks }: FileBlocks): void {
    const blocks = { hashes, marks }
    this.drop(hash)
    this.byHash.set(hash, blocks)
    this.bytes += bytesOf(blocks)
    for (const oldest of this.byHash.keys()) {
      if (this.bytes <= bytesMax) break
      this.drop(oldest)
    }
  }

  private drop(hash: string): void {
    const blocks = this.byHash.get(hash)
    if (blocks === undefined) return
    this.byHash.delete(hash)
    this.bytes -= bytesOf(blocks)
  }
}

function bytesOf({ hashes, marks }: FileBlocks): number {
  return hashes.length + (marks?.values.length ?? 0)
}
