import type { Scanner } from '../endpoint/scanner.ts'
import { Barriers } from './barriers.ts'
import type { Exchange } from './exchange/exchange.ts'
import type { Hints } from './notice/hints.ts'
import type { Ahead } from './offer/ahead.ts'
import type { Transfers } from './transfer/transfers.ts'

/**
 * Tells of each flush when everything that differed when it was asked for is in step, or was tried once more and cannot be
 * made.
 */
export class Flushes {
  readonly barriers: Barriers
  private readonly x: Exchange
  private readonly scanner: Scanner
  private readonly hints: Hints
  private readonly ahead: Ahead

  constructor(
    exchange: Exchange,
    transfers: Transfers,
    { scanner, hints, ahead }: { scanner: Scanner; hints: Hints; ahead: Ahead },
  ) {
    this.x = exchange
    this.barriers = new Barriers(exchange, transfers)
    this.scanner = scanner
    this.hints = hints
    this.ahead = ahead
  }

  add(id: number): void {
    this.hints.release()
    this.x.retryFailed()
    this.barriers.add(id, this.isRead)
    this.pass()
  }

  /** Tells of those whose time has come. */
  pass(): void {
    if (this.ahead.held > 0) return
    for (const id of this.barriers.passed(this.isRead)) {
      if (this.x.role === 'pod') this.x.send('control', { type: 'flushed', id })
      else this.x.emit({ type: 'flushed', side: 'laptop', id })
    }
  }

  /** Nothing that was put off waits to be read. */
  private get isRead(): boolean {
    return this.scanner.idle && !this.hints.isBehind
  }
}
