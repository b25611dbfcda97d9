import { ContentSum, type Grain } from '../core/content-sum.ts'
import type { OpenFile, Stat } from '../disk/disk.ts'
import { sameKey } from './stat-columns.ts'

/** Blocks of one step: about a millisecond. */
export const sliceBlocks = 8

/** A whole file's hash, `blocks` where it is large; `stat` is what it was before and after it was read. */
export interface FileSum {
  hash: string
  blocks: Buffer | undefined
  stat: Stat
}

/** Reads and hashes a file of any size in small steps; owns the file. */
export class SlicedSum {
  readonly opened: Stat
  private readonly file: OpenFile
  private readonly sum: ContentSum
  private readonly sliceBytes: number
  private offset = 0

  constructor(file: OpenFile, grain: Grain) {
    this.file = file
    this.opened = file.opened
    this.sum = new ContentSum(grain)
    this.sliceBytes = sliceBlocks * grain.blockBytes
  }

  get readBytes(): number {
    return this.offset
  }

  /** `changed`: somebody wrote to it meanwhile. */
  step(): 'more' | 'changed' | FileSum {
    const bytes = this.file.read(this.offset, this.sliceBytes)
    this.sum.update(bytes)
    this.offset += bytes.length
    if (bytes.length === this.sliceBytes && this.offset < this.opened.size) return 'more'
    const stat = this.file.stat()
    if (!sameKey(this.opened, stat) || this.offset !== stat.size) return 'changed'
    return { ...this.sum.digest(), stat }
  }

  close(): void {
    this.file.close()
  }
}
