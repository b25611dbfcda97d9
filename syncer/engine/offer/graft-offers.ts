import { absent, folder, unreadFile } from '../../core/content.ts'
import type { Path } from '../../core/path.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Exchange } from '../exchange/exchange.ts'
import { collectGraft } from '../transfer/readings.ts'
import type { Member, Transfer } from '../transfer/transfer.ts'
import type { Transfers } from '../transfer/transfers.ts'
import type { Puts } from './puts.ts'

/** A smaller subtree that was made just now is there sooner path by path: its content needs no answer first. */
const urgentGraftMinDefault = 64

export interface GraftOffersOptions {
  /** Paths of a subtree that was made just now from which on it goes as one. */
  urgentGraftMin?: number
}

/** Sends subtrees that the other end lacks: staged there as one, with one PUT for all of it. */
export class GraftOffers {
  private readonly x: Exchange
  private readonly transfers: Transfers
  private readonly puts: Puts
  private readonly urgentGraftMin: number
  /** Folders that were not taken as a subtree: they go path by path. */
  private readonly refused = new Set<Entry>()

  constructor(exchange: Exchange, transfers: Transfers, puts: Puts, options: GraftOffersOptions) {
    this.x = exchange
    this.transfers = transfers
    this.puts = puts
    this.urgentGraftMin = options.urgentGraftMin ?? urgentGraftMinDefault
  }

  reset(): void {
    this.refused.clear()
  }

  /** The other end did not take it as a subtree: it goes path by path. */
  refuse(root: Entry): void {
    this.refused.add(root)
  }

  /** Sends a folder that the other end lacks together with what is in it. @returns false where it goes by itself */
  offer(entry: Entry, urgent: boolean): boolean {
    const { x, transfers } = this
    const { parent } = entry
    if (x.role === 'pod' || entry.agreed !== absent || this.refused.has(entry) || parent === null) return false
    // Its folder may be on its way in another subtree: then that one's PUT goes first.
    if (!transfers.has(parent) && !this.puts.order.parentReady(entry)) return false
    return this.send(entry, urgent, () => true).length > 0
  }

  /**
   * Sends a folder with what is in it before anything is agreed, where the other end has nothing of it.
   * @param isWanted of each path below it
   * @returns what goes; nothing where it is not worth it
   */
  goAhead(root: Entry, isWanted: (entry: Entry) => boolean): Member[] {
    const { x } = this
    const mayGo = root.current === folder && root.agreed === absent && !this.refused.has(root)
    if (!mayGo || x.holds.has(root) || this.transfers.has(root) || x.rules.ignored(root.path, true)) return []
    return this.send(root, false, isWanted)
  }

  private send(root: Entry, urgent: boolean, isWanted: (entry: Entry) => boolean): Member[] {
    const { x, transfers } = this
    const nowMs = x.clock.monotonic()
    const mayGo = (each: Entry, path: Path) => {
      const isUnderWay = x.flights.has(each) || x.holds.has(each) || transfers.has(each)
      const isFree = !isUnderWay && each.sent === undefined && !x.retries.isWaiting(each, nowMs)
      // What is known of a path may be older than the rule that forbids it; what was just noted is not.
      const isAllowed = each.current === unreadFile || !x.rules.ignored(path, each.current === folder)
      return isFree && isWanted(each) && isAllowed
    }
    const { members, bytes } = collectGraft(root, mayGo)
    if (members.length < (urgent ? this.urgentGraftMin : 2)) return []
    for (const member of members) {
      x.urgent.delete(member.entry)
      x.backlog.delete(member.entry)
      x.waiting.delete(member.entry)
    }
    transfers.addGraft(members, bytes, urgent)
    return members
  }

  /**
   * A subtree is at the other end: one PUT for all of it, if the other end still lacks it. What changed here meanwhile
   * goes as it was, and is looked at when the answer is there.
   */
  staged({ id, entry, urgent, rulesVersion }: Transfer, members: Member[]): void {
    const { x } = this
    const isLacked = members.every(member => member.entry.agreed === absent && !x.flights.has(member.entry))
    if (
      entry.current !== folder ||
      !isLacked ||
      rulesVersion !== x.rulesVersion ||
      !this.puts.order.parentReady(entry)
    ) {
      x.send('control', { type: 'forget', id })
      this.transfers.placed(entry)
      for (const member of members) this.requeue(member.entry)
      return
    }
    const touched = this.puts.overtaken.delete(entry)
    const rest = members.slice(1)
    const seq = this.puts.send(entry, entry.path, folder, { live: urgent, staged: id, touched })
    x.flights.get(entry)!.members = rest.map(member => member.entry)
    for (const { entry: below, token } of rest) {
      this.puts.fly(below, { seq, data: token, stale: false, touched: this.puts.overtaken.delete(below) })
      if (token === folder) this.puts.order.wakeChildren(below)
    }
  }

  /** The other end could not stage it. */
  failed(root: Entry, members: Member[]): void {
    this.refused.add(root)
    for (const { entry } of members) if (entry !== root) this.requeue(entry)
  }

  private requeue(entry: Entry): void {
    this.puts.overtaken.delete(entry)
    this.x.queue(entry, false)
  }
}
