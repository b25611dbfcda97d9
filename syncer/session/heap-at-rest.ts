/** So long nothing may be under way before the heap is compacted, ms; looked at as often. */
const restMs = 2_000

/**
 * One gives back what is nearly empty, the next what that made so, and room for what is new once little of it is made.
 * Each takes some 50 ms with 100,000 files; all in one would need the memory of a second heap beside it.
 */
const stepsMax = 3

/** Compacts the heap when a first sync has come to rest: what that left behind is most of a large session's memory. */
export class HeapAtRest {
  private readonly isIdle: () => boolean
  private readonly compact: () => void
  private timer: NodeJS.Timeout | undefined
  private wasIdle = false
  private steps = 0
  private isDone = false

  constructor(isIdle: () => boolean, compact: () => void) {
    this.isIdle = isIdle
    this.compact = compact
  }

  /** There was much to do; nothing happens where this was said before. */
  begin(): void {
    if (this.isDone || this.timer !== undefined) return
    this.timer = setInterval(() => this.look(), restMs)
    this.timer.unref()
  }

  close(): void {
    clearInterval(this.timer)
    this.timer = undefined
    this.isDone = true
  }

  private look(): void {
    const isIdle = this.isIdle()
    if (isIdle && this.wasIdle) {
      this.steps += 1
      if (this.steps === stepsMax) this.close()
      this.compact()
    }
    this.wasIdle = isIdle
  }
}
