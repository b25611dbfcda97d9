import type { Clock, Timers } from '../base/clock.ts'

export interface HeartbeatOptions {
  clock: Clock
  timers: Timers
  intervalMs: number
  timeoutMs: number
  /** Sends the ping with this number. */
  ping: (number: number) => void
  /** Nothing has arrived for `timeoutMs`. */
  silent: () => void
}

/** Round trips that the shortest is chosen from. */
const samplesMax = 8

/** Asks the other end for a sign of life, and measures the round trip. Any byte that arrives is such a sign. */
export class Heartbeat {
  private readonly options: HeartbeatOptions
  private number = 0
  private sentAtMs = Number.NaN
  private heardAtMs: number
  private tickAtMs: number
  private readonly samplesMs: number[] = []
  private cancel: () => void

  constructor(options: HeartbeatOptions) {
    this.options = options
    this.heardAtMs = this.tickAtMs = options.clock.monotonic()
    this.cancel = options.timers.after(options.intervalMs, () => this.tick())
  }

  /** The shortest of the last round trips; 0 before the first. */
  get roundTripMs(): number {
    return this.samplesMs.length === 0 ? 0 : Math.min(...this.samplesMs)
  }

  /** Pings now, without waiting for the next turn. */
  ping(): void {
    this.number = (this.number + 1) >>> 0
    this.sentAtMs = this.options.clock.monotonic()
    this.options.ping(this.number)
  }

  heard(): void {
    this.heardAtMs = this.options.clock.monotonic()
  }

  pong(number: number): void {
    if (number !== this.number || Number.isNaN(this.sentAtMs)) return
    this.samplesMs.push(this.options.clock.monotonic() - this.sentAtMs)
    if (this.samplesMs.length > samplesMax) this.samplesMs.shift()
    this.sentAtMs = Number.NaN
  }

  stop(): void {
    this.cancel()
  }

  private tick(): void {
    const { clock, timers, intervalMs, timeoutMs, silent } = this.options
    const nowMs = clock.monotonic()
    // This process stood still (suspended, or busy): what arrived meanwhile is not read yet, so the other end gets
    // the time of one more ping to be heard.
    const stoodStill = nowMs - this.tickAtMs > 2 * intervalMs
    if (stoodStill) this.heardAtMs = Math.max(this.heardAtMs, nowMs - timeoutMs + intervalMs)
    this.tickAtMs = nowMs
    const silentInMs = this.heardAtMs + timeoutMs - nowMs
    if (silentInMs <= 0) {
      silent()
      return
    }
    this.ping()
    this.cancel = timers.after(Math.min(intervalMs, silentInMs), () => this.tick())
  }
}
