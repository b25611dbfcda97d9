import { hash } from 'node:crypto'
import { errnoOf } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { absent, folder, hashOf, isFile, type Token, unreadFile } from '../core/content.ts'
import type { Path } from '../core/path.ts'
import { inTree, type Stat } from '../disk/disk.ts'
import type { Look } from '../endpoint/look.ts'
import type { Entry } from '../endpoint/tree.ts'
import type { Ack, Put, Rej } from '../wire/sync-message.ts'
import type { EarlyContent } from './early-content.ts'
import type { Exchange, Flight } from './exchange.ts'
import { FolderOrder } from './folder-order.ts'
import { InlineWindow } from './inline-window.ts'
import { digestOf, movedFrom } from './moves.ts'
import { collectGraft } from './readings.ts'
import type { Member, Transfer } from './transfer.ts'
import type { Transfers } from './transfers.ts'

const openPutsMax = 8_192
/** A smaller subtree that was made just now is there sooner path by path: its content needs no answer first. */
const urgentGraftMinDefault = 64
/** How soon a refused change is offered again unless the other end's own change comes first (sync-findings C). */
const refusedWaitMs = 200
/** How soon what the other end could not write is offered again. */
const untakenWaitMs = 1_000
const untakenWaitMsMax = 30_000
/** How soon what cannot be read is tried again. */
const barredWaitMs = 1_000
const barredWaitMsMax = 30_000
/** How long a change waits that the other end has undone again and again. */
const undoneWaitMs = 10_000

export interface OffersOptions {
  /** Paths of a subtree that was made just now from which on it goes as one. */
  urgentGraftMin?: number
}

/**
 * Sends what changed here: the outgoing half of the state table. Per path at most one PUT is under way; a folder goes
 * before what is in it, and leaves after it.
 */
export class Offers {
  private readonly x: Exchange
  private readonly transfers: Transfers
  private readonly early: EarlyContent
  private readonly order: FolderOrder
  private readonly reread: (entry: Entry) => void
  private readonly urgentGraftMin: number
  /** PUTs without an answer. */
  private openPuts = 0
  private readonly inline = new InlineWindow()
  /** Entries that may have changed since their content went ahead: they are looked at again when it is answered. */
  private readonly overtaken = new Set<Entry>()
  /** Folders that were not taken as a subtree: they go path by path. */
  private readonly ungrafted = new Set<Entry>()
  /** Folders that were not taken by their new name. */
  private readonly unmoved = new Set<Entry>()

  /** @param reread wants a file read again soon */
  constructor(
    exchange: Exchange,
    { transfers, early }: { transfers: Transfers; early: EarlyContent },
    reread: (entry: Entry) => void,
    options: OffersOptions = {},
  ) {
    this.x = exchange
    this.reread = reread
    this.transfers = transfers
    this.early = early
    this.order = new FolderOrder(exchange)
    this.urgentGraftMin = options.urgentGraftMin ?? urgentGraftMinDefault
  }

  reset(): void {
    this.inline.reset()
    this.early.reset()
    this.overtaken.clear()
    this.order.reset()
    this.openPuts = 0
    this.ungrafted.clear()
    this.unmoved.clear()
    for (const entry of this.x.untaken) this.x.queue(entry, false)
  }

  /** Offers what is queued, changes of now first, until `isOver`. */
  step(isOver: () => boolean): void {
    const { x } = this
    while (this.mayPut && !isOver()) {
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
      if (!this.mayPut || isOver()) return
      if (x.urgent.has(entry)) {
        x.urgent.delete(entry)
        this.offer(entry, true)
      } else x.released.delete(entry)
    }
  }

  get hasWork(): boolean {
    const { x } = this
    return x.urgent.size + x.backlog.size > 0 && this.mayPut
  }

  private get mayPut(): boolean {
    const hasRoom = this.openPuts < openPutsMax && !this.inline.isWorthWaiting
    return this.x.live && hasRoom && this.x.writable('control')
  }

  /**
   * The content of a transfer is at the other end: the PUT follows, if it still stands here. So it does where a newer one
   * stands here, which goes next: what is replaced more often than it can be sent would never arrive.
   */
  staged({ entry, token, base, id, urgent }: Transfer): void {
    const isOvertaken = this.overtaken.delete(entry)
    const isNewer = entry.agreed === base && isFile(entry.current) && entry.current !== base
    const stands = entry.current === token || isNewer
    if (!stands || token === entry.agreed || this.x.flights.has(entry) || !this.order.parentReady(entry)) {
      this.x.send('control', { type: 'forget', id })
      this.x.queue(entry, false)
      return
    }
    this.put(entry, entry.path, token, { live: urgent, staged: id, touched: isOvertaken || entry.current !== token })
  }

  /**
   * A subtree is at the other end: one PUT for all of it, if the other end still lacks it. What changed here meanwhile
   * goes as it was, and is looked at when the answer is there.
   */
  graftStaged({ id, entry, urgent, rulesVersion }: Transfer, members: Member[]): void {
    const { x } = this
    const isLacked = members.every(member => member.entry.agreed === absent && !x.flights.has(member.entry))
    if (entry.current !== folder || !isLacked || rulesVersion !== x.rulesVersion || !this.order.parentReady(entry)) {
      x.send('control', { type: 'forget', id })
      this.transfers.placed(entry)
      for (const member of members) this.requeue(member.entry)
      return
    }
    const touched = this.overtaken.delete(entry)
    const rest = members.slice(1)
    const seq = this.put(entry, entry.path, folder, { live: urgent, staged: id, touched })
    x.flights.get(entry)!.members = rest.map(member => member.entry)
    for (const { entry: below, token } of rest) {
      this.fly(below, { seq, data: token, stale: false, touched: this.overtaken.delete(below) })
      if (token === folder) this.order.wakeChildren(below)
    }
  }

  /** The other end could not stage it. */
  graftFailed(root: Entry, members: Member[]): void {
    this.ungrafted.add(root)
    for (const { entry } of members) if (entry !== root) this.requeue(entry)
  }

  private requeue(entry: Entry): void {
    this.overtaken.delete(entry)
    this.x.queue(entry, false)
  }

  onAck(message: Ack): void {
    const answered = this.answered(message)
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
    if (!flight.stale) x.answered(entry, flight.data)
    x.emit({ type: 'changed', path: entry.path, direction: 'out' })
    if (flight.touched || entry.current !== entry.agreed) x.queue(entry, false)
    else this.settled(entry, entry.current)
  }

  onRej(message: Rej): void {
    const answered = this.answered(message)
    if (answered === undefined) return
    const { entry, flight } = answered
    this.x.unsent(entry)
    this.x.untaken.delete(entry)
    if (flight.isMove) this.unmoved.add(entry)
    else if (flight.members !== undefined) this.ungrafted.add(entry)
    for (const below of flight.members ?? []) {
      if (this.x.flights.get(below)?.seq !== flight.seq) continue
      this.x.flights.delete(below)
      this.x.unsent(below)
      this.x.queue(below, false)
    }
    if (flight.isMove) {
      this.x.queue(entry, true)
      return
    }
    switch (message.reason) {
      case 'changed':
        // Where its folder cannot be, nothing of the other end is to meet it: the folder's trouble is told.
        if (this.x.isBelowUntaken(entry)) this.x.retry(entry, untakenWaitMs, untakenWaitMsMax)
        else this.x.retry(entry, refusedWaitMs, 5_000, true)
        break
      case 'need':
        this.transfers.insist(entry)
        this.x.queue(entry, true)
        break
      case 'failed':
        this.x.untaken.add(entry)
        this.order.untaken(entry)
        this.x.retry(entry, untakenWaitMs, untakenWaitMsMax)
        break
      case 'halted':
        this.x.retry(entry, 5_000, 5_000, true)
        break
      case 'ignored':
        break
    }
  }

  private answered(message: Ack | Rej): { entry: Entry; flight: Flight } | undefined {
    const entry = this.x.replica.tree.find(message.path)
    const flight = entry && this.x.flights.get(entry)
    if (entry === undefined || flight === undefined || flight.seq !== message.seq) return undefined
    this.x.flights.delete(entry)
    this.transfers.placed(entry)
    this.openPuts -= 1
    const nowMs = this.x.clock.monotonic()
    this.inline.answered(entry, nowMs)
    if (flight.sentMs !== undefined) this.early.answered(nowMs - flight.sentMs)
    return { entry, flight }
  }

  private offer(entry: Entry, urgent: boolean): void {
    const { x } = this
    const released = x.released.get(entry)
    x.released.delete(entry)
    const flight = x.flights.get(entry)
    if (flight !== undefined) flight.touched = true
    const goesAhead = this.transfers.has(entry)
    if (goesAhead) this.overtaken.add(entry)
    if (flight !== undefined || x.holds.has(entry) || goesAhead) return
    const nowMs = x.clock.monotonic()
    if (x.isWaitingToRetry(entry, nowMs)) return
    const { parent } = entry
    if (parent !== null && this.transfers.has(parent) && entry.current !== folder) {
      // Its folder's PUT wakes it.
      this.order.awaitParent(entry)
      return
    }
    const path = entry.path
    if (x.rules.ignored(path, entry.current === folder)) {
      // It was read, or refused, when it travelled still.
      x.replica.looker.forget(entry)
      this.transfers.comparisons.release(entry)
      x.noRetry(entry)
      x.untaken.delete(entry)
      this.order.untaken(entry)
      return
    }
    const before = released ?? entry.key
    const wallMs = x.clock.now()
    const look = this.look(entry, path, released)
    if (before !== null && x.holds.found(entry, before, nowMs, wallMs)) return
    if (look.state === 'busy') {
      if (look.isReading) {
        this.transfers.comparisons.expect(entry)
        x.queue(entry, urgent)
      } else x.holds.later(entry, nowMs, 5)
      return
    }
    if (look.state === 'barred') {
      x.problem(path, look.code, `${path} cannot be read here`)
      x.retry(entry, barredWaitMs, barredWaitMsMax)
      return
    }
    // Once more after the clock's granule: a later write could carry the same time stamps.
    if (released !== undefined && x.replica.looker.isUnsure(entry)) this.reread(entry)
    // Of a folder that is said where it is read.
    if (look.token !== folder) x.readable(path)
    if (look.token === entry.agreed && !x.untaken.has(entry)) {
      this.settled(entry, look.token)
      return
    }
    if (look.token === absent && this.movedAway(entry)) return
    if (look.token === folder && (this.move(entry, path) || this.graft(entry, urgent))) return
    if (look.token === entry.agreed) {
      // What could not be written there is not wanted any more: it is said, so that nobody is told of it for ever.
      this.put(entry, path, look.token, { live: urgent })
      return
    }
    if (!this.order.parentReady(entry) || !this.order.childrenGone(entry, look.token)) return
    this.sendChange(entry, path, look.token, look.bytes, urgent)
  }

  /** @param released what the disk showed when it came to rest; while it does, that look need not be repeated */
  private look(entry: Entry, path: Path, released: Stat | undefined): Look {
    const { looker } = this.x.replica
    const look = released && looker.lookFrom(entry, path, released, true)
    const isKnown = look !== undefined && (look.state !== 'busy' || look.isReading === true)
    return isKnown ? look : looker.look(entry, path, true)
  }

  /** Sends a folder that was renamed by its new name. @returns false where it goes as what is new */
  private move(entry: Entry, path: Path): boolean {
    const { x } = this
    const from = x.replica.renamed.sourceOf(entry)
    if (from === undefined || entry.agreed !== absent || this.unmoved.has(entry)) return false
    if (this.stands(from) || !this.order.parentReady(entry)) return false
    const nowMs = x.clock.monotonic()
    const isUnderWay = (at: Entry) =>
      x.flights.has(at) || this.transfers.has(at) || x.untaken.has(at) || x.isWaitingToRetry(at, nowMs)
    const moved = movedFrom(x, from, entry, isUnderWay)
    if (moved.length === 0) return false
    x.replica.forgetBelow(from)
    x.readableBelow(from.path)
    const seq = x.nextSeq()
    this.openPuts += 1
    const members: Entry[] = []
    for (const each of moved) {
      const to = x.replica.tree.ensure(each.path)
      for (const one of [to, each.from]) {
        x.urgent.delete(one)
        x.backlog.delete(one)
        x.waiting.delete(one)
        if (one !== entry) members.push(one)
      }
      this.fly(each.from, { seq, data: absent, stale: false, touched: false })
      this.fly(to, { seq, data: each.token, stale: false, touched: false })
      if (each.token === folder) this.order.wakeChildren(to)
    }
    Object.assign(x.flights.get(entry)!, { members, isMove: true })
    x.send('control', { type: 'move', seq, from: from.path, path, digest: digestOf(moved) })
    this.order.left(from)
    return true
  }

  /** It, or a folder that it was in, has another name now, which goes first. */
  private movedAway(entry: Entry): boolean {
    const { renamed } = this.x.replica
    for (let at: Entry | null = entry; at !== null && at.current === absent; at = at.parent) {
      const target = at.agreed === folder ? renamed.targetOf(at) : undefined
      if (target?.current === folder && !this.isBusy(target) && this.move(target, target.path)) return true
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

  /** Sends a folder that the other end lacks together with what is in it. @returns false where it goes by itself */
  private graft(entry: Entry, urgent: boolean): boolean {
    const { x, transfers } = this
    const { parent } = entry
    if (x.role === 'pod' || entry.agreed !== absent || this.ungrafted.has(entry) || parent === null) return false
    // Its folder may be on its way in another subtree: then that one's PUT goes first.
    if (!transfers.has(parent) && !this.order.parentReady(entry)) return false
    return this.sendGraft(entry, urgent, () => true).length > 0
  }

  /**
   * Sends a folder with what is in it before anything is agreed, where the other end has nothing of it.
   * @param isWanted of each path below it
   * @returns what goes; nothing where it is not worth it
   */
  goAhead(root: Entry, isWanted: (entry: Entry) => boolean): Member[] {
    const { x } = this
    const mayGo = root.current === folder && root.agreed === absent && !this.ungrafted.has(root)
    if (!mayGo || x.holds.has(root) || this.transfers.has(root) || x.rules.ignored(root.path, true)) return []
    return this.sendGraft(root, false, isWanted)
  }

  private sendGraft(root: Entry, urgent: boolean, isWanted: (entry: Entry) => boolean): Member[] {
    const { x, transfers } = this
    const nowMs = x.clock.monotonic()
    const mayGo = (each: Entry, path: Path) => {
      const isUnderWay = x.flights.has(each) || x.holds.has(each) || transfers.has(each)
      const isFree = !isUnderWay && each.sent === undefined && !x.isWaitingToRetry(each, nowMs)
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

  /** Nothing to tell: what stands here is agreed. */
  private settled(entry: Entry, token: Token): void {
    this.x.noRetry(entry)
    this.transfers.comparisons.release(entry)
    this.order.wakeChildren(entry)
    if (token === absent) {
      this.order.left(entry)
      this.x.prune(entry)
    }
  }

  private sendChange(entry: Entry, path: Path, token: Token, bytes: Buffer | undefined, urgent: boolean): void {
    if (this.isUndoneAgain(entry, path, token)) return
    const { agreed, size } = entry
    const isSmall = size <= this.x.replica.grain.smallBytesMax
    const isSame = isFile(token) && isFile(agreed) && hashOf(token) === hashOf(agreed)
    const onlyMode = isSame && isSmall && !this.transfers.insists(entry)
    if (!isFile(token) || onlyMode) {
      this.put(entry, path, token, { live: urgent })
      return
    }
    const early = this.early.take(entry, token, this.x.clock.monotonic())
    if (early !== undefined) {
      this.put(entry, path, token, { live: urgent, staged: early })
      return
    }
    const calm = urgent || this.x.backlog.size < 64
    const fits = isSmall && size <= limits.inlineBytesMax && this.inline.hasRoom(size)
    const inline = calm && fits ? (bytes ?? this.read(path, token, size)) : undefined
    if (inline === undefined) {
      this.overtaken.delete(entry)
      this.transfers.add(entry, token, urgent)
      return
    }
    this.inline.add(entry, size, this.x.clock.monotonic())
    this.put(entry, path, token, { live: urgent, bytes: inline })
  }

  /** Programs at both ends undo each other's change: it waits, and that is said. */
  private isUndoneAgain(entry: Entry, path: Path, token: Token): boolean {
    const { x } = this
    if (x.role !== 'laptop' || !x.backAndForth.isTooMuch(entry, token, x.clock.monotonic())) return false
    const words = 'is changed back and forth by programs at both ends: what stands here waits for 10 s'
    x.problem(path, 'back-and-forth', `${path} ${words}`)
    x.retry(entry, undoneWaitMs, undoneWaitMs)
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

  private put(
    entry: Entry,
    path: Path,
    data: Token,
    how: { live: boolean; bytes?: Uint8Array; staged?: number; touched?: boolean },
  ): number {
    const { x } = this
    const seq = x.nextSeq()
    this.openPuts += 1
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

  private fly(entry: Entry, flight: Flight): void {
    const { x } = this
    if (x.role === 'laptop') {
      entry.sent = flight.data
      x.record({ type: 'sent', path: entry.path, token: flight.data })
    }
    x.flights.set(entry, flight)
  }
}
