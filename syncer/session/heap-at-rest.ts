/** So long nothing may be under way before the heap is compacted, ms; looked at as often. */
const restMs = 2_000
/** Looks between the end of one run of compactions and the next: a minute, for each of a run takes some 70 ms with 100,000 files. */
const looksApart = 30
/** The heap is compacted when it takes so much more than it did when that was done last, bytes. */
const growthBytes = 6e6
/** A compaction that gives back less has done little, bytes; the next may still do more: what is new has less room after it. */
const gainBytesMin = 1e6
/** Of such compactions in a row. */
const vainMax = 2
/** Whatever they give back. */
const compactionsMax = 12

export interface HeapSteps {
  /** Makes small what is kept. */
  fold(): void
  /** Gives back some of what is not used; done more than once. */
  compact(): void
  /** What the heap takes of the machine's memory, with what is not used and not given back. */
  heldBytes(): number
}

interface Run {
  heldBytes: number
  compactions: number
  vain: number
}

/**
 * Folds and compacts the heap, step by step, when what made it grow has come to rest: a first sync, many edits at once,
 * another connection, a sweep. V8 looks through its heap when that grows, which at rest it does not: what was left behind
 * would be most of a large session's memory for as long as nothing happens.
 */
export class HeapAtRest {
  private readonly isIdle: () => boolean
  private readonly steps: HeapSteps
  private timer: NodeJS.Timeout | undefined
  private wasIdle = false
  private run: Run | undefined
  /** When the last run ended. */
  private settledBytes = 0
  private looksSince = looksApart
  private isClosed = false

  constructor(isIdle: () => boolean, steps: HeapSteps) {
    this.isIdle = isIdle
    this.steps = steps
  }

  /** From now on; nothing happens where this was said before. */
  begin(): void {
    if (this.isClosed || this.timer !== undefined) return
    this.timer = setInterval(() => this.look(), restMs)
    this.timer.unref()
  }

  /** Something changed: it was not at rest since the last look. */
  changed(): void {
    this.wasIdle = false
  }

  close(): void {
    clearInterval(this.timer)
    this.isClosed = true
  }

  private look(): void {
    this.looksSince += 1
    const isIdle = this.isIdle()
    if (isIdle && this.wasIdle) this.rested()
    this.wasIdle = isIdle
  }

  private rested(): void {
    const { run, steps } = this
    if (run !== undefined) this.compact(run)
    else if (this.looksSince > looksApart && steps.heldBytes() >= this.settledBytes + growthBytes) {
      steps.fold()
      this.run = { heldBytes: steps.heldBytes(), compactions: 0, vain: 0 }
    }
  }

  /** All in one would need the memory of a second heap beside it. */
  private compact(run: Run): void {
    this.steps.compact()
    const heldBytes = this.steps.heldBytes()
    run.vain = run.heldBytes - heldBytes < gainBytesMin ? run.vain + 1 : 0
    run.compactions += 1
    run.heldBytes = heldBytes
    if (run.vain < vainMax && run.compactions < compactionsMax) return
    this.run = undefined
    this.settledBytes = heldBytes
    this.looksSince = 0
  }
}
