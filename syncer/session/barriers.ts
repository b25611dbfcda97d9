import type { Entry } from '../endpoint/tree.ts'
import type { Exchange } from './exchange.ts'
import type { Transfers } from './transfers.ts'

interface Barrier {
  id: number
  /** What was not in step when it was asked for; those before `at` are by now. */
  entries: Entry[]
  at: number
  /** Folders had to be read first, to know what differs. */
  scanned: boolean
}

const barriersMax = 1_000

/** Tells when everything that differed at one moment is in step, however much changes after it. */
export class Barriers {
  private readonly x: Exchange
  private readonly transfers: Transfers
  private readonly barriers: Barrier[] = []

  constructor(exchange: Exchange, transfers: Transfers) {
    this.x = exchange
    this.transfers = transfers
  }

  get size(): number {
    return this.barriers.length
  }

  clear(): void {
    this.barriers.length = 0
  }

  add(id: number, scanned: boolean): void {
    if (this.barriers.length >= barriersMax) this.barriers.shift()
    this.barriers.push({ id, entries: [...this.underWay()], at: 0, scanned })
  }

  /** @returns the ids whose time has come */
  passed(scanned: boolean): number[] {
    const passed: number[] = []
    for (const barrier of [...this.barriers]) {
      if (!barrier.scanned) {
        if (!scanned) continue
        barrier.scanned = true
        for (const entry of this.underWay()) barrier.entries.push(entry)
      }
      // Up to the first that is still under way: looking at all of them each time would cost more than the work itself.
      const { entries } = barrier
      while (barrier.at < entries.length && !this.inProgress(entries[barrier.at]!)) barrier.at += 1
      if (barrier.at < entries.length) continue
      this.barriers.splice(this.barriers.indexOf(barrier), 1)
      passed.push(barrier.id)
    }
    return passed
  }

  private *underWay(): Generator<Entry> {
    const { x } = this
    yield* x.urgent
    yield* x.backlog
    yield* x.waiting
    yield* x.holds.entries()
    yield* x.flights.keys()
    yield* this.transfers.entries()
    yield* x.refused()
  }

  private inProgress(entry: Entry): boolean {
    const { x } = this
    return (
      x.urgent.has(entry) ||
      x.backlog.has(entry) ||
      x.waiting.has(entry) ||
      x.flights.has(entry) ||
      x.holds.has(entry) ||
      this.transfers.has(entry) ||
      x.isRefused(entry)
    )
  }
}
