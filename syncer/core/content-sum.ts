import { createHash, type Hash, hash } from 'node:crypto'

/** What counts as a large file, and the blocks that large files are compared in. */
export interface Grain {
  /** A file of more bytes is large. */
  smallBytesMax: number
  blockBytes: number
}

export const grainOfFiles: Grain = { smallBytesMax: 1024 * 1024, blockBytes: 128 * 1024 }

/** Bytes of one block's hash. */
export const blockHashBytes = 32

/**
 * The hash of a file's content, as it stands in its token: of a small file its sha256, of a large one the hash of the
 * sha256 of its blocks, so that it can be proven of content whose blocks come from several places
 * (`docs/decisions/0016-large-files.md`).
 */
export class ContentSum {
  readonly #grain: Grain
  #whole: Hash | undefined = createHash('sha256')
  #block: Hash | undefined
  #blockFilled = 0
  #size = 0
  readonly #blocks = new BlockList()

  constructor(grain: Grain) {
    this.#grain = grain
  }

  /** @param known the hash of a whole block, by its number, where it need not be computed */
  update(bytes: Uint8Array, known?: (block: number) => Uint8Array | undefined): void {
    this.#size += bytes.length
    if (this.#size > this.#grain.smallBytesMax) this.#whole = undefined
    this.#whole?.update(bytes)
    const { blockBytes } = this.#grain
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + blockBytes - this.#blockFilled)
      const part = bytes.subarray(at, end)
      if (this.#blockFilled > 0 || part.length < blockBytes) this.#part(part)
      else this.#blocks.push(known?.(this.#blocks.count) ?? blockHash(part))
      at = end
    }
  }

  /** Once, at the end. `blocks` only of a large file: the hashes of its blocks, one after the other. */
  digest(): { hash: string; blocks: Buffer | undefined } {
    if (this.#whole !== undefined) return { hash: this.#whole.digest('hex'), blocks: undefined }
    if (this.#block !== undefined) this.#blocks.push(this.#block.digest())
    const blocks = this.#blocks.from(0)
    return { hash: hashOfBlocks(blocks), blocks }
  }

  #part(bytes: Uint8Array): void {
    this.#block ??= createHash('sha256')
    this.#block.update(bytes)
    this.#blockFilled += bytes.length
    if (this.#blockFilled < this.#grain.blockBytes) return
    this.#blocks.push(this.#block.digest())
    this.#block = undefined
    this.#blockFilled = 0
  }
}

/** Hashes of blocks, or other values of one length, one after the other. */
export class BlockList {
  readonly #valueBytes: number
  #bytes: Buffer
  #length = 0

  constructor(valueBytes = blockHashBytes) {
    this.#valueBytes = valueBytes
    this.#bytes = Buffer.alloc(32 * valueBytes)
  }

  push(hash: Uint8Array): void {
    if (this.#length + hash.length > this.#bytes.length) {
      const larger = Buffer.alloc(2 * this.#bytes.length + hash.length)
      this.#bytes.copy(larger, 0, 0, this.#length)
      this.#bytes = larger
    }
    this.#bytes.set(hash, this.#length)
    this.#length += hash.length
  }

  get count(): number {
    return this.#length / this.#valueBytes
  }

  /** Those from the `first` on, as they are until more are pushed. */
  from(first: number): Buffer {
    return this.#bytes.subarray(first * this.#valueBytes, this.#length)
  }
}

/** The hash (hex) of content that was read whole. */
export function contentHash(bytes: Uint8Array, grain: Grain): string {
  if (bytes.length <= grain.smallBytesMax) return hash('sha256', bytes, 'hex')
  const sum = new ContentSum(grain)
  sum.update(bytes)
  return sum.digest().hash
}

export function blockHash(bytes: Uint8Array): Buffer {
  return hash('sha256', bytes, 'buffer')
}

/**
 * The hash (hex) of a large file whose blocks have these hashes. Another function than that of small files, or a small
 * file that holds such a list would have the hash of the large one.
 */
export function hashOfBlocks(blocks: Uint8Array): string {
  return hash('sha512-256', blocks, 'hex')
}
