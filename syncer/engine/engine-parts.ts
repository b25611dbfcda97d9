import type { Path } from '../core/path.ts'
import { Scanner } from '../endpoint/scanner.ts'
import { Handshake, type HandshakeOptions } from './contact/handshake.ts'
import { Exchange, type ExchangeOptions } from './exchange/exchange.ts'
import type { Journal } from './exchange/journal.ts'
import { Flushes } from './flushes.ts'
import { Housekeeping } from './housekeeping.ts'
import type { NewFolders } from './intake/graft-intake.ts'
import { Intake, type IntakeOptions } from './intake/intake.ts'
import { echoMs, Hints } from './notice/hints.ts'
import { scanEvents, type WatchOptions } from './notice/scan-events.ts'
import { Sweep } from './notice/sweep.ts'
import { Ahead } from './offer/ahead.ts'
import { EarlyContent, type EarlyOptions } from './offer/early-content.ts'
import type { GraftOffersOptions } from './offer/graft-offers.ts'
import { Offers } from './offer/offers.ts'
import { Arrivals } from './transfer/arrivals.ts'
import { Transfers } from './transfer/transfers.ts'

export interface EnginePartsOptions
  extends Omit<ExchangeOptions, 'record'>,
    Omit<HandshakeOptions, 'sweep' | 'ahead'>,
    GraftOffersOptions,
    EarlyOptions,
    IntakeOptions,
    WatchOptions {
  /** Pod only: a private folder that is about to become the folder `path` is to be watched as that from now on. */
  watchAhead?(path: Path, own: string): void
  /** Laptop only. */
  journal?: Journal
}

/** What one end consists of. */
export interface EngineParts {
  exchange: Exchange
  transfers: Transfers
  scanner: Scanner
  sweep: Sweep
  hints: Hints
  early: EarlyContent
  offers: Offers
  intake: Intake
  ahead: Ahead
  handshake: Handshake
  flushes: Flushes
  arrivals: Arrivals
  housekeeping: Housekeeping
}

/** Makes the parts of one end, each with those that it works with. */
export function assemble(options: EnginePartsOptions): EngineParts {
  const { journal, replica } = options
  const record = journal && { record: journal.append.bind(journal) }
  const exchange = new Exchange({ ...options, ...record })
  const transfers = new Transfers(exchange)
  // A first sync reads each file once, when it is sent.
  const readsLater = () => handshake.isNew
  const events = scanEvents(options, () => parts)
  const scanner = new Scanner(replica, () => exchange.rules, events, readsLater)
  const sweep = new Sweep(exchange, scanner, () => {
    ahead.grown()
    exchange.emit({ type: 'swept' })
    handshake.advance(sweep.scanned)
  })
  const early = new EarlyContent(exchange, transfers, options)
  const hints = new Hints(exchange, scanner, early)
  const offers = new Offers(exchange, { transfers, early }, entry => hints.readAgain(entry), options)
  const intake = new Intake(exchange, scanner, newFolders(options, hints), options)
  const ahead = new Ahead(exchange, scanner, offers.grafts)
  const sweepWithin = (ms: number | undefined) => sweep.beginWithin(ms)
  const handshake = new Handshake(exchange, { ...options, ahead, sweep: sweepWithin })
  const flushes = new Flushes(exchange, transfers, { scanner, hints, ahead })
  const arrivals = new Arrivals(exchange)
  const housekeeping = new Housekeeping(replica, rescue => intake.copies.rescue(rescue))
  for (const part of [transfers, scanner, hints, ahead, early]) exchange.keepWhile(entry => part.has(entry))
  const talk = { exchange, transfers, offers, intake, ahead, handshake, flushes, arrivals }
  const parts: EngineParts = { ...talk, scanner, sweep, hints, early, housekeeping }
  return parts
}

function newFolders(options: EnginePartsOptions, hints: Hints): NewFolders {
  return {
    made: entry => {
      options.watch(entry.path)
      hints.readSoon(entry, echoMs)
    },
    ahead: (path, own) => options.watchAhead?.(path, own),
    failed: path => options.unwatch(path),
  }
}

/** Paths that are known to differ or are under way. */
export function pendingOf({ exchange: x, transfers, intake, ahead }: EngineParts): number {
  const queued = x.urgent.size + x.backlog.size + x.waiting.size + x.holds.size
  return queued + x.flights.size + transfers.pending.files + intake.guard.size + ahead.held
}
