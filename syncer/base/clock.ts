/** Time as a parameter, so that a test or a simulation owns it. */
export interface Clock {
  /** Wall clock in milliseconds since the epoch. */
  now(): number
  /** Milliseconds that never go back, from an arbitrary start. */
  monotonic(): number
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}

/** For how long this process has had nothing to do but wait, since its start, in ms. */
export const processIdleMs = (): number => performance.nodeTiming.idleTime

/** Waiting as a parameter, for the same reason. */
export interface Timers {
  /** Calls `action` once, `delayMs` from now; the returned function cancels that. */
  after(delayMs: number, action: () => void): () => void
}

export const systemTimers: Timers = {
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs)
    return () => clearTimeout(timer)
  },
}
