import type { Entry } from '../../endpoint/tree.ts'

const periodMs = 300

/** Remembers entries for 0.3 to 0.6 s, without a timer for each. */
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
