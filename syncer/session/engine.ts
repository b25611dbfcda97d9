import { ProtocolError } from '../base/errors.ts'
import { absent, folder } from '../core/content.ts'
import { type Path, parentOf } from '../core/path.ts'
import type { Stat } from '../disk/disk.ts'
import { inTree } from '../disk/disk.ts'
import type { HintKind } from '../endpoint/holds.ts'
import type { IgnoreRules } from '../endpoint/replica.ts'
import { Scanner } from '../endpoint/scanner.ts'
import type { Entry } from '../endpoint/tree.ts'
import type { Marker, SyncMessage } from '../wire/sync-message.ts'
import { type Incarnation, judgeMarker, LaptopContact, PodContact } from './contact.ts'
import { Exchange, type ExchangeOptions } from './exchange.ts'
import { Intake } from './intake.ts'
import type { Journal } from './journal.ts'
import { Offers } from './offers.ts'
import type { Lane, Peer } from './peer.ts'
import { Transfers } from './transfers.ts'

/** One step of work ends after this long, so that a ping or a keystroke never waits longer, in ms. */
const sliceMs = 5
/** A folder is read again this long after an event in it, as the truth behind the hint, in ms. */
const rereadMs = 100
/** A whole sweep at most this often, and never more than a 300th of the time (sync-findings A.16), in ms. */
const sweepMsMin = 60_000
const sweepCostFactor = 300

export interface EngineOptions extends Omit<ExchangeOptions, 'record'> {
  /** Folders to watch as they are found. */
  watch(path: Path): void
  unwatch(path: Path): void
  session: string
  initial: 'mirror' | 'keep'
  /** The rules as text for the pod, and how the pod compiles them. */
  rulesText: string
  compileRules(text: string): IgnoreRules
  /** Laptop only. */
  journal?: Journal
  /** Pod only: the marker in its private folder. */
  marker?: { read(): Marker | null; write(marker: Marker): void }
  newMarkerId(): string
}

interface Barrier {
  id: number
  /** What was not in step when it was asked for. */
  entries: Set<Entry>
  scanned: boolean
}

/**
 * One end of the sync protocol (`docs/decisions/0002-sync-protocol.md`): both ends run this code, the laptop owns the
 * ancestor and resolves conflicts. Synchronous; see {@link Peer}.
 */
export class SyncEngine implements Peer<SyncMessage> {
  readonly exchange: Exchange
  readonly transfers: Transfers
  private readonly options: EngineOptions
  private readonly scanner: Scanner
  private readonly offers: Offers
  private readonly intake: Intake
  private readonly podContact: PodContact
  private readonly laptopContact: LaptopContact
  private readonly incarnation: Incarnation = { confirmed: undefined, raising: undefined }
  private readonly barriers: Barrier[] = []
  private readonly rereads = new Map<Entry, number>()
  private rulesText: string
  private connected = false
  private scanned = false
  private recovered = false
  /** The other end said hello; at the pod the index goes out when the scan is done. */
  private greeted: { marker: Marker | null } | undefined
  private indexSent = false
  private sweepDueMs: number
  private scanSpentMs = 0

  constructor(options: EngineOptions) {
    this.options = options
    const { journal } = options
    this.exchange = new Exchange({
      ...options,
      ...(journal === undefined ? {} : { record: records => journal.append(records) }),
    })
    this.rulesText = options.rulesText
    this.transfers = new Transfers(this.exchange)
    this.scanner = new Scanner(options.replica, options.rules, {
      folder: path => options.watch(path),
      looked: entry => this.looked(entry),
      busy: entry => this.exchange.holds.later(entry, this.nowMs(), 5),
      barred: (path, code) => this.barred(path, code),
    })
    this.offers = new Offers(this.exchange, this.transfers)
    this.intake = new Intake(this.exchange, this.scanner)
    this.podContact = new PodContact(this.exchange)
    this.laptopContact = new LaptopContact(this.exchange, options.initial)
    this.sweepDueMs = Number.POSITIVE_INFINITY
    this.loadJournal()
    if (options.role === 'laptop') this.sweep()
  }

  get live(): boolean {
    return this.exchange.live
  }

  get scanning(): boolean {
    return !this.scanned
  }

  /** Paths that are known to differ or are under way. */
  pending(): number {
    const { x, transfers } = { x: this.exchange, transfers: this.transfers }
    return (
      x.urgent.size +
      x.backlog.size +
      x.flights.size +
      x.waiting.size +
      x.holds.size +
      transfers.pending.files +
      this.intake.guard.size
    )
  }

  connect(): void {
    this.disconnect()
    this.connected = true
    if (this.options.role === 'laptop') {
      const { session } = this.options
      this.exchange.send('control', {
        type: 'hello',
        session,
        rules: this.rulesText,
        nowMs: this.options.replica.clock.now(),
      })
    }
    this.exchange.commit()
  }

  disconnect(): void {
    this.connected = false
    this.greeted = undefined
    this.indexSent = false
    this.exchange.reset()
    this.transfers.reset()
    this.offers.reset()
    this.intake.guard.reset()
    this.podContact.reset()
    this.laptopContact.reset()
    this.options.replica.stage.clear()
    this.barriers.length = 0
  }

  receive(lane: Lane, message: SyncMessage): void {
    this.dispatch(lane, message)
    this.exchange.commit()
  }

  hint(path: Path, kind: HintKind = 'change'): void {
    const { tree } = this.options.replica
    const parent = tree.find(parentOf(path))
    if (path === '' || parent === undefined || (parent.parent !== null && parent.current !== folder)) {
      this.hintAbove(path)
      return
    }
    this.reread(parent)
    const stat = this.stat(path)
    if (this.exchange.rules.ignored(path, stat?.kind === 'dir') || stat?.kind === 'other' || stat?.mount === true)
      return
    const entry = tree.ensure(path)
    if (this.exchange.holds.hint(entry, stat, kind, this.nowMs())) this.touched(entry)
  }

  tick(): void {
    const nowMs = this.nowMs()
    const endMs = nowMs + sliceMs
    const isOver = () => this.nowMs() >= endMs
    for (const entry of this.exchange.holds.take(nowMs, entry => this.stat(entry.path))) this.touched(entry)
    this.exchange.takeRetries(nowMs)
    for (const [entry, dueMs] of this.rereads) {
      if (dueMs > nowMs) continue
      this.rereads.delete(entry)
      this.scanner.add(entry, false)
    }
    if (nowMs >= this.sweepDueMs) this.sweep()
    this.scan(isOver)
    this.rescue(nowMs)
    this.intake.tick(nowMs)
    this.offers.step(isOver)
    this.transfers.step(isOver)
    this.checkBarriers()
    this.exchange.commit()
  }

  due(): number {
    const { exchange: x, intake } = this
    if (!this.scanner.idle || this.offers.hasWork || this.transfers.hasWork) return 0
    const reread = this.rereads.size === 0 ? Number.POSITIVE_INFINITY : this.rereads.values().next().value!
    const waiting = x.waiting.size > 0 || this.barriers.length > 0 ? this.nowMs() + 2 : Number.POSITIVE_INFINITY
    return Math.min(
      x.holds.nextDue(),
      x.retryDue(),
      reread,
      waiting,
      this.sweepDueMs,
      intake.guard.due(),
      intake.guard.haltDue(),
      this.options.replica.trash.nextDue(),
    )
  }

  idle(): boolean {
    return (
      this.exchange.live &&
      this.scanner.idle &&
      this.rereads.size === 0 &&
      this.pending() === 0 &&
      this.exchange.retrying === 0
    )
  }

  /** Reads the whole folder again: events were lost, the machine slept, or it is time. */
  sweep(): void {
    this.scanner.add(this.options.replica.tree.root, true)
    this.scanned = false
    this.sweepDueMs = Number.POSITIVE_INFINITY
  }

  /** Laptop: the ignore files changed. Paths that are ignored now are forgotten, never deleted. */
  setRules(text: string): void {
    if (text === this.rulesText) return
    this.takeRules(text)
    if (this.connected) this.exchange.send('control', { type: 'rules', rules: text })
    this.exchange.commit()
  }

  /**
   * Reports `flushed` when everything that differs now is in step. Events must have been handed in before.
   * Laptop: asks the pod likewise.
   */
  flush(id: number): void {
    const { exchange: x } = this
    for (const entry of x.holds.release()) this.touched(entry)
    for (const entry of this.rereads.keys()) this.scanner.add(entry, false)
    this.rereads.clear()
    const entries = new Set([...x.urgent, ...x.backlog, ...x.flights.keys(), ...x.waiting.keys()])
    this.barriers.push({ id, entries, scanned: this.scanner.idle })
    this.checkBarriers()
    x.commit()
  }

  askFlush(id: number): void {
    this.exchange.send('control', { type: 'flush', id })
    this.exchange.commit()
  }

  probe(id: number): void {
    this.exchange.send('control', { type: 'probe', id })
    this.exchange.commit()
  }

  close(): void {
    this.disconnect()
    this.options.replica.close()
  }

  private nowMs(): number {
    return this.options.replica.clock.monotonic()
  }

  private dispatch(lane: Lane, message: SyncMessage): void {
    const { exchange: x } = this
    if ((message.type === 'content') !== (lane === 'bulk'))
      throw new ProtocolError(`${message.type} on the ${lane} lane`)
    switch (message.type) {
      case 'hello':
      case 'welcome':
      case 'index':
      case 'bases':
      case 'epoch':
      case 'epoch-done':
      case 'rules':
        this.onContact(message)
        break
      case 'put':
        this.intake.onPut(message)
        break
      case 'ack':
        this.offers.onAck(message)
        break
      case 'rej':
        this.offers.onRej(message)
        break
      case 'content':
        this.onContent(message)
        break
      case 'staged': {
        const transfer = this.transfers.staged(message.id)
        if (transfer !== undefined) this.offers.staged(transfer.entry, transfer.token, message.id, transfer.urgent)
        break
      }
      case 'unstaged':
        this.transfers.unstaged(message.id, message.reason)
        break
      case 'forget': {
        const staged = this.options.replica.stage.take(message.id)
        if (staged !== undefined) this.options.replica.stage.discard(staged)
        break
      }
      case 'flush':
        this.flush(message.id)
        break
      case 'flushed':
        x.emit({ type: 'flushed', id: message.id })
        break
      case 'problem':
        x.emit({ type: 'problem', side: 'pod', path: message.path, code: message.code, message: message.message })
        break
      case 'probe':
        x.send('control', { type: 'probed', id: message.id, pending: this.pending() })
        break
      case 'probed':
        x.emit({ type: 'probed', id: message.id, pending: message.pending })
    }
  }

  private onContact(
    message: Extract<SyncMessage, { type: 'hello' | 'welcome' | 'index' | 'bases' | 'epoch' | 'epoch-done' | 'rules' }>,
  ): void {
    const laptop = this.options.role === 'laptop'
    const forLaptop = message.type === 'welcome' || message.type === 'index' || message.type === 'epoch-done'
    if (forLaptop !== laptop) throw new ProtocolError(`${message.type} from the wrong end`)
    switch (message.type) {
      case 'hello':
        this.onHello(message)
        break
      case 'welcome':
        this.greeted = message
        this.options.replica.clockOffsetMs = this.options.replica.clock.now() - message.nowMs
        break
      case 'index':
        if (this.greeted === undefined || this.exchange.live) throw new ProtocolError('an index out of turn')
        this.laptopContact.onIndex(message)
        this.settleWhenReady()
        break
      case 'bases':
        if (!this.indexSent || this.exchange.live) throw new ProtocolError('agreements out of turn')
        if (this.podContact.onBases(message)) this.goLive()
        break
      case 'epoch':
        this.options.marker?.write(message.marker)
        this.exchange.send('control', { type: 'epoch-done', epoch: message.marker.epoch })
        break
      case 'epoch-done':
        this.onEpochDone(message.epoch)
        break
      case 'rules':
        this.takeRules(message.rules)
    }
  }

  private onHello(message: { rules: string; nowMs: number }): void {
    if (!this.connected || this.greeted !== undefined) throw new ProtocolError('a second hello')
    this.options.replica.clockOffsetMs = this.options.replica.clock.now() - message.nowMs
    this.greeted = { marker: this.options.marker?.read() ?? null }
    this.exchange.send('control', {
      type: 'welcome',
      marker: this.greeted.marker,
      nowMs: this.options.replica.clock.now(),
    })
    this.takeRules(message.rules)
    this.sweep()
  }

  private takeRules(text: string): void {
    if (text === this.rulesText && this.options.role === 'laptop') return
    this.rulesText = text
    const rules = this.options.compileRules(text)
    this.exchange.rules = rules
    this.scanner.setRules(rules)
    const { tree } = this.options.replica
    for (const entry of [...tree.walk()]) {
      if (!rules.ignored(entry.path, entry.current === folder || entry.agreed === folder)) continue
      if (entry.agreed !== absent) this.exchange.record({ type: 'agreed', path: entry.path, token: absent })
      this.exchange.unsent(entry)
      entry.current = absent
      entry.agreed = absent
      entry.key = null
      this.exchange.prune(entry)
    }
    this.sweep()
  }

  private onContent(message: Extract<SyncMessage, { type: 'content' }>): void {
    if (!this.exchange.live) throw new ProtocolError('content before the agreements')
    const result = this.options.replica.stage.add(message)
    if (result === 'partial') return
    if (result === 'staged') this.exchange.send('control', { type: 'staged', id: message.id })
    else this.exchange.send('control', { type: 'unstaged', id: message.id, reason: result })
    if (result === 'failed')
      this.exchange.problem('.podswap', 'ENOSPC', 'content could not be written to the private folder')
  }

  private scan(isOver: () => boolean): void {
    if (this.scanner.idle && this.scanned) return
    const done = this.scanner.step(isOver)
    if (!done || this.scanned) return
    this.scanned = true
    const cost = this.scanner.spentMs - this.scanSpentMs
    this.scanSpentMs = this.scanner.spentMs
    this.sweepDueMs = this.nowMs() + Math.max(sweepMsMin, cost * sweepCostFactor)
    this.recover()
    if (this.options.role === 'laptop') this.settleWhenReady()
    else if (this.greeted !== undefined && !this.indexSent) {
      this.indexSent = true
      this.podContact.sendIndex()
    }
  }

  private settleWhenReady(): void {
    if (!this.scanned || !this.laptopContact.complete || this.greeted === undefined || this.exchange.live) return
    const copy = judgeMarker(this.greeted.marker, this.incarnation)
    const known = copy !== 'first'
    this.laptopContact.settle(copy)
    const id = known ? this.greeted.marker!.id : this.options.newMarkerId()
    const epoch = known ? this.greeted.marker!.epoch + 1 : 1
    this.incarnation.confirmed = known ? this.greeted.marker! : undefined
    this.incarnation.raising = { id, epoch }
    this.exchange.record({ type: 'raising', id, epoch })
    this.exchange.send('control', { type: 'epoch', marker: { id, epoch } })
    this.goLive()
  }

  private onEpochDone(epoch: number): void {
    const { raising } = this.incarnation
    if (raising === undefined || raising.epoch !== epoch) return
    this.incarnation.confirmed = raising
    this.incarnation.raising = undefined
    this.exchange.record({ type: 'epoch', ...raising })
  }

  private goLive(): void {
    this.exchange.live = true
    for (const entry of this.options.replica.tree.walk()) {
      if (entry.current !== entry.agreed) this.exchange.queue(entry, false)
    }
    this.exchange.emit({ type: 'live' })
  }

  private looked(entry: Entry): void {
    if (entry.current !== entry.agreed || entry.racy) this.noticed(entry)
    if (entry.current === absent) this.options.unwatch(entry.path)
  }

  /** A scan found it so. What changed a moment ago may still be being written: it gets its time to come to rest. */
  private noticed(entry: Entry): void {
    const nowMs = this.nowMs()
    if (!entry.racy || entry.key === null) this.exchange.queue(entry, false)
    else if (!this.exchange.holds.has(entry)) {
      const granuleMs = Number(this.options.replica.disk.timestampGranuleNs / 1_000_000n)
      this.exchange.holds.later(entry, nowMs, granuleMs + 1)
    }
  }

  private touched(entry: Entry): void {
    const look = this.options.replica.looker.look(entry, entry.path)
    if (look.state === 'known' && entry.racy) this.noticedRacy(entry)
    if (look.state === 'known' && look.token === folder) this.scanner.add(entry, entry.children === null)
    if (look.state === 'known' && look.token === absent && entry.children !== null && entry.parent !== null) {
      this.scanner.add(entry, false)
    }
    this.exchange.queue(entry, true)
  }

  /** Once more after the clock's granule: a later write could carry the same time stamps. */
  private noticedRacy(entry: Entry): void {
    const granuleMs = Number(this.options.replica.disk.timestampGranuleNs / 1_000_000n)
    this.rereads.set(entry.parent ?? entry, this.nowMs() + Math.max(rereadMs, granuleMs + 1))
  }

  private barred(path: Path, code: string): void {
    this.exchange.problem(path, code, code === '' ? '' : `${path === '' ? 'the folder' : path}: ${explain(code)}`)
  }

  private reread(entry: Entry): void {
    if (!this.rereads.has(entry)) this.rereads.set(entry, this.nowMs() + rereadMs)
  }

  /** The folder of the hint is not known: the nearest known one above it is read. */
  private hintAbove(path: Path): void {
    let dir = path
    let entry: Entry | undefined
    do {
      dir = parentOf(dir)
      entry = this.options.replica.tree.find(dir)
    } while (entry === undefined || (entry.parent !== null && entry.current !== folder))
    this.scanner.add(entry, false)
  }

  private stat(path: Path): Stat | null {
    try {
      return this.options.replica.disk.stat(inTree(path))
    } catch (error) {
      if (error instanceof Error && 'code' in error) return null
      throw error
    }
  }

  private rescue(nowMs: number): void {
    const { trash } = this.options.replica
    if (trash.nextDue() > nowMs) return
    const rescue = trash.tick(nowMs)
    if (rescue !== undefined) this.intake.rescue(rescue)
  }

  /** Once after start: what an earlier process grabbed and could not put back, and its left-over temps. */
  private recover(): void {
    if (this.recovered) return
    this.recovered = true
    const { tree, trash } = this.options.replica
    const inodes = new Set<bigint>()
    for (const entry of tree.walk()) if (entry.key !== null) inodes.add(entry.key.ino)
    for (const rescue of [...trash.recover(stat => inodes.has(stat.ino))]) this.intake.rescue(rescue)
    trash.prune()
  }

  private checkBarriers(): void {
    const { exchange: x } = this
    for (const barrier of [...this.barriers]) {
      if (!barrier.scanned) {
        if (!this.scanner.idle) continue
        barrier.scanned = true
        for (const entry of [...x.urgent, ...x.backlog]) barrier.entries.add(entry)
      }
      for (const entry of barrier.entries) if (!this.inProgress(entry)) barrier.entries.delete(entry)
      if (barrier.entries.size > 0) continue
      this.barriers.splice(this.barriers.indexOf(barrier), 1)
      if (this.options.role === 'pod') x.send('control', { type: 'flushed', id: barrier.id })
      else x.emit({ type: 'flushed', id: -barrier.id })
    }
  }

  private inProgress(entry: Entry): boolean {
    const { exchange: x } = this
    return (
      x.urgent.has(entry) ||
      x.backlog.has(entry) ||
      x.flights.has(entry) ||
      x.waiting.has(entry) ||
      x.holds.has(entry) ||
      this.transfers.has(entry)
    )
  }

  private loadJournal(): void {
    const { journal } = this.options
    if (journal === undefined) return
    const { tree } = this.options.replica
    for (const record of journal.load()) {
      switch (record.type) {
        case 'agreed':
          tree.ensure(record.path).agreed = record.token
          break
        case 'answered': {
          const entry = tree.ensure(record.path)
          entry.agreed = record.token
          entry.sent = undefined
          break
        }
        case 'sent':
          tree.ensure(record.path).sent = record.token
          break
        case 'unsent':
          tree.ensure(record.path).sent = undefined
          break
        case 'void':
          for (const entry of tree.walk()) {
            entry.agreed = absent
            entry.sent = undefined
          }
          break
        case 'raising':
          this.incarnation.raising = { id: record.id, epoch: record.epoch }
          break
        case 'epoch':
          this.incarnation.confirmed = { id: record.id, epoch: record.epoch }
          this.incarnation.raising = undefined
      }
    }
  }
}

function explain(code: string): string {
  switch (code) {
    case 'unsupported-type':
      return 'not a file, folder or link; it does not travel'
    case 'mount-point':
      return 'another file system is mounted here; it does not travel'
    case 'root-missing':
      return 'is gone; nothing is sent until it is back'
    default:
      return `cannot be read (${code})`
  }
}
