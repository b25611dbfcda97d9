import type { Path } from '../../core/path.ts'
import type { Put } from '../../wire/change-message.ts'

/** How long the stream of removals must pause before they are judged together, in ms. */
const burstPauseMs = 50
/** From so many on they are more likely to be part of something larger, whose other end may find a part of them late. */
const fewMax = 10
const largeBurstPauseMs = 250
/** What was let through so shortly before counts as part of the same, in ms. */
const togetherMs = 1_000
/** Then one more look, so long after, in ms: whatever had arrived by the first has been read by then. */
const lastLookMs = 5
/** A look that is later than this, in ms, says that this process stood still, not that nothing came. */
const lateMs = 5
/** Such looks in a row; a machine that is always late must get there too. */
const lateLooksMax = 20
/** More removals at once than this, and than the share below, stop: the pod's folder was emptied, not edited. */
const deletesMax = 50
const deletesShareMax = 0.3
/** How long after the last refused burst sync still counts as halted, in ms; the pod offers it again every 5 s. */
const haltedForMs = 12_000

/**
 * Holds removals from the pod back for a moment, to see how many come together. An emptied, unmounted or rebuilt folder
 * in the pod must never empty the laptop's. (The laptop's own removals need no guard: the pod is the replica.)
 */
export class DeleteGuard {
  private readonly fewEnough: number
  private held = new Map<Path, Put>()
  private untilMs = Number.POSITIVE_INFINITY
  private isLastLook = false
  private lateLooks = 0
  private haltedUntilMs = Number.NEGATIVE_INFINITY
  private letThrough = { count: 0, atMs: Number.NEGATIVE_INFINITY }

  /** @param fewEnough so many at once are let through, whatever share of all they are */
  constructor(fewEnough = deletesMax) {
    this.fewEnough = fewEnough
  }

  get size(): number {
    return this.held.size
  }

  due(): number {
    return this.untilMs
  }

  reset(): void {
    this.held = new Map()
    this.untilMs = Number.POSITIVE_INFINITY
    this.isLastLook = false
    this.lateLooks = 0
  }

  add(put: Put, nowMs: number): void {
    this.held.set(put.path, put)
    this.untilMs = nowMs + (this.held.size > fewMax ? largeBurstPauseMs : burstPauseMs)
    this.isLastLook = false
  }

  /** The change of one path that is held back, for judgement now. */
  takeOne(path: Path): Put | undefined {
    const put = this.held.get(path)
    this.held.delete(path)
    return put
  }

  haltDue(): number {
    return Number.isFinite(this.haltedUntilMs) ? this.haltedUntilMs : Number.POSITIVE_INFINITY
  }

  /** True once when a halt is over. */
  takeResumed(nowMs: number): boolean {
    if (!Number.isFinite(this.haltedUntilMs) || nowMs < this.haltedUntilMs) return false
    this.haltedUntilMs = Number.NEGATIVE_INFINITY
    return true
  }

  /** @param entries how many paths are in step @returns the burst and whether it may be applied */
  take(nowMs: number, entries: number): { puts: Put[]; allowed: boolean } | undefined {
    if (nowMs < this.untilMs || this.mayBeMore(nowMs)) return undefined
    const puts = [...this.held.values()]
    this.reset()
    const before = nowMs - this.letThrough.atMs < togetherMs ? this.letThrough.count : 0
    const together = before + puts.length
    const allowed = together <= Math.max(this.fewEnough, (entries + before) * deletesShareMax)
    if (allowed) this.letThrough = { count: together, atMs: nowMs }
    else this.haltedUntilMs = nowMs + haltedForMs
    return { puts, allowed }
  }

  /** Time is up; but timers come before what was received while this process stood still. */
  private mayBeMore(nowMs: number): boolean {
    const isLate = nowMs > this.untilMs + lateMs && this.lateLooks < lateLooksMax
    if (this.isLastLook && !isLate) return false
    if (isLate) this.lateLooks += 1
    this.isLastLook = !isLate
    this.untilMs = nowMs + (isLate ? burstPauseMs : lastLookMs)
    return true
  }
}
