import type { Entry } from '../endpoint/tree.ts'
import type { Ack } from '../wire/change-message.ts'
import type { Exchange } from './exchange/exchange.ts'
import type { Transfers } from './transfer/transfers.ts'

interface Barrier {
  id: number
  /** What was not in step when it was asked for; those before `at` are by now. */
  entries: Entry[]
  at: number
  /** Folders had to be read first, to know what differs. */
  scanned: boolean
  /** The last change that had been sent. */
  seq: number
  /** How many of the changes that were sent since the other end has taken, of paths that go on changing. */
  taken: Map<Entry, number>
}

const barriersMax = 1_000
/** What the first one holds may have been read before; the next is read when the first was taken. */
const takenEnough = 2

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
    this.barriers.push({ id, entries: [...this.underWay()], at: 0, scanned, seq: this.x.lastSeq, taken: new Map() })
  }

  /** The other end has taken a change, which is still among the flights. */
  acked({ path, seq }: Ack): void {
    if (this.barriers.length === 0) return
    const entry = this.x.replica.tree.find(path)
    const flight = entry && this.x.flights.get(entry)
    if (entry === undefined || flight?.seq !== seq || flight.stale) return
    for (const { taken, seq: last } of this.barriers) if (seq > last) taken.set(entry, (taken.get(entry) ?? 0) + 1)
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
      const { entries, taken } = barrier
      const isThrough = (entry: Entry) => (taken.get(entry) ?? 0) >= takenEnough || !this.inProgress(entry)
      while (barrier.at < entries.length && isThrough(entries[barrier.at]!)) barrier.at += 1
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
    yield* x.retries.of('refused')
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
      x.retries.isRefused(entry)
    )
  }
}
