import type { Clock, Timers } from '../../../syncer/base/clock.ts'

/** A clock that moves only when the test says so. */
export class FakeTime implements Clock, Timers {
  private nowMs = 1_000
  private timers: { atMs: number; action: () => void }[] = []

  now(): number {
    return 1_700_000_000_000 + this.nowMs
  }

  monotonic(): number {
    return this.nowMs
  }

  after(delayMs: number, action: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, action }
    this.timers.push(timer)
    return () => {
      this.timers = this.timers.filter(other => other !== timer)
    }
  }

  /** Moves on, firing what falls due in its order; between two timers the event loop runs. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.nowMs + byMs
    for (;;) {
      await settle()
      const next = this.timers.filter(timer => timer.atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (!next) break
      this.timers = this.timers.filter(timer => timer !== next)
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.action()
    }
    this.nowMs = endMs
    await settle()
  }

  /** The process stood still: time passed, then everything that is due fires at once. */
  async jump(byMs: number): Promise<void> {
    this.nowMs += byMs
    const due = this.timers.filter(timer => timer.atMs <= this.nowMs)
    this.timers = this.timers.filter(timer => timer.atMs > this.nowMs)
    for (const timer of due) timer.action()
    await settle()
  }

  get pendingTimers(): number {
    return this.timers.length
  }
}

/** Lets what is under way in memory come to rest. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise<void>(resolve => setImmediate(resolve))
}
