import type { Clock } from '../base/clock.ts'

/** Bytes after which a rate says something: an end that is busy for a moment is not a slow link. */
const windowBytes = 2 * 1024 * 1024
/** … or time, in ms. */
const windowMs = 1_000
/** Before the first of these is over, what is this fast by so many bytes is a fast link: none carries more than it can. */
const glimpseBytes = 128 * 1024
/**
 * The link is to blame for the time in which this end waited, and for no less than this share of all that went by: an end
 * that is busy itself hears late of what has arrived, and sends late.
 */
const waitedShareMin = 0.25
/** Weight of what was before. */
const memory = 0.5

/** How fast a link carries bytes, from how long it took for them. */
export class LinkRate {
  private bytes = 0
  private busyMs = 0
  private known: number | undefined
  private readonly clock: Clock
  private readonly idleMs: () => number
  /** Of the two, when the link began to carry what it told of last. */
  private since = { nowMs: 0, idleMs: 0 }

  /** @param idleMs for how long this end has had nothing to do but wait, so far */
  constructor(clock: Clock, idleMs: () => number) {
    this.clock = clock
    this.idleMs = idleMs
  }

  /** Bytes in a second; undefined until it has been seen. */
  get bytesPerSecond(): number | undefined {
    return this.known
  }

  /** Whether it is known to carry more than that in a second; sooner than {@link LinkRate.bytesPerSecond} is. */
  exceeds(bytesPerSecond: number): boolean {
    if (this.known !== undefined) return this.known > bytesPerSecond
    return this.bytes >= glimpseBytes && this.bytes * 1_000 > bytesPerSecond * this.busyMs
  }

  /** It has something to carry, after it had nothing. */
  begin(): void {
    this.since = { nowMs: this.clock.monotonic(), idleMs: this.idleMs() }
  }

  /** It has carried so much since it began, or since the last of these calls. */
  took(bytes: number): void {
    const { since } = this
    this.begin()
    const passedMs = this.since.nowMs - since.nowMs
    this.bytes += bytes
    this.busyMs += Math.max(this.since.idleMs - since.idleMs, waitedShareMin * passedMs)
    if (this.bytes < windowBytes && this.busyMs < windowMs) return
    const rate = (this.bytes / Math.max(this.busyMs, 0.001)) * 1_000
    this.known = this.known === undefined ? rate : memory * this.known + (1 - memory) * rate
    this.bytes = this.busyMs = 0
  }
}
