import { hash } from 'node:crypto'
import { errnoOf } from '../../base/errors.ts'
import { limits } from '../../base/limits.ts'
import { hashOf, isFile, type Token } from '../../core/content.ts'
import type { Path } from '../../core/path.ts'
import { inTree } from '../../disk/disk.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Transfers } from '../transfer/transfers.ts'
import type { EarlyContent } from './early-content.ts'
import type { Puts } from './puts.ts'

/** How long a change waits that the other end has undone again and again. */
const undoneWaitMs = 10_000

/** Sends one path's change, its content inside the PUT, named there as what went ahead, or as a transfer before it. */
export class ContentOffers {
  private readonly x: Exchange
  private readonly transfers: Transfers
  private readonly early: EarlyContent
  private readonly puts: Puts

  constructor(exchange: Exchange, transfers: Transfers, early: EarlyContent, puts: Puts) {
    this.x = exchange
    this.transfers = transfers
    this.early = early
    this.puts = puts
  }

  /** @param bytes the content, where it was read just now */
  offer(entry: Entry, path: Path, token: Token, bytes: Buffer | undefined, urgent: boolean): void {
    if (this.isUndoneAgain(entry, path, token)) return
    const { agreed, size } = entry
    const isSmall = size <= this.x.replica.grain.smallBytesMax
    const isSame = isFile(token) && isFile(agreed) && hashOf(token) === hashOf(agreed)
    const onlyMode = isSame && isSmall && !this.transfers.insists(entry)
    if (!isFile(token) || onlyMode) {
      this.puts.send(entry, path, token, { live: urgent })
      return
    }
    const early = this.early.take(entry, token, this.x.clock.monotonic())
    if (early !== undefined) {
      this.puts.send(entry, path, token, { live: urgent, staged: early })
      return
    }
    const calm = urgent || this.x.backlog.size < 64
    const fits = isSmall && size <= limits.inlineBytesMax && this.puts.inline.hasRoom(size)
    const inline = calm && fits ? (bytes ?? this.read(path, token, size)) : undefined
    if (inline === undefined) {
      this.puts.overtaken.delete(entry)
      this.transfers.add(entry, token, urgent)
      return
    }
    this.puts.inline.add(entry, size, this.x.clock.monotonic())
    this.puts.send(entry, path, token, { live: urgent, bytes: inline })
  }

  /** Programs at both ends undo each other's change: it waits, and that is said. */
  private isUndoneAgain(entry: Entry, path: Path, token: Token): boolean {
    const { x } = this
    if (x.role !== 'laptop' || !x.backAndForth.isTooMuch(entry, token, x.clock.monotonic())) return false
    const words = 'is changed back and forth by programs at both ends: what stands here waits for 10 s'
    x.problems.note(path, 'back-and-forth', `${path} ${words}`)
    x.retries.add(entry, 'undone', undoneWaitMs, undoneWaitMs)
    return true
  }

  /** The content that was looked at, read again; undefined where it is another by now. */
  private read(path: Path, token: Token, size: number): Buffer | undefined {
    try {
      const { bytes } = this.x.replica.disk.read(inTree(path), size + 1)
      return hash('sha256', bytes, 'hex') === hashOf(token) ? bytes : undefined
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }
}
