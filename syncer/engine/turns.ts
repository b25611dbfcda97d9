import { isMuted } from '../core/sync-policy.ts'
import { type EngineParts, pendingOf } from './engine-parts.ts'
import { SecondLooks } from './notice/second-looks.ts'

/** One step of work ends after this long, so that a ping or a keystroke never waits longer, in ms. */
const sliceMs = 5
/** Looks into the trash end sooner: they come before what was found changed, and are in no hurry. */
const trashSliceMs = 1
/** So many paths that differ or are under way, or messages since the last turn, are much. */
const muchMin = 8

export interface TurnsOptions {
  /** Steps of one kind of work in one turn, where its time is not up before. */
  stepsMax?: number
}

/** Does the work of one end in turns: in which order its parts have theirs, and when the next one is due. */
export class Turns {
  private readonly parts: EngineParts
  private readonly stepsMax: number
  private readonly secondLooks = new SecondLooks()
  /** The last turn was cut short for saves. */
  private owesTurn = false
  /** Messages since the last turn that was not. */
  private received = 0

  constructor(parts: EngineParts, options: TurnsOptions) {
    this.parts = parts
    this.stepsMax = options.stepsMax ?? Number.POSITIVE_INFINITY
  }

  /** A message came. */
  heard(): void {
    this.received += 1
  }

  /** @param isAwaited messages wait to be taken: what can wait as well does */
  take(isAwaited = false): void {
    const { exchange: x, hints, early, handshake, sweep, intake, ahead, offers, transfers } = this.parts
    const { looker } = x.replica
    x.replica.newTurn()
    const nowMs = x.clock.monotonic()
    const isOver = this.slice()
    hints.tick(nowMs)
    handshake.tick(nowMs, sweep.scanned)
    x.takeRetries(nowMs)
    sweep.tick(nowMs)
    if (this.saves(nowMs, isOver)) return
    early.step(nowMs)
    hints.takeWaiting(isOver)
    sweep.step(isOver)
    if (this.readsUnasked) looker.readOn(isOver)
    const isMuch = Math.max(this.received, pendingOf(this.parts)) >= muchMin
    this.received = 0
    if (isAwaited || isMuch) this.secondLooks.busy(nowMs)
    const hasTime = nowMs >= this.secondLooks.fromMs
    this.parts.housekeeping.tick(nowMs, sweep.scanned, hasTime, this.slice(trashSliceMs))
    intake.tick(nowMs)
    if (x.live) ahead.release(isOver)
    // What waits there has no PUT yet: nothing may be offered that is in it, or below it.
    if (ahead.held === 0) offers.step(isOver)
    // While it is still being read, reading does not leave anything of the slice.
    transfers.step(x.ahead ? this.slice() : isOver)
    this.parts.arrivals.compare(this.slice())
    if (hasTime) hints.recheck(isAwaited ? () => true : isOver)
    this.parts.flushes.pass()
    x.commit()
  }

  due(): number {
    const { exchange: x, hints, early, handshake, scanner, sweep, intake, ahead, offers, transfers } = this.parts
    const hasWork = x.replica.assemblies.hasWork || offers.hasWork || transfers.hasWork || (x.live && ahead.held > 0)
    const isReading = (this.readsUnasked || (!x.live && !sweep.scanned)) && x.replica.looker.isReading
    if (!scanner.idle || isReading || hasWork || this.owesTurn) return 0
    const guard = Math.min(intake.guard.due(), intake.guard.haltDue())
    const soon = this.parts.flushes.barriers.size > 0 ? x.clock.monotonic() + 2 : Number.POSITIVE_INFINITY
    return Math.min(
      hints.due(this.secondLooks.fromMs),
      early.due(),
      handshake.due(),
      x.retryDue(),
      soon,
      sweep.due(),
      guard,
      this.parts.housekeeping.due(sweep.scanned, this.secondLooks.fromMs),
    )
  }

  /** Large files are read to the end though nobody offers them: a change of the other end waits for what stands here. */
  private get readsUnasked(): boolean {
    const { live, policy, role } = this.parts.exchange
    return live && isMuted(policy, role)
  }

  /**
   * What was saved and came to rest goes out before anything else is done.
   * @returns whether some of it leaves now, and all else waits for the next turn
   */
  private saves(nowMs: number, isOver: () => boolean): boolean {
    const { exchange: x, hints, offers } = this.parts
    const { lastSeq } = x
    const mayGo = this.parts.ahead.held === 0
    for (let hasMore = true; hasMore; ) {
      hasMore = hints.takeHolds(nowMs, isOver)
      if (mayGo) offers.stepReleased(isOver)
      hasMore &&= !isOver()
    }
    // Every other turn is a whole one, however many there are.
    this.owesTurn = !this.owesTurn && x.lastSeq > lastSeq
    if (this.owesTurn) x.commit()
    return this.owesTurn
  }

  private slice(lengthMs = sliceMs): () => boolean {
    const nowMs = () => this.parts.exchange.clock.monotonic()
    const endMs = nowMs() + lengthMs
    let steps = this.stepsMax
    return () => steps-- <= 0 || nowMs() >= endMs
  }
}
