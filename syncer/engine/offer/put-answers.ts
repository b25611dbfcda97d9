import type { Entry } from '../../endpoint/tree.ts'
import type { Ack, Rej } from '../../wire/change-message.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Flight } from '../exchange/flight.ts'
import type { Transfers } from '../transfer/transfers.ts'
import type { GraftOffers } from './graft-offers.ts'
import type { MoveOffers } from './move-offers.ts'
import type { Puts } from './puts.ts'

/** How soon a refused change is offered again unless the other end's own change comes first (sync-findings C). */
const refusedWaitMs = 200
/** How soon what the other end could not write is offered again. */
const untakenWaitMs = 1_000
const untakenWaitMsMax = 30_000

/** What follows from the other end's answers: a change that was taken is agreed, one that was refused goes again later. */
export class PutAnswers {
  private readonly x: Exchange
  private readonly transfers: Transfers
  private readonly puts: Puts
  private readonly grafts: GraftOffers
  private readonly moves: MoveOffers

  constructor(
    exchange: Exchange,
    transfers: Transfers,
    { puts, grafts, moves }: { puts: Puts; grafts: GraftOffers; moves: MoveOffers },
  ) {
    this.x = exchange
    this.transfers = transfers
    this.puts = puts
    this.grafts = grafts
    this.moves = moves
  }

  onAck(message: Ack): void {
    const answered = this.puts.answered(message)
    if (answered === undefined) return
    const { entry, flight } = answered
    this.x.untaken.delete(entry)
    this.taken(entry, flight)
    for (const below of flight.members ?? []) {
      const own = this.x.flights.get(below)
      if (own?.seq !== flight.seq) continue
      this.x.flights.delete(below)
      this.taken(below, own)
    }
  }

  private taken(entry: Entry, flight: Flight): void {
    const { x } = this
    x.followed.delete(entry)
    if (!flight.stale) x.answered(entry, flight.data)
    x.emit({ type: 'changed', path: entry.path, direction: 'out' })
    if (flight.touched || entry.current !== entry.agreed) x.queue(entry, false)
    else this.puts.settled(entry, entry.current)
  }

  onRej(message: Rej): void {
    const answered = this.puts.answered(message)
    if (answered === undefined) return
    const { entry, flight } = answered
    this.x.unsent(entry)
    this.x.untaken.delete(entry)
    if (flight.isMove) this.moves.refuse(entry)
    else if (flight.members !== undefined) this.grafts.refuse(entry)
    for (const below of flight.members ?? []) {
      if (this.x.flights.get(below)?.seq !== flight.seq) continue
      this.x.flights.delete(below)
      this.x.unsent(below)
      this.x.queue(below, false)
    }
    if (flight.isMove) this.x.queue(entry, true)
    else this.offerAgain(entry, message.reason)
  }

  /** When it goes again depends on why it was refused. */
  private offerAgain(entry: Entry, reason: Rej['reason']): void {
    if (reason !== 'differs') this.x.followed.delete(entry)
    switch (reason) {
      case 'differs':
      case 'changed':
        // Where its folder cannot be, or what is in it cannot go, nothing of the other end is to meet it: that trouble is told.
        if (this.x.isBelowUntaken(entry) || this.x.isAboveUntaken(entry))
          this.x.retries.add(entry, 'failed', untakenWaitMs, untakenWaitMsMax)
        else this.x.retries.add(entry, 'refused', refusedWaitMs, 5_000)
        break
      case 'need':
        this.transfers.insist(entry)
        this.x.queue(entry, true)
        break
      case 'failed':
        this.x.untaken.add(entry)
        this.puts.order.untaken(entry)
        this.x.retries.add(entry, 'failed', untakenWaitMs, untakenWaitMsMax)
        break
      case 'halted':
        this.x.retries.add(entry, 'refused', 5_000, 5_000)
        break
      case 'ignored':
        break
    }
  }
}
