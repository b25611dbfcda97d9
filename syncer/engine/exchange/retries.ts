import type { Clock } from '../../base/clock.ts'
import { TimerQueue } from '../../base/timer-queue.ts'
import type { Entry } from '../../endpoint/tree.ts'

/**
 * `refused`: the other end has something else there; the two will meet soon, which is no trouble. `undone`: both ends change
 * it back and forth; the wait is meant. `failed`: an end could not read or write it.
 */
export type RetryReason = 'refused' | 'undone' | 'failed'

interface Retry {
  atMs: number
  tries: number
  reason: RetryReason
}

/** What was not taken at the other end and is offered again after a while. */
export class Retries {
  private readonly clock: Clock
  private readonly byEntry = new Map<Entry, Retry>()
  /** May hold later times of theirs, and what is not tried again any more. */
  private readonly times = new TimerQueue<Entry>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  get size(): number {
    return this.byEntry.size
  }

  has(entry: Entry): boolean {
    return this.byEntry.has(entry)
  }

  /** Offers it again after a while; `waitMs` doubles with each try up to `waitMsMax`. */
  add(entry: Entry, reason: RetryReason, waitMs: number, waitMsMax: number): void {
    const tries = (this.byEntry.get(entry)?.tries ?? 0) + 1
    const atMs = this.clock.monotonic() + Math.min(waitMs * 2 ** Math.min(tries - 1, 20), waitMsMax)
    this.byEntry.set(entry, { atMs, tries, reason })
    this.times.add(atMs, entry)
  }

  /** Its time has come: the reason to wait is gone. */
  hurry(entry: Entry): void {
    const retry = this.byEntry.get(entry)
    if (retry !== undefined) retry.atMs = 0
  }

  delete(entry: Entry): void {
    this.byEntry.delete(entry)
  }

  clear(): void {
    this.byEntry.clear()
  }

  *of(reason: RetryReason): Generator<Entry> {
    for (const [entry, retry] of this.byEntry) if (retry.reason === reason) yield entry
  }

  isRefused(entry: Entry): boolean {
    return this.byEntry.get(entry)?.reason === 'refused'
  }

  isWaiting(entry: Entry, nowMs: number): boolean {
    const retry = this.byEntry.get(entry)
    return retry !== undefined && retry.atMs > nowMs
  }

  /** When the next one is due; monotonic ms. */
  due(): number {
    return this.times.nextDue()
  }

  /** Those whose time has come. They count as tried until something comes of it. */
  *take(nowMs: number): Generator<Entry> {
    for (let entry = this.times.take(nowMs); entry !== undefined; entry = this.times.take(nowMs)) {
      if (this.byEntry.has(entry)) yield entry
    }
  }
}
