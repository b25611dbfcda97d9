/** So long nothing may be under way before the heap is compacted, ms; looked at as often. */
const restMs = 2_000

/** Compacts the heap once when a first sync has come to rest: what that left behind is most of a large session's memory. */
export class HeapAtRest {
  private readonly isIdle: () => boolean
  private readonly compact: () => void
  private timer: NodeJS.Timeout | undefined
  private wasIdle = false
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
      this.close()
      this.compact()
    }
    this.wasIdle = isIdle
  }
}
