/** Memory that bytes are gathered in until they are on their way. */
export interface Slab {
  readonly memory: Buffer
  filledBytes: number
  /** Parts of it that were handed on and are not on their way yet. */
  held: number
}

const freeMax = 4

/**
 * Slabs of one size, used again and again: a fresh one for each would have the garbage collector run over the whole
 * heap every few megabytes, because it counts such memory against the heap's limit.
 */
export class SlabPool {
  readonly slabBytes: number
  private readonly free: Slab[] = []

  constructor(slabBytes: number) {
    this.slabBytes = slabBytes
  }

  take(): Slab {
    return this.free.pop() ?? { memory: Buffer.allocUnsafeSlow(this.slabBytes), filledBytes: 0, held: 0 }
  }

  /** Nobody holds a part of it any more, and nobody fills it. */
  give(slab: Slab): void {
    slab.filledBytes = 0
    if (this.free.length < freeMax && slab.memory.length === this.slabBytes) this.free.push(slab)
  }
}
