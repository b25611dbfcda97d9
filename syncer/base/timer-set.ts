import { TimerQueue } from './timer-queue.ts'

/** Things that are due, each once, at the soonest of the times it was added with. Times are the caller's (ms). */
export class TimerSet<T> {
  private readonly dueMs = new Map<T, number>()
  /** May hold other times of theirs, and what was deleted. */
  private readonly times = new TimerQueue<T>()

  get size(): number {
    return this.dueMs.size
  }

  has(item: T): boolean {
    return this.dueMs.has(item)
  }

  /** Keeps the sooner time where it is there already. */
  add(dueMs: number, item: T): void {
    if ((this.dueMs.get(item) ?? Number.POSITIVE_INFINITY) <= dueMs) return
    this.dueMs.set(item, dueMs)
    this.times.add(dueMs, item)
  }

  delete(item: T): void {
    this.dueMs.delete(item)
  }

  clear(): void {
    this.dueMs.clear()
  }

  /** No item is due before; `Infinity` where there is none. */
  nextDue(): number {
    return this.dueMs.size === 0 ? Number.POSITIVE_INFINITY : this.times.nextDue()
  }

  /** Those whose time has come, each told once; they stay until they are deleted. */
  *due(nowMs: number): Generator<T> {
    for (let item = this.times.take(nowMs); item !== undefined; item = this.times.take(nowMs)) {
      if ((this.dueMs.get(item) ?? Number.POSITIVE_INFINITY) <= nowMs) yield item
    }
  }

  [Symbol.iterator](): Iterator<T> {
    return this.dueMs.keys()
  }
}
