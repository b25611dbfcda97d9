import { type BlockMarks, findAnchor } from './block-marks.ts'
import type { Grain } from './content-sum.ts'

/** Blocks of one anchor that are looked at; with more of them it says little. */
const alikeMax = 8
/** Blocks that are marked in vain in one search. */
const missesMax = 32

export interface MovedBlock {
  /** Where it begins in what was searched. */
  at: number
  block: number
}

/** Finds blocks of an earlier content, of which only the marks are known, wherever they are in a new one. */
export class MovedBlocks {
  readonly #marks: Buffer
  readonly #sizeBytes: number
  readonly #grain: Grain
  readonly #measure: BlockMarks
  readonly #byAnchor = new Map<number, number[]>()
  /** Anchors by their last bits: nearly all places in new content are none. */
  readonly #filter = new Uint8Array(1 << 16)

  /** @param marks of the earlier content, `sizeBytes` long */
  constructor(marks: Buffer, sizeBytes: number, measure: BlockMarks, grain: Grain) {
    this.#marks = marks
    this.#sizeBytes = sizeBytes
    this.#measure = measure
    this.#grain = grain
    const blank = measure.of(Buffer.alloc(grain.blockBytes))
    for (let block = 0; block < this.#count; block++) {
      const mark = this.#markOf(block)
      // Zeros are everywhere, and sent for next to nothing.
      if (this.lengthOf(block) < measure.windowBytes || blank.equals(mark)) continue
      const anchor = measure.anchorIn(mark)
      const alike = this.#byAnchor.get(anchor)
      if (alike === undefined) this.#byAnchor.set(anchor, [block])
      else if (alike.length < alikeMax) alike.push(block)
      this.#filter[anchor & 0xffff] = 1
    }
  }

  get #count(): number {
    return Math.ceil(this.#sizeBytes / this.#grain.blockBytes)
  }

  lengthOf(block: number): number {
    return Math.min(this.#grain.blockBytes, this.#sizeBytes - block * this.#grain.blockBytes)
  }

  /** The first block that begins before `end` and is whole in `bytes`. */
  find(bytes: Uint8Array, end: number): MovedBlock | undefined {
    const filter = this.#filter
    let misses = 0
    let found = -1
    const at = findAnchor(bytes, this.#measure.windowBytes, end, (anchor, place) => {
      if (filter[anchor & 0xffff] === 0 || misses >= missesMax) return false
      for (const block of this.#byAnchor.get(anchor) ?? []) {
        if (this.#isAt(bytes, place, block)) {
          found = block
          return true
        }
        misses += 1
      }
      return false
    })
    return at < 0 ? undefined : { at, block: found }
  }

  #isAt(bytes: Uint8Array, at: number, block: number): boolean {
    const length = this.lengthOf(block)
    if (at + length > bytes.length) return false
    return this.#measure.of(bytes.subarray(at, at + length)).equals(this.#markOf(block))
  }

  #markOf(block: number): Buffer {
    const { valueBytes } = this.#measure
    return this.#marks.subarray(block * valueBytes, (block + 1) * valueBytes)
  }
}
