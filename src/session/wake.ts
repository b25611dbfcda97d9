import type { Clock, Timers } from '../../syncer/base/clock.ts'

const BEAT_MS = 2_000
/** A beat that comes this much too late by the wall clock: the machine slept. */
const LATE_MS = 5_000

/** Calls `woke` after each sleep of the machine, until the returned function is called. */
export function onWake(clock: Clock, timers: Timers, woke: () => void): () => void {
  let cancel = () => {}
  const beat = (since: number) => {
    cancel = timers.after(BEAT_MS, () => {
      const now = clock.now()
      beat(now)
      if (now - since > BEAT_MS + LATE_MS) woke()
    })
  }
  beat(clock.now())
  return () => cancel()
}
