import { absent, folder, isFile } from '../../core/content.ts'
import type { Path } from '../../core/path.ts'
import type { Stat } from '../../disk/disk.ts'
import type { Look } from '../../endpoint/look.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Transfer } from '../transfer/transfer.ts'
import type { Transfers } from '../transfer/transfers.ts'
import { ContentOffers } from './content-offers.ts'
import type { EarlyContent } from './early-content.ts'
import { GraftOffers, type GraftOffersOptions } from './graft-offers.ts'
import { MoveOffers } from './move-offers.ts'
import { PutAnswers } from './put-answers.ts'
import { Puts } from './puts.ts'

/** How soon what cannot be read is tried again. */
const barredWaitMs = 1_000
const barredWaitMsMax = 30_000

type Known = Extract<Look, { state: 'known' }>

/**
 * Sends what changed here: the outgoing half of the state table. Per path at most one PUT is under way; a folder goes
 * before what is in it, and leaves after it.
 */
export class Offers {
  readonly grafts: GraftOffers
  readonly answers: PutAnswers
  private readonly x: Exchange
  private readonly transfers: Transfers
  private readonly early: EarlyContent
  private readonly puts: Puts
  private readonly moves: MoveOffers
  private readonly contents: ContentOffers
  private readonly reread: (entry: Entry) => void

  /** @param reread wants a file read again soon */
  constructor(
    exchange: Exchange,
    { transfers, early }: { transfers: Transfers; early: EarlyContent },
    reread: (entry: Entry) => void,
    options: GraftOffersOptions = {},
  ) {
    this.x = exchange
    this.reread = reread
    this.transfers = transfers
    this.early = early
    const puts = new Puts(exchange, transfers, early)
    this.puts = puts
    this.contents = new ContentOffers(exchange, transfers, early, puts)
    this.grafts = new GraftOffers(exchange, transfers, puts, options)
    this.moves = new MoveOffers(exchange, transfers, puts)
    this.answers = new PutAnswers(exchange, transfers, { puts, grafts: this.grafts, moves: this.moves })
  }

  reset(): void {
    this.early.reset()
    this.puts.reset()
    this.grafts.reset()
    this.moves.reset()
    for (const entry of this.x.untaken) this.x.queue(entry, false)
  }

  /** Offers what is queued, changes of now first, until `isOver`. */
  step(isOver: () => boolean): void {
    const { x } = this
    while (this.puts.haveRoom && !isOver()) {
      const urgent = x.urgent.take()
      const entry = urgent ?? x.backlog.take()
      if (entry === undefined) return
      x.backlog.delete(entry)
      this.offer(entry, urgent !== undefined)
    }
  }

  /** Offers files that were saved and came to rest: reading folders, which may take long, does not hold them up. */
  stepReleased(isOver: () => boolean): void {
    const { x } = this
    for (const entry of x.released.keys()) {
      if (!this.puts.haveRoom || isOver()) return
      if (x.urgent.has(entry)) {
        x.urgent.delete(entry)
        this.offer(entry, true)
      } else x.released.delete(entry)
    }
  }

  get hasWork(): boolean {
    const { x } = this
    return x.urgent.size + x.backlog.size > 0 && this.puts.haveRoom
  }

  /**
   * The content of a transfer is at the other end: the PUT follows, if it still stands here. So it does where a newer one
   * stands here, which goes next: what is replaced more often than it can be sent would never arrive.
   */
  staged({ entry, token, base, id, urgent }: Transfer): void {
    const isOvertaken = this.puts.overtaken.delete(entry)
    const isNewer = entry.agreed === base && isFile(entry.current) && entry.current !== base
    const stands = entry.current === token || isNewer
    if (!stands || token === entry.agreed || this.x.flights.has(entry) || !this.puts.order.parentReady(entry)) {
      this.x.send('control', { type: 'forget', id })
      this.x.queue(entry, false)
      return
    }
    this.puts.send(entry, entry.path, token, {
      live: urgent,
      staged: id,
      touched: isOvertaken || entry.current !== token,
    })
  }

  private offer(entry: Entry, urgent: boolean): void {
    const { x } = this
    const released = x.released.get(entry)
    x.released.delete(entry)
    const flight = x.flights.get(entry)
    if (flight !== undefined) flight.touched = true
    const goesAhead = this.transfers.has(entry)
    if (goesAhead) this.puts.overtaken.add(entry)
    if (flight !== undefined || x.holds.has(entry) || goesAhead) return
    const nowMs = x.clock.monotonic()
    if (x.retries.isWaiting(entry, nowMs) || this.goesWithFolder(entry)) return
    const path = entry.path
    if (x.rules.ignored(path, entry.current === folder)) {
      this.drop(entry)
      return
    }
    const before = released ?? entry.key
    const wallMs = x.clock.now()
    const look = this.look(entry, path, released)
    if (before !== null && x.holds.found(entry, before, nowMs, wallMs)) return
    if (look.state !== 'known') {
      this.lookLater(entry, look, urgent, nowMs)
      return
    }
    // Once more after the clock's granule: a later write could carry the same time stamps.
    if (released !== undefined && x.replica.looker.stamps.isUnsure(entry)) this.reread(entry)
    // Of a folder that is said where it is read.
    if (look.token !== folder) x.problems.readable(path)
    this.offerKnown(entry, path, look, urgent)
  }

  private offerKnown(entry: Entry, path: Path, { token, bytes }: Known, urgent: boolean): void {
    const { order } = this.puts
    if (token === entry.agreed && !this.x.untaken.has(entry)) {
      this.puts.settled(entry, token)
      return
    }
    if (token === absent && this.moves.movedAway(entry)) return
    if (token === folder && (this.moves.offer(entry, path) || this.grafts.offer(entry, urgent))) return
    if (token === entry.agreed) {
      // What could not be written there is not wanted any more: it is said, so that nobody is told of it for ever.
      this.puts.send(entry, path, token, { live: urgent })
      return
    }
    if (!order.parentReady(entry) || !order.childrenGone(entry, token)) return
    this.contents.offer(entry, path, token, bytes, urgent)
  }

  /** Its folder is being staged as a subtree, whose PUT wakes it. */
  private goesWithFolder(entry: Entry): boolean {
    const { parent } = entry
    if (parent === null || !this.transfers.has(parent) || entry.current === folder) return false
    this.puts.order.awaitParent(entry)
    return true
  }

  /** It is ignored now; it was read, or refused, when it travelled still. */
  private drop(entry: Entry): void {
    const { x } = this
    x.replica.looker.forget(entry)
    this.transfers.comparisons.release(entry)
    x.noRetry(entry)
    x.untaken.delete(entry)
    this.puts.order.untaken(entry)
  }

  private lookLater(entry: Entry, look: Exclude<Look, Known>, urgent: boolean, nowMs: number): void {
    const { x } = this
    const { path } = entry
    if (look.state === 'barred') {
      x.cannotRead(path, look.code, `${path} cannot be read here`, look.stat)
      x.retries.add(entry, 'failed', barredWaitMs, barredWaitMsMax)
    } else if (look.isReading) {
      this.transfers.comparisons.expect(entry)
      x.queue(entry, urgent)
    } else x.holds.later(entry, nowMs, 5)
  }

  /** @param released what the disk showed when it came to rest; while it does, that look need not be repeated */
  private look(entry: Entry, path: Path, released: Stat | undefined): Look {
    const { looker } = this.x.replica
    const look = released && looker.lookFrom(entry, path, released, true)
    const isKnown = look !== undefined && (look.state !== 'busy' || look.isReading === true)
    return isKnown ? look : looker.look(entry, path, true)
  }
}
