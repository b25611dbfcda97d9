import type { Hand } from '../test/e2e/support/hand.ts'

/** This process's clock, in milliseconds with parts of them. */
export function now(): number {
  return performance.timeOrigin + performance.now()
}

/** How another process's clock stands to ours. */
export interface ClockOffset {
  /** Their clock − ours, in ms. */
  offsetMs: number
  /** The truth is at most this far away: half of the shortest round trip. */
  errorMs: number
}

/**
 * Asks the other process for its time again and again and believes the answer that came back fastest (as NTP does):
 * whatever the line and the machine were busy with, that one was least delayed.
 */
export async function clockOffset(hand: Hand, asks = 60): Promise<ClockOffset> {
  let best = { offsetMs: 0, errorMs: Infinity }
  for (let i = 0; i < asks; i++) {
    const sent = now()
    const theirs = (await hand.call<{ now: number }>('ping')).now
    const received = now()
    const errorMs = (received - sent) / 2
    if (errorMs < best.errorMs) best = { offsetMs: theirs - (sent + received) / 2, errorMs }
  }
  return best
}
