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
