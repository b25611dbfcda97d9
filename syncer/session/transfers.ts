import { errnoOf } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import type { Token } from '../core/content.ts'
import { inTree, type OpenFile, type Stat } from '../disk/disk.ts'
import { type Entry, sameKey } from '../endpoint/tree.ts'
import type { Exchange } from './exchange.ts'

/** Content on the bulk lane that is not answered yet. */
const outstandingBytesMax = 32 * 1024 * 1024
const partBytes = limits.framePayloadBytesMax - 4096

interface Transfer {
  id: number
  entry: Entry
  token: Token
  size: number
  urgent: boolean
}

interface Reading {
  transfer: Transfer
  file: OpenFile
  stat: Stat
  offset: number
}

/** Sends content ahead of its PUT on the bulk lane: small files in one message, large ones in parts, one at a time. */
export class Transfers {
  doneBytes = 0
  doneFiles = 0
  private readonly x: Exchange
  private readonly queue: Transfer[] = []
  private queueAt = 0
  private readonly byEntry = new Map<Entry, Transfer>()
  private readonly byId = new Map<number, Transfer>()
  private readonly insisting = new Set<Entry>()
  private reading: Reading | undefined
  private outstandingBytes = 0
  private pendingBytes = 0
  private lastId = 0

  constructor(exchange: Exchange) {
    this.x = exchange
  }

  /** Bytes and files that are waiting or under way. */
  get pending(): { bytes: number; files: number } {
    return { bytes: this.pendingBytes, files: this.byEntry.size }
  }

  entries(): Iterable<Entry> {
    return this.byEntry.keys()
  }

  has(entry: Entry): boolean {
    return this.byEntry.has(entry)
  }

  /** The other end does not have the content that a PUT took for granted: send it. */
  insist(entry: Entry): void {
    this.insisting.add(entry)
  }

  insists(entry: Entry): boolean {
    return this.insisting.has(entry)
  }

  reset(): void {
    this.stopReading()
    this.queue.length = 0
    this.queueAt = 0
    this.byEntry.clear()
    this.byId.clear()
    this.insisting.clear()
    this.outstandingBytes = 0
    this.pendingBytes = 0
    this.doneBytes = 0
    this.doneFiles = 0
  }

  add(entry: Entry, token: Token, urgent: boolean): void {
    this.lastId += 1
    const transfer: Transfer = { id: this.lastId, entry, token, size: entry.key?.size ?? 0, urgent }
    this.byEntry.set(entry, transfer)
    this.pendingBytes += transfer.size
    if (urgent) this.queue.splice(this.queueAt, 0, transfer)
    else this.queue.push(transfer)
  }

  get hasWork(): boolean {
    // What has begun is counted whole, so it must go on: only its last part is answered.
    const mayOpen = this.queueAt < this.queue.length && this.outstandingBytes < outstandingBytesMax
    return this.x.live && this.x.writable('bulk') && (this.reading !== undefined || mayOpen)
  }

  /** Reads and sends until `isOver`, or until the lane or the other end has enough. */
  step(isOver: () => boolean): void {
    while (this.hasWork && !isOver()) {
      this.reading ??= this.openNext()
      if (this.reading !== undefined) this.sendPart(this.reading)
    }
  }

  /** @returns the transfer whose content is at the other end now */
  staged(id: number): { entry: Entry; token: Token; urgent: boolean } | undefined {
    const transfer = this.byId.get(id)
    if (transfer === undefined) return undefined
    this.end(transfer)
    this.doneBytes += transfer.size
    this.doneFiles += 1
    return transfer
  }

  unstaged(id: number, reason: 'damaged' | 'failed'): void {
    const transfer = this.byId.get(id)
    if (transfer === undefined) return
    if (this.reading?.transfer === transfer) this.stopReading()
    this.end(transfer)
    if (reason === 'failed') this.x.retry(transfer.entry, 1_000, 30_000)
    else this.lookAnew(transfer.entry)
  }

  private end(transfer: Transfer): void {
    this.byId.delete(transfer.id)
    this.byEntry.delete(transfer.entry)
    this.insisting.delete(transfer.entry)
    this.outstandingBytes -= transfer.size
    this.pendingBytes -= transfer.size
  }

  private openNext(): Reading | undefined {
    const transfer = this.queue[this.queueAt++]!
    if (this.queueAt > 1024) {
      this.queue.splice(0, this.queueAt)
      this.queueAt = 0
    }
    this.byId.set(transfer.id, transfer)
    this.outstandingBytes += transfer.size
    try {
      const file = this.x.replica.disk.open(inTree(transfer.entry.path))
      const stat = file.opened
      if (transfer.entry.key !== null && sameKey(stat, transfer.entry.key)) return { transfer, file, stat, offset: 0 }
      file.close()
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
    }
    this.drop(transfer)
    return undefined
  }

  private sendPart(reading: Reading): void {
    const { transfer, file, stat } = reading
    let bytes: Buffer
    try {
      bytes = file.read(reading.offset, Math.min(partBytes, stat.size - reading.offset))
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      this.stopReading()
      this.drop(transfer)
      return
    }
    const { offset } = reading
    reading.offset += bytes.length
    // A file that shrank meanwhile ends early: the other end finds the hash wrong and says so.
    const last = reading.offset >= stat.size || bytes.length === 0
    const mtimeMs = Number(stat.mtimeNs / 1_000_000n)
    this.x.send('bulk', { type: 'content', id: transfer.id, token: transfer.token, offset, last, mtimeMs, bytes })
    if (last) this.stopReading()
  }

  /** It is not what was to be sent any more. */
  private drop(transfer: Transfer): void {
    this.end(transfer)
    this.lookAnew(transfer.entry)
  }

  private lookAnew(entry: Entry): void {
    entry.key = null
    this.x.queue(entry, true)
  }

  private stopReading(): void {
    this.reading?.file.close()
    this.reading = undefined
  }
}
