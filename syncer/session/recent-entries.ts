import type { Entry } from '../endpoint/tree.ts'

const periodMs = 1_000

/** Remembers entries for one to two seconds, without a timer for each. */
export class RecentEntries {
  private current = new Set<Entry>()
  private previous = new Set<Entry>()
  private turnAtMs = 0

  add(entry: Entry, nowMs: number): void {
    this.turn(nowMs)
    this.current.add(entry)
  }

  has(entry: Entry, nowMs: number): boolean {
    this.turn(nowMs)
    return this.current.has(entry) || this.previous.has(entry)
  }

  private turn(nowMs: number): void {
    if (nowMs < this.turnAtMs) return
    this.previous = nowMs < this.turnAtMs + periodMs ? this.current : new Set()
    this.current = new Set()
    this.turnAtMs = nowMs + periodMs
  }
}
