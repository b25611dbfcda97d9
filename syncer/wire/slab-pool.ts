/** Memory that bytes are gathered in until they are on their way. */
export interface Slab {
  readonly memory: Buffer
  filledBytes: number
  /** Parts of it that were handed on and are not on their way yet. */
  held: number
  /** To itself, while nobody has it. */
  unused?: WeakRef<Slab>
}

const freeMax = 4

/**
 * Slabs of one size, used again and again: a fresh one for each would have the garbage collector run over the whole
 * heap every few megabytes, because it counts such memory against the heap's limit. What is not in use goes when the
 * garbage collector comes by all the same, so a burst leaves nothing behind.
 */
export class SlabPool {
  readonly slabBytes: number
  private readonly free: WeakRef<Slab>[] = []

  constructor(slabBytes: number) {
    this.slabBytes = slabBytes
  }

  take(): Slab {
    for (let kept = this.free.pop(); kept !== undefined; kept = this.free.pop()) {
      const slab = kept.deref()
      if (slab !== undefined) return slab
    }
    return { memory: Buffer.allocUnsafeSlow(this.slabBytes), filledBytes: 0, held: 0 }
  }

  /** Nobody holds a part of it any more, and nobody fills it. */
  give(slab: Slab): void {
    slab.filledBytes = 0
    if (this.free.length >= freeMax || slab.memory.length !== this.slabBytes) return
    slab.unused ??= new WeakRef(slab)
    this.free.push(slab.unused)
  }
}
