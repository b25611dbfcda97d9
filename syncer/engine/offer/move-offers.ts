import { errnoOf } from '../../base/errors.ts'
import { absent, folder } from '../../core/content.ts'
import type { Path } from '../../core/path.ts'
import { inTree } from '../../disk/disk.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Transfers } from '../transfer/transfers.ts'
import { digestOf, movedFrom } from './moves.ts'
import type { Puts } from './puts.ts'

/** Sends folders that were renamed here: one message for all that is in one. */
export class MoveOffers {
  private readonly x: Exchange
  private readonly transfers: Transfers
  private readonly puts: Puts
  /** Folders that were not taken by their new name. */
  private readonly refused = new Set<Entry>()

  constructor(exchange: Exchange, transfers: Transfers, puts: Puts) {
    this.x = exchange
    this.transfers = transfers
    this.puts = puts
  }

  reset(): void {
    this.refused.clear()
  }

  /** The other end did not take it by its new name: it goes as what is new. */
  refuse(entry: Entry): void {
    this.refused.add(entry)
  }

  /** Sends a folder that was renamed by its new name. @returns false where it goes as what is new */
  offer(entry: Entry, path: Path): boolean {
    const { x } = this
    const from = x.replica.renamed.sourceOf(entry)
    if (from === undefined || entry.agreed !== absent || this.refused.has(entry)) return false
    if (this.stands(from) || !this.puts.order.parentReady(entry)) return false
    const nowMs = x.clock.monotonic()
    const isUnderWay = (at: Entry) =>
      x.flights.has(at) || this.transfers.has(at) || x.untaken.has(at) || x.retries.isWaiting(at, nowMs)
    const moved = movedFrom(x, from, entry, isUnderWay)
    if (moved.length === 0) return false
    x.replica.forgetBelow(from)
    x.problems.readableBelow(from.path)
    const seq = this.puts.begin()
    const members: Entry[] = []
    for (const each of moved) {
      const to = x.replica.tree.ensure(each.path)
      for (const one of [to, each.from]) {
        x.urgent.delete(one)
        x.backlog.delete(one)
        x.waiting.delete(one)
        if (one !== entry) members.push(one)
      }
      this.puts.fly(each.from, { seq, data: absent, stale: false, touched: false })
      this.puts.fly(to, { seq, data: each.token, stale: false, touched: false })
      if (each.token === folder) this.puts.order.wakeChildren(to)
    }
    Object.assign(x.flights.get(entry)!, { members, isMove: true })
    x.send('control', { type: 'move', seq, from: from.path, path, digest: digestOf(moved) })
    this.puts.order.left(from)
    return true
  }

  /** It, or a folder that it was in, has another name now, which goes first. */
  movedAway(entry: Entry): boolean {
    const { renamed } = this.x.replica
    for (let at: Entry | null = entry; at !== null && at.current === absent; at = at.parent) {
      const target = at.agreed === folder ? renamed.targetOf(at) : undefined
      if (target?.current === folder && !this.isBusy(target) && this.offer(target, target.path)) return true
    }
    return false
  }

  private isBusy(entry: Entry): boolean {
    const { x } = this
    return x.flights.has(entry) || x.holds.has(entry) || this.transfers.has(entry)
  }

  private stands(entry: Entry): boolean {
    try {
      return this.x.replica.disk.stat(inTree(entry.path)) !== null
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return true
    }
  }
}
