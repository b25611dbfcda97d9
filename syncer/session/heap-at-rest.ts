/** So long nothing may be under way before the heap is compacted, ms; looked at as often. */
const restMs = 2_000

/**
 * One gives back what is nearly empty, the next what that made so, and room for what is new once little of it is made.
 * Each takes some 50 ms with 100,000 files; all in one would need the memory of a second heap beside it.
 */
const compactionsMax = 4
/** A sweep leaves little that lasts, and much room for what is new. */
const compactionsAfterSweep = 2

export interface HeapSteps {
  /** Makes small what is kept. */
  fold(): void
  /** Gives back some of what is not used; done more than once. */
  compact(): void
}

/** Folds and compacts the heap, step by step, when a first sync has come to rest: what that left behind is most of a large session's memory. */
export class HeapAtRest {
  private readonly isIdle: () => boolean
  private readonly compact: () => void
  private steps: (() => void)[]
  private timer: NodeJS.Timeout | undefined
  private wasIdle = false
  private isDone = false
  private isClosed = false

  constructor(isIdle: () => boolean, { fold, compact }: HeapSteps) {
    this.isIdle = isIdle
    this.compact = compact
    this.steps = [fold, ...Array.from({ length: compactionsMax }, () => compact)]
  }

  /** There was much to do; nothing happens where this was said before. */
  begin(): void {
    if (this.isDone || this.timer !== undefined) return
    this.timer = setInterval(() => this.look(), restMs)
    this.timer.unref()
  }

  /** All of a folder was read once more. */
  swept(): void {
    if (!this.isDone || this.isClosed) return
    this.steps = Array.from({ length: compactionsAfterSweep }, () => this.compact)
    this.isDone = false
    this.begin()
  }

  close(): void {
    this.end()
    this.isClosed = true
  }

  private end(): void {
    clearInterval(this.timer)
    this.timer = undefined
    this.isDone = true
  }

  private look(): void {
    const isIdle = this.isIdle()
    if (isIdle && this.wasIdle) {
      this.steps.shift()?.()
      if (this.steps.length === 0) this.end()
    }
    this.wasIdle = isIdle
  }
}
