import { limits } from '../../base/limits.ts'
import type { Token } from '../../core/content.ts'
import { isMuted } from '../../core/sync-policy.ts'
import type { Stat } from '../../disk/disk.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Transfers } from '../transfer/transfers.ts'

/** Of files that are held for so short a time: what is held longer is most likely written to meanwhile, in ms. */
const heldMsMax = 5
/** Only where the other end has answered a change within this: a slow line has no room for what may be dropped, in ms. */
const answerMsMax = 20
/** The quickest of the last answers tells how far away the other end is, whatever held up the others. */
const answersKept = 4
/** A PUT that comes later than this brings its content along: its file's time is to be that of now, in ms. */
const ageMsMax = 50
/** More at once are no saves of a person's: they bring their content along. */
const atOnceMax = 4

export interface EarlyOptions {
  /** How soon the other end must have answered a change, in ms; a few when absent. */
  earlyAnswerMsMax?: number
}

interface Sent {
  id: number
  token: Token
  atMs: number
}

/**
 * Sends the content of a small file that was written in place while it is held back, so that only the decision is left to
 * be sent when it has come to rest. It decides nothing: what goes is what stands there then, read once more, and content
 * that went ahead is named only where it is that.
 */
export class EarlyContent {
  private readonly x: Exchange
  private readonly transfers: Transfers
  private readonly answerMsMax: number
  /** Files that were written to since the last step, and what the disk showed of them. */
  private readonly noted = new Map<Entry, Stat>()
  /** Oldest first. */
  private readonly sent = new Map<Entry, Sent>()
  private answersMs: number[] = []

  constructor(exchange: Exchange, transfers: Transfers, options: EarlyOptions = {}) {
    this.x = exchange
    this.transfers = transfers
    this.answerMsMax = options.earlyAnswerMsMax ?? answerMsMax
  }

  has(entry: Entry): boolean {
    return this.noted.has(entry) || this.sent.has(entry)
  }

  reset(): void {
    this.noted.clear()
    this.sent.clear()
    this.answersMs = []
  }

  due(): number {
    if (this.noted.size > 0) return 0
    const [first] = this.sent.values()
    return first === undefined ? Number.POSITIVE_INFINITY : first.atMs + ageMsMax
  }

  /** A file is held since it was written to. */
  note(entry: Entry, stat: Stat, nowMs: number): void {
    const isSmall = stat.kind === 'file' && stat.size > 0 && stat.size <= limits.earlyBytesMax
    const isSoon = this.x.holds.dueOf(entry) - nowMs <= heldMsMax
    if (isSmall && isSoon && this.isNear && !this.sent.has(entry)) this.noted.set(entry, stat)
    else this.noted.delete(entry)
  }

  /** The other end has answered a change after so many ms. */
  answered(tookMs: number): void {
    this.answersMs.push(tookMs)
    if (this.answersMs.length > answersKept) this.answersMs.shift()
  }

  /** Sends what was noted, and forgets what was sent for nothing. */
  step(nowMs: number): void {
    for (const [entry, { atMs }] of this.sent) {
      if (atMs + ageMsMax > nowMs) break
      this.forget(entry)
    }
    if (this.noted.size === 0) return
    const noted = [...this.noted]
    this.noted.clear()
    if (this.sent.size + noted.length > atOnceMax || !this.isCalm) return
    for (const [entry, stat] of noted) this.send(entry, stat, nowMs)
  }

  /** @returns the transfer that has brought this content, for a PUT that names it */
  take(entry: Entry, token: Token, nowMs: number): number | undefined {
    const sent = this.sent.get(entry)
    if (sent === undefined) return undefined
    if (sent.token !== token || sent.atMs + ageMsMax < nowMs) {
      this.forget(entry)
      return undefined
    }
    this.sent.delete(entry)
    return sent.id
  }

  private get isNear(): boolean {
    return Math.min(...this.answersMs) <= this.answerMsMax
  }

  /** Nothing else is on its way that it would hold up. */
  private get isCalm(): boolean {
    const { x, transfers } = this
    const isFree = x.live && !isMuted(x.policy, x.role) && x.writable('control')
    return isFree && x.backlog.size === 0 && x.flights.size <= atOnceMax && transfers.pending.files === 0
  }

  private send(entry: Entry, stat: Stat, nowMs: number): void {
    const { x } = this
    if (!x.holds.has(entry) || x.flights.has(entry) || x.retries.isWaiting(entry, nowMs)) return
    const { path } = entry
    const peeked = x.replica.looker.peek(entry, path, stat)
    if (peeked === undefined || peeked.token === entry.agreed) return
    const { token, bytes } = peeked
    const id = this.transfers.nextId()
    this.sent.set(entry, { id, token, atMs: nowMs })
    const mtimeMs = Number(stat.mtimeNs / 1_000_000n)
    x.send('control', { type: 'early', id, path, token, mtimeMs, bytes })
  }

  private forget(entry: Entry): void {
    const sent = this.sent.get(entry)
    this.sent.delete(entry)
    if (sent !== undefined) this.x.send('control', { type: 'forget', id: sent.id })
  }
}
