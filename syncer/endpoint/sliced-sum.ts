import { type BlockMarks, BlockSum, proofOfMarks } from '../core/block-marks.ts'
import { blockHashBytes, ContentSum, type Grain } from '../core/content-sum.ts'
import type { OpenFile, Stat } from '../disk/disk.ts'
import { sameKey } from './stat-columns.ts'

/** Blocks of one step: about a millisecond. */
export const sliceBlocks = 8

/** Memory for one slice: made when it is wanted, and used again until it is given back. */
export class SliceMemory {
  private readonly bytes: number
  private memory: Buffer | undefined

  constructor({ blockBytes }: Grain) {
    this.bytes = sliceBlocks * blockBytes
  }

  get(): Buffer {
    this.memory ??= Buffer.allocUnsafeSlow(this.bytes)
    return this.memory
  }

  giveBack(): void {
    this.memory = undefined
  }
}

/** What a large file's blocks are told by. */
export interface FileBlocks {
  hashes: Buffer
  marks: { values: Buffer; proof: Buffer } | undefined
}

/** A whole file's hash, `blocks` where it is large; `stat` is what it was before and after it was read. */
export interface FileSum {
  hash: string
  blocks: FileBlocks | undefined
  stat: Stat
}

export interface Marking {
  measure: BlockMarks
  /** What the file held before, marked under the same key: a block that bears the mark it had has the hash it had. */
  before: FileBlocks | undefined
}

/** Reads and hashes a file of any size in small steps; owns the file. */
export class SlicedSum {
  readonly opened: Stat
  private readonly file: OpenFile
  private readonly sum: ContentSum
  /** Of the very bytes that are hashed. */
  private readonly marks: BlockSum | undefined
  private readonly before: FileBlocks | undefined
  private readonly sliceBytes: number
  private offset = 0

  /** @param marking where its blocks may be told to the other end */
  constructor(file: OpenFile, grain: Grain, marking?: Marking) {
    this.marks = marking && new BlockSum(marking.measure, grain)
    this.before = marking?.before
    this.file = file
    this.opened = file.opened
    this.sum = new ContentSum(grain)
    this.sliceBytes = sliceBlocks * grain.blockBytes
  }

  get readBytes(): number {
    return this.offset
  }

  /**
   * @param into memory for a slice
   * @returns `changed`: somebody wrote to it meanwhile
   */
  step(into?: Buffer): 'more' | 'changed' | FileSum {
    const bytes = this.file.read(this.offset, this.sliceBytes, into)
    this.marks?.update(bytes)
    this.sum.update(bytes, block => this.knownHash(block))
    this.offset += bytes.length
    if (bytes.length === this.sliceBytes && this.offset < this.opened.size) return 'more'
    const stat = this.file.stat()
    if (!sameKey(this.opened, stat) || this.offset !== stat.size) return 'changed'
    const { hash, blocks: hashes } = this.sum.digest()
    const values = hashes && this.marks?.digest()
    const marks = values && { values, proof: proofOfMarks(values) }
    return { hash, blocks: hashes && { hashes, marks }, stat }
  }

  close(): void {
    this.file.close()
  }

  private knownHash(block: number): Uint8Array | undefined {
    const mark = this.marks?.at(block)
    const { hashes, marks } = this.before ?? {}
    if (mark === undefined || hashes === undefined || marks === undefined) return undefined
    const at = block * mark.length
    if (Buffer.compare(mark, marks.values.subarray(at, at + mark.length)) !== 0) return undefined
    return hashes.subarray(block * blockHashBytes, (block + 1) * blockHashBytes)
  }
}
