import type { Clock } from '../base/clock.ts'

/** What two readings of one moment may be apart: `Date.now()` tells whole ms. */
const toleranceMs = 2

/** Watches whether somebody sets the wall clock back: time stamps that were seen already may be given once more then. */
export class ClockSteps {
  private readonly clock: Clock
  /** The most that the wall clock was ahead of the monotonic one, since it went back last. */
  private aheadMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** @returns whether it went back since this was asked last */
  wentBack(): boolean {
    const beforeMs = this.clock.monotonic()
    const nowMs = this.clock.now()
    // The process stood still in between: that is no step.
    if (this.clock.monotonic() - beforeMs > toleranceMs / 2) return false
    const aheadMs = nowMs - beforeMs
    const isBack = aheadMs < this.aheadMs - toleranceMs
    if (isBack || aheadMs > this.aheadMs) this.aheadMs = aheadMs
    return isBack
  }
}
