import { errnoOf } from '../../base/errors.ts'
import { QueueSet } from '../../base/queue-set.ts'
import { TimerSet } from '../../base/timer-set.ts'
import { absent, folder, isFile } from '../../core/content.ts'
import { isTooLong, nameOf, type Path, parentOf } from '../../core/path.ts'
import { isMuted } from '../../core/sync-policy.ts'
import { granuleMs, type Stat } from '../../disk/disk.ts'
import type { HintKind } from '../../endpoint/quiet-time.ts'
import type { Scanner } from '../../endpoint/scanner.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { EarlyContent } from '../offer/early-content.ts'
import { isEcho } from './echo.ts'

/**
 * A folder is read again this long after an event in it, as the truth behind the hint, in ms. Of a known file that was
 * written to, the name alone is looked at again.
 */
const rereadMs = 100
/** … and this long after a change of our own, which is most likely all there was, in ms. */
export const echoMs = 500
/** … and later in a folder of many names, so that reading stays a tenth of the time. */
const rereadMsPerName = 0.04
/**
 * A file is held from its event on. Where we were held up between the event and the look at it, from the look on, less
 * this, in ms: what the two looks of a hold compare must be as far apart as the hold is long.
 */
const lookMsMax = 0.3
/** More names than this of one folder in one turn: reading the folder is cheaper than looking at each. */
const namesMax = 32

/** So many that came to rest go on before they are offered: their folders are open then. */
const portion = 64

/**
 * So many names of one turn are looked at as their events come in. Thousands come without a turn between: the others wait,
 * so that what came first is on its way while they are looked at.
 */
const atOnceMax = 32
/** So many wait at most: what is more is found by reading its folder. */
const waitingMax = 50_000

/** From "something happened here" to what must be looked at: the name first, its folder a little later as the truth. */
export class Hints {
  private readonly x: Exchange
  private readonly scanner: Scanner
  private readonly early: EarlyContent
  /** Folders that are read again, and when. */
  private readonly rereads = new TimerSet<Entry>()
  /** Files that are looked at again, and when. */
  private readonly rechecks = new TimerSet<Entry>()
  /** Of these: those whose time has come. */
  private readonly overdue = new QueueSet<Entry>()
  /** Names hinted at in this turn, or since some wait, by folder. */
  private readonly counts = new Map<Entry, number>()
  /** Names that are not looked at yet, with their latest events, in the order of their first ones. */
  private readonly waiting = new Map<Path, HintKind>()
  private atOnceLeft = atOnceMax

  constructor(exchange: Exchange, scanner: Scanner, early: EarlyContent) {
    this.x = exchange
    this.scanner = scanner
    this.early = early
  }

  get idle(): boolean {
    return this.rereads.size === 0 && this.rechecks.size === 0 && this.waiting.size === 0
  }

  has(entry: Entry): boolean {
    return this.rereads.has(entry) || this.rechecks.has(entry)
  }

  /** There are names to be looked at now. */
  get isBehind(): boolean {
    return this.overdue.size > 0 || this.waiting.size > 0
  }

  /** @param secondMs no second look before */
  due(secondMs: number): number {
    if (this.waiting.size > 0) return 0
    const overdue = this.overdue.size > 0 ? secondMs : Number.POSITIVE_INFINITY
    return Math.min(this.rereads.nextDue(), this.rechecks.nextDue(), overdue, this.x.holds.nextDue())
  }

  hint(path: Path, kind: HintKind): void {
    const nowMs = this.nowMs()
    if (path === '') {
      this.scanner.add(this.x.replica.tree.root, true)
      return
    }
    if (this.waiting.size === 0 && this.atOnceLeft > 0) {
      this.atOnceLeft -= 1
      this.look(path, kind, nowMs)
    } else if (this.waiting.size < waitingMax || this.waiting.has(path)) this.waiting.set(path, kind)
    else this.hintFolder(parentOf(path))
  }

  /** Looks at some of the names that had to wait, at least at one, and until `isOver`. */
  takeWaiting(isOver: () => boolean): void {
    let left = portion
    for (const [path, kind] of this.waiting) {
      this.waiting.delete(path)
      this.look(path, kind, this.nowMs())
      left -= 1
      if (left === 0 || isOver()) return
    }
  }

  /** @param toldMs when the event came */
  private look(path: Path, kind: HintKind, toldMs: number): void {
    const { x } = this
    const parent = x.replica.tree.find(parentOf(path))
    if (parent === undefined || (parent.parent !== null && parent.current !== folder)) {
      this.hintAbove(path)
      return
    }
    const known = parent.children?.get(nameOf(path))
    if (known?.hasKey === true && x.recent.has(known, this.nowMs())) {
      // An echo of our own change; should it be more, the next look shows it.
      if (isFile(known.current) && !x.recentNew.has(known, this.nowMs())) this.recheckSoon(known, echoMs)
      else this.readSoon(parent, echoMs)
      return
    }
    const count = (this.counts.get(parent) ?? 0) + 1
    this.counts.set(parent, count)
    if (count > namesMax) {
      this.scanner.add(parent, false)
      return
    }
    const stat = this.stat(path)
    if (isEcho(this.x, parent, path, stat)) return
    if (known?.hasKey === true && isFile(known.current) && stat?.kind === 'file') this.recheckSoon(known, rereadMs)
    else this.readSoon(parent)
    if (
      isTooLong(path) ||
      x.rules.ignored(path, stat?.kind === 'dir') ||
      stat?.kind === 'other' ||
      stat?.mount === true
    )
      return
    const entry = known ?? x.replica.tree.child(parent, nameOf(path))
    const seenMs = Math.max(toldMs, this.nowMs() - lookMsMax)
    if (x.holds.hint(entry, stat, kind, seenMs)) this.touched(entry, stat)
    else if (stat !== null) this.early.note(entry, stat, seenMs)
  }

  /** Something in the folder changed, it is not known what. */
  hintFolder(path: Path): void {
    const entry = this.x.replica.tree.find(path)
    if (entry === undefined) this.hintAbove(path)
    else this.scanner.add(entry, false)
  }

  tick(nowMs: number): void {
    this.atOnceLeft = atOnceMax
    if (this.waiting.size === 0) this.counts.clear()
    for (const at of this.rechecks.due(nowMs)) this.overdue.add(at)
    for (const at of this.rereads.due(nowMs)) {
      this.rereads.delete(at)
      this.scanner.add(at, false)
    }
  }

  /** What came to rest goes on, in portions until `isOver`. @returns whether there may be more */
  takeHolds(nowMs: number, isOver: () => boolean): boolean {
    if (this.x.holds.nextDue() > nowMs) return false
    let left = portion
    for (const { entry, stat } of this.x.holds.take(nowMs, entry => this.stat(entry.path))) {
      this.touched(entry, stat)
      left -= 1
      if (left === 0 || isOver()) return true
    }
    return false
  }

  /** Looks again at names whose time has come: at one, and at more until `isOver`. */
  recheck(isOver: () => boolean): void {
    for (let entry = this.overdue.take(); entry !== undefined; entry = this.overdue.take()) {
      this.rechecks.delete(entry)
      this.lookAgain(entry)
      if (isOver()) return
    }
  }

  private lookAgain(entry: Entry): void {
    const { x } = this
    const { path, parent } = entry
    // It comes to rest first, or is not what has this name any more.
    if (x.holds.has(entry) || parent?.children?.get(entry.name) !== entry) return
    const stat = this.stat(path)
    if (isEcho(this.x, parent, path, stat) || x.rules.ignored(path, stat?.kind === 'dir')) return
    if (stat?.kind !== 'file' || stat.mount) {
      this.scanner.add(parent, false)
      return
    }
    const { key } = entry
    const look = x.replica.looker.lookFrom(entry, path, stat)
    if (look.state === 'known') this.scanned(entry, key)
    else if (look.state === 'busy') x.holds.later(entry, this.nowMs(), 5)
    else this.scanner.add(parent, false)
  }

  /** Everything that is held back or put off is looked at now; what waits to be looked at is, in its turn. */
  release(): void {
    for (const { entry, stat } of this.x.holds.release()) this.touched(entry, stat)
    for (const entry of this.rechecks) this.overdue.add(entry)
    for (const entry of this.rereads) this.scanner.add(entry, false)
    this.rereads.clear()
  }

  /** A scan learnt what stands there. What changed a moment ago gets its time to come to rest. */
  scanned(entry: Entry, before: Stat | null = entry.key): void {
    const { x } = this
    if (x.holds.found(entry, before, this.nowMs(), x.clock.now())) return
    if (!entry.hasKey || !x.replica.looker.stamps.isUnsure(entry)) {
      // Under way as it stands here: there is nothing to look at again.
      const flight = x.flights.get(entry)
      if (flight !== undefined && flight.data === entry.current) return
      if (!entry.isAgreed) x.queue(entry, false)
      else if (x.untaken.has(entry)) x.retryNow(entry)
      else x.noRetry(entry)
    } else if (!x.holds.has(entry)) x.holds.later(entry, this.nowMs(), granuleMs(x.replica.disk) + 1)
  }

  /** @param stat what the disk showed last; null where that is not known, or nothing stands there */
  private touched(entry: Entry, stat: Stat | null): void {
    const { x } = this
    if (stat?.kind === 'file' && isFile(entry.current) && !isMuted(x.policy, x.role)) {
      // It is read once: when it is offered, and its content goes along.
      x.released.set(entry, stat)
      x.queue(entry, true)
      return
    }
    const key = entry.key
    const before = entry.current === folder ? key : null
    // As old as it is when it is looked at, however long we are held up then.
    const wallMs = x.clock.now()
    const look = x.replica.looker.look(entry, entry.path)
    // It may have been emptied to be written anew, with no word of it yet.
    if (look.state === 'known' && key !== null && x.holds.found(entry, key, this.nowMs(), wallMs)) return
    if (look.state === 'known') {
      // Another folder under this name: not every watcher tells of what came along in it.
      const isNew = look.token === folder && before?.ino !== entry.key?.ino
      if (isNew) this.scanner.adopt(entry)
      // Once more after the clock's granule: a later write could carry the same time stamps.
      if (x.replica.looker.stamps.isUnsure(entry)) this.readSoon(entry.parent ?? entry)
      if (look.token === folder) this.scanner.add(entry, isNew || entry.children === null)
      if (look.token === absent && entry.children !== null) this.scanner.add(entry, false)
    }
    x.queue(entry, true)
  }

  /** The folder is read within the time, whatever else happens. */
  readSoon(entry: Entry, withinMs = rereadMs): void {
    const cost = (entry.children?.size ?? 0) * rereadMsPerName
    this.rereads.add(this.nowMs() + Math.max(withinMs, granuleMs(this.x.replica.disk) + 1, cost), entry)
  }

  /** The name is looked at within the time, whatever else happens. */
  private recheckSoon(entry: Entry, withinMs: number): void {
    this.rechecks.add(this.nowMs() + Math.max(withinMs, granuleMs(this.x.replica.disk) + 1), entry)
  }

  /** Once more after the clock's granule: a later write could carry the same time stamps. */
  readAgain(entry: Entry): void {
    this.recheckSoon(entry, 0)
  }

  /** The folder of the hint is not known: the nearest known one above it is read. */
  private hintAbove(path: Path): void {
    const { tree } = this.x.replica
    let dir = parentOf(path)
    let entry = tree.find(dir)
    while (entry === undefined || (entry.parent !== null && entry.current !== folder)) {
      dir = parentOf(dir)
      entry = tree.find(dir)
    }
    this.scanner.add(entry, false)
  }

  private stat(path: Path): Stat | null {
    try {
      return this.x.replica.disk.glance(path)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return null
    }
  }

  private nowMs(): number {
    return this.x.clock.monotonic()
  }
}
