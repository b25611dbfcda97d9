import { absent, type Token } from '../../core/content.ts'
import type { Path } from '../../core/path.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Ack, Put, Rej } from '../../wire/change-message.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Flight } from '../exchange/flight.ts'
import type { Transfers } from '../transfer/transfers.ts'
import type { EarlyContent } from './early-content.ts'
import { FolderOrder } from './folder-order.ts'
import { InlineWindow } from './inline-window.ts'

const openPutsMax = 8_192

/** The PUTs of this end: how many wait for their answer, and what each of them is about. Per path at most one is under way. */
export class Puts {
  readonly order: FolderOrder
  readonly inline = new InlineWindow()
  /** Entries that may have changed since their content went ahead: they are looked at again when it is answered. */
  readonly overtaken = new Set<Entry>()
  private readonly x: Exchange
  private readonly transfers: Transfers
  private readonly early: EarlyContent
  /** Without an answer. */
  private open = 0

  constructor(exchange: Exchange, transfers: Transfers, early: EarlyContent) {
    this.x = exchange
    this.transfers = transfers
    this.early = early
    this.order = new FolderOrder(exchange)
  }

  reset(): void {
    this.inline.reset()
    this.overtaken.clear()
    this.order.reset()
    this.open = 0
  }

  /** One more may go. */
  get haveRoom(): boolean {
    const hasRoom = this.open < openPutsMax && !this.inline.isWorthWaiting
    return this.x.live && hasRoom && this.x.writable('control')
  }

  /** @returns the number of what is sent next */
  begin(): number {
    this.open += 1
    return this.x.nextSeq()
  }

  send(
    entry: Entry,
    path: Path,
    data: Token,
    how: { live: boolean; bytes?: Uint8Array; staged?: number; touched?: boolean },
  ): number {
    const { x } = this
    const seq = this.begin()
    this.transfers.comparisons.release(entry)
    const sentMs = x.clock.monotonic()
    this.fly(entry, { seq, data, stale: false, touched: how.touched ?? false, sentMs })
    const mtimeMs = entry.key === null ? 0 : Number(entry.key.mtimeNs / 1_000_000n)
    const message: Put = { type: 'put', seq, path, base: entry.agreed, data, mtimeMs, live: how.live }
    if (how.bytes !== undefined) message.bytes = how.bytes
    if (how.staged !== undefined) message.staged = how.staged
    x.send('control', message)
    this.order.wakeChildren(entry)
    if (data === absent) this.order.left(entry)
    return seq
  }

  /** A change of this path is under way. */
  fly(entry: Entry, flight: Flight): void {
    const { x } = this
    if (x.role === 'laptop') {
      entry.sent = flight.data
      x.record({ type: 'sent', path: entry.path, token: flight.data })
    }
    x.flights.set(entry, flight)
  }

  /** @returns what this answers; undefined where nothing of that number is under way */
  answered(message: Ack | Rej): { entry: Entry; flight: Flight } | undefined {
    const entry = this.x.replica.tree.find(message.path)
    const flight = entry && this.x.flights.get(entry)
    if (entry === undefined || flight === undefined || flight.seq !== message.seq) return undefined
    this.x.flights.delete(entry)
    this.transfers.placed(entry)
    this.open -= 1
    const nowMs = this.x.clock.monotonic()
    this.inline.answered(entry, nowMs)
    if (flight.sentMs !== undefined) this.early.answered(nowMs - flight.sentMs)
    return { entry, flight }
  }

  /** Nothing to tell: what stands here is agreed. */
  settled(entry: Entry, token: Token): void {
    this.x.noRetry(entry)
    this.transfers.comparisons.release(entry)
    this.order.wakeChildren(entry)
    if (token === absent) {
      this.order.left(entry)
      this.x.prune(entry)
    }
  }
}
