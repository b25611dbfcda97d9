import { ProtocolError } from '../base/errors.ts'
import { absent, folder } from '../core/content.ts'
import type { Path } from '../core/path.ts'
import { isMuted } from '../core/sync-policy.ts'
import type { ListedStat, Stat } from '../disk/disk.ts'
import type { HintKind } from '../endpoint/holds.ts'
import type { IgnoreRules } from '../endpoint/replica.ts'
import { type ScanEvents, Scanner } from '../endpoint/scanner.ts'
import type { Entry } from '../endpoint/tree.ts'
import type { SyncMessage, Unstaged } from '../wire/sync-message.ts'
import { Ahead } from './ahead.ts'
import { Arrivals, isArrival } from './arrivals.ts'
import { Barriers } from './barriers.ts'
import { EarlyContent, type EarlyOptions } from './early-content.ts'
import { Exchange, type ExchangeOptions } from './exchange.ts'
import { GradualSweep } from './gradual-sweep.ts'
import type { NewFolders } from './graft-intake.ts'
import type { GraftOffersOptions } from './graft-offers.ts'
import { Handshake, type HandshakeOptions, isContact } from './handshake.ts'
import { echoMs, Hints } from './hints.ts'
import { Housekeeping } from './housekeeping.ts'
import { Intake, type IntakeOptions } from './intake.ts'
import type { Journal } from './journal.ts'
import { loadJournal } from './load-journal.ts'
import { Offers } from './offers.ts'
import type { Lane, Peer } from './peer.ts'
import { SecondLooks } from './second-looks.ts'
import { Transfers } from './transfers.ts'

/** One step of work ends after this long, so that a ping or a keystroke never waits longer, in ms. */
const sliceMs = 5
/** So many paths that differ or are under way, or messages since the last turn, are much. */
const muchMin = 8

export interface EngineOptions
  extends Omit<ExchangeOptions, 'record'>,
    Omit<HandshakeOptions, 'sweep' | 'ahead'>,
    GraftOffersOptions,
    EarlyOptions,
    IntakeOptions {
  /** Folders to watch as they are found. */
  watch(path: Path): void
  /** What a folder is known to hold since it is watched, where the rules are these; see {@link ScanEvents.known}. */
  known?(path: Path, rules: IgnoreRules): ReturnType<NonNullable<ScanEvents['known']>>
  /** What a folder holds, as a scan found it. */
  listed?(path: Path, names: Iterable<string>): void
  unwatch(path: Path): void
  /**
   * Laptop only: the other end has given a folder this name, with all that is in it. @returns the rules' text where that
   * makes others of them; what is ignored there at the pod may be the next message
   */
  rulesMoved?(path: Path): string | undefined
  /** Pod only: a private folder that is about to become the folder `path` is to be watched as that from now on. */
  watchAhead?(path: Path, own: string): void
  /** Laptop only. */
  journal?: Journal
  /** Steps of one kind of work in one turn, where its time is not up before. */
  stepsMax?: number
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
  private readonly hints: Hints
  private readonly early: EarlyContent
  private readonly offers: Offers
  private readonly intake: Intake
  private readonly ahead: Ahead
  private readonly handshake: Handshake
  private readonly barriers: Barriers
  private readonly arrivals: Arrivals
  private readonly housekeeping: Housekeeping
  private readonly secondLooks = new SecondLooks()
  private scanned = false
  private sweepDueMs = Number.POSITIVE_INFINITY
  private readonly gradual: GradualSweep
  /** The last turn was cut short for saves. */
  private owesTurn = false
  /** Messages since the last turn that was not. */
  private received = 0

  constructor(options: EngineOptions) {
    this.options = options
    const { journal, replica } = options
    const record = journal && { record: journal.append.bind(journal) }
    this.exchange = new Exchange({ ...options, ...record })
    this.transfers = new Transfers(this.exchange)
    const scanEvents: ScanEvents = {
      folder: path => options.watch(path),
      known: path => options.known?.(path, this.exchange.rules),
      listed: (path, listed) => options.listed?.(path, namesOf(listed)),
      read: entry => this.ahead.read(entry),
      passed: entry => this.gradual.passed(entry),
      looked: (entry, _path, before) => this.looked(entry, before),
      busy: entry => this.exchange.holds.later(entry, this.nowMs(), 5),
      barred: (path, code) => this.barred(path, code),
    }
    // A first sync reads each file once, when it is sent.
    const readsLater = () => this.handshake.isNew
    this.scanner = new Scanner(replica, () => this.exchange.rules, scanEvents, readsLater)
    this.gradual = new GradualSweep({
      replica,
      scanner: this.scanner,
      ended: () => this.exchange.emit({ type: 'swept' }),
    })
    const early = new EarlyContent(this.exchange, this.transfers, options)
    this.early = early
    this.hints = new Hints(this.exchange, this.scanner, early)
    const reread = (entry: Entry) => this.hints.readAgain(entry)
    this.offers = new Offers(this.exchange, { transfers: this.transfers, early }, reread, options)
    const newFolders: NewFolders = {
      made: entry => {
        options.watch(entry.path)
        this.hints.readSoon(entry, echoMs)
      },
      ahead: (path, own) => options.watchAhead?.(path, own),
      failed: path => options.unwatch(path),
    }
    this.intake = new Intake(this.exchange, this.scanner, newFolders, options)
    this.ahead = new Ahead(this.exchange, this.scanner, this.offers.grafts)
    this.handshake = new Handshake(this.exchange, {
      ...options,
      ahead: this.ahead,
      sweep: withinMs => this.sweepWithin(withinMs),
    })
    this.barriers = new Barriers(this.exchange, this.transfers)
    this.arrivals = new Arrivals(this.exchange)
    this.housekeeping = new Housekeeping(replica, rescue => this.intake.copies.rescue(rescue))
    for (const part of [this.transfers, this.scanner, this.hints, this.ahead, early])
      this.exchange.keepWhile(entry => part.has(entry))
    if (journal !== undefined) loadJournal(journal, this.exchange, this.handshake)
    if (options.role === 'laptop') this.sweep()
  }

  /** Changes may flow: both ends know what is agreed. */
  get live(): boolean {
    return this.exchange.live
  }

  /** Paths that are known to differ or are under way. */
  pending(): number {
    const { exchange: x, transfers, intake } = this
    const queued = x.urgent.size + x.backlog.size + x.waiting.size + x.holds.size
    return queued + x.flights.size + transfers.pending.files + intake.guard.size + this.ahead.held
  }

  connect(): void {
    this.disconnect()
    this.handshake.connect()
    this.exchange.commit()
  }

  disconnect(): void {
    this.handshake.disconnect()
    this.exchange.reset()
    this.transfers.reset()
    this.offers.reset()
    this.ahead.reset()
    this.intake.reset()
    this.options.replica.clearStaged()
    this.barriers.clear()
  }

  receive(lane: Lane, message: SyncMessage): void {
    this.receiveAll(lane, [message])
  }

  /**
   * Takes several messages; what they lead to is made durable and sent together.
   * @throws ProtocolError where the other end broke the protocol; what came before it is done
   */
  receiveAll(lane: Lane, messages: Iterable<SyncMessage>): void {
    this.options.replica.newTurn()
    try {
      for (const message of messages) {
        this.received += 1
        this.dispatch(lane, message)
      }
    } finally {
      this.intake.finish()
      this.exchange.commit()
    }
  }

  hint(path: Path, kind: HintKind = 'change'): void {
    this.options.replica.noticeClock()
    this.hints.hint(path, kind)
  }

  /** Something in the folder changed, it is not known what. */
  hintFolder(path: Path): void {
    this.hints.hintFolder(path)
  }

  /** @param isAwaited messages wait to be taken: what can wait as well does */
  tick(isAwaited = false): void {
    this.options.replica.newTurn()
    const nowMs = this.nowMs()
    const isOver = this.slice()
    this.hints.tick(nowMs)
    this.handshake.tick(nowMs, this.scanned)
    this.exchange.takeRetries(nowMs)
    if (nowMs >= this.sweepDueMs) this.sweep()
    if (this.saves(nowMs, isOver)) return
    this.early.step(nowMs)
    this.hints.takeWaiting(isOver)
    this.gradual.tick()
    this.scan(isOver)
    this.gradual.settle()
    if (this.readsUnasked) this.options.replica.looker.readOn(isOver)
    const isMuch = Math.max(this.received, this.pending()) >= muchMin
    this.received = 0
    if (isAwaited || isMuch) this.secondLooks.busy(nowMs)
    const hasTime = nowMs >= this.secondLooks.fromMs
    this.housekeeping.tick(nowMs, this.scanned, hasTime)
    this.intake.tick(nowMs)
    if (this.live) this.ahead.release(isOver)
    // What waits there has no PUT yet: nothing may be offered that is in it, or below it.
    if (this.ahead.held === 0) this.offers.step(isOver)
    // While it is still being read, reading does not leave anything of the slice.
    this.transfers.step(this.exchange.ahead ? this.slice() : isOver)
    this.arrivals.compare(this.slice())
    if (hasTime) this.hints.recheck(isAwaited ? () => true : isOver)
    this.passBarriers()
    this.exchange.commit()
  }

  due(): number {
    const { exchange: x, intake } = this
    const hasWork =
      x.replica.assemblies.hasWork ||
      this.offers.hasWork ||
      this.transfers.hasWork ||
      (this.live && this.ahead.held > 0)
    const isReading = (this.readsUnasked || (!x.live && !this.scanned)) && x.replica.looker.isReading
    if (!this.scanner.idle || isReading || hasWork || this.owesTurn) return 0
    const guard = Math.min(intake.guard.due(), intake.guard.haltDue())
    const soon = this.barriers.size > 0 ? this.nowMs() + 2 : Number.POSITIVE_INFINITY
    return Math.min(
      this.hints.due(this.secondLooks.fromMs),
      this.early.due(),
      this.handshake.due(),
      x.retryDue(),
      soon,
      this.sweepDueMs,
      this.gradual.due(),
      guard,
      this.housekeeping.due(this.scanned, this.secondLooks.fromMs),
    )
  }

  /** {@link due}, where that is when a save has come to rest: somebody waits for it. */
  saveDue(): number {
    return this.exchange.holds.nextSaveDue()
  }

  idle(): boolean {
    const { assemblies } = this.options.replica
    const quiet = this.scanner.idle && !assemblies.hasWork && this.hints.idle && this.pending() === 0
    return this.exchange.live && quiet && this.exchange.retrying === 0
  }

  /** Reads the whole folder again, at once: events were lost, or may have been. */
  sweep(): void {
    this.scanner.add(this.options.replica.tree.root, true)
    this.scanned = false
    this.sweepDueMs = Number.POSITIVE_INFINITY
    this.gradual.stop()
  }

  private sweepWithin(ms: number | undefined): void {
    if (ms === undefined) this.sweep()
    else this.sweepDueMs = Math.min(this.sweepDueMs, this.nowMs() + ms)
  }

  /** Laptop: the ignore files changed. */
  setRules(text: string): void {
    this.handshake.setRules(text)
    this.exchange.commit()
  }

  /** Reports `flushed` when everything that differs now is in step. Events must have been handed in before. */
  flush(id: number): void {
    this.hints.release()
    this.barriers.add(id, this.isRead)
    this.passBarriers()
    this.exchange.commit()
  }

  /** Laptop: asks the pod for the same; it answers with `flushed` of side `pod`. */
  askFlush(id: number): void {
    this.exchange.send('control', { type: 'flush', id })
    this.exchange.commit()
  }

  /** Laptop: at each checkpoint and at rest, see {@link Handshake.raiseEpoch}. */
  raiseEpoch(): void {
    this.handshake.raiseEpoch()
    this.exchange.commit()
  }

  /** Asks the other end for a sign of life. */
  probe(id: number): void {
    this.exchange.send('control', { type: 'probe', id })
    this.exchange.commit()
  }

  close(): void {
    this.disconnect()
    this.options.replica.close()
  }

  /** Nothing that was put off waits to be read. */
  private get isRead(): boolean {
    return this.scanner.idle && !this.hints.isBehind
  }

  /** Large files are read to the end though nobody offers them: a change of the other end waits for what stands here. */
  private get readsUnasked(): boolean {
    const { live, policy, role } = this.exchange
    return live && isMuted(policy, role)
  }

  /**
   * What was saved and came to rest goes out before anything else is done.
   * @returns whether some of it leaves now, and all else waits for the next turn
   */
  private saves(nowMs: number, isOver: () => boolean): boolean {
    const { exchange: x } = this
    const { lastSeq } = x
    const mayGo = this.ahead.held === 0
    for (let hasMore = true; hasMore; ) {
      hasMore = this.hints.takeHolds(nowMs, isOver)
      if (mayGo) this.offers.stepReleased(isOver)
      hasMore &&= !isOver()
    }
    // Every other turn is a whole one, however many there are.
    this.owesTurn = !this.owesTurn && x.lastSeq > lastSeq
    if (this.owesTurn) x.commit()
    return this.owesTurn
  }

  private slice(): () => boolean {
    const endMs = this.nowMs() + sliceMs
    let steps = this.options.stepsMax ?? Number.POSITIVE_INFINITY
    return () => steps-- <= 0 || this.nowMs() >= endMs
  }

  private nowMs(): number {
    return this.options.replica.clock.monotonic()
  }

  private dispatch(lane: Lane, message: SyncMessage): void {
    const { exchange: x } = this
    if (isArrival(message) !== (lane === 'bulk')) throw new ProtocolError(`${message.type} on the ${lane} lane`)
    if (message.type !== 'put') this.intake.finish()
    if (isContact(message)) {
      this.handshake.receive(message)
      this.handshake.advance(this.scanned)
      return
    }
    if (isArrival(message)) {
      this.arrivals.take(message)
      return
    }
    switch (message.type) {
      case 'put':
        this.intake.onPut(message)
        break
      case 'move':
        if (this.intake.onMove(message)) this.movedIn(message.path)
        break
      case 'ack':
        this.intake.judgeHeld(message.path)
        this.barriers.acked(message)
        this.offers.answers.onAck(message)
        break
      case 'rej':
        this.intake.judgeHeld(message.path)
        this.offers.answers.onRej(message)
        break
      case 'compare':
        this.intake.onCompare(message)
        break
      case 'blocks':
        this.transfers.comparisons.onBlocks(message)
        break
      case 'staged':
        this.onStaged(message.id)
        break
      case 'unstaged':
        this.onUnstaged(message)
        break
      case 'forget':
        this.intake.dropStaged(message.id)
        break
      case 'early':
        this.arrivals.takeEarly(message)
        break
      case 'flush':
        x.emit({ type: 'flush-asked', id: message.id })
        break
      case 'flushed':
        x.emit({ type: 'flushed', side: 'pod', id: message.id })
        break
      case 'problem':
        x.emit({ type: 'problem', side: 'pod', path: message.path, code: message.code, message: message.message })
        break
      case 'probe':
        // What this end has to tell is not known before the agreements.
        x.send('control', { type: 'probed', id: message.id, pending: Math.max(x.live ? 0 : 1, this.pending()) })
        break
      case 'probed':
        x.emit({ type: 'probed', id: message.id, pending: message.pending })
    }
  }

  private movedIn(path: Path): void {
    const text = this.options.rulesMoved?.(path)
    if (text !== undefined && this.options.role === 'laptop') this.handshake.setRules(text)
  }

  private onStaged(id: number): void {
    const transfer = this.transfers.staged(id)
    if (transfer === undefined) return
    if (!this.exchange.live || (this.ahead.held > 0 && transfer.members !== undefined)) this.ahead.hold(transfer)
    else if (transfer.members === undefined) this.offers.staged(transfer)
    else this.offers.grafts.staged(transfer, transfer.members)
  }

  private onUnstaged({ id, reason, path, code = '' }: Unstaged): void {
    if (path !== undefined) this.transfers.leaveOut(id, path)
    else {
      const transfer = this.transfers.unstaged(id, reason)
      if (transfer?.members !== undefined) this.offers.grafts.failed(transfer.entry, transfer.members)
      else if (transfer !== undefined && reason === 'failed') this.exchange.notTakenIn(transfer.entry, code)
    }
  }

  private scan(isOver: () => boolean): void {
    if (this.scanner.idle && this.scanned) return
    if (!this.scanner.step(isOver) || this.scanned) return
    // What is not read yet would look to the other end as if it were not there.
    if (!this.exchange.live && !this.options.replica.looker.readOn(isOver)) return
    this.scanned = true
    this.ahead.grown()
    this.gradual.begin()
    this.exchange.emit({ type: 'swept' })
    this.handshake.advance(this.scanned)
  }

  private looked(entry: Entry, before?: Stat | null): void {
    this.hints.scanned(entry, before)
    if (entry.current !== absent) return
    this.options.unwatch(entry.path)
    const isTopmost = entry.parent?.parent === null || entry.parent?.current === folder
    if (isTopmost && !entry.shadow) this.exchange.readableBelow(entry.path)
  }

  private barred(path: Path, code: string): void {
    if (code === '') this.exchange.readable(path)
    else this.exchange.problem(path, code, `${path === '' ? 'the folder' : path} ${explain(code)}`)
  }

  private passBarriers(): void {
    if (this.ahead.held > 0) return
    for (const id of this.barriers.passed(this.isRead)) {
      if (this.options.role === 'pod') this.exchange.send('control', { type: 'flushed', id })
      else this.exchange.emit({ type: 'flushed', side: 'laptop', id })
    }
  }
}

function* namesOf(listed: ListedStat[]): Generator<string> {
  for (const { name } of listed) yield name
}

function explain(code: string): string {
  switch (code) {
    case 'unsupported-type':
      return 'is no file, folder or link: it does not travel'
    case 'mount-point':
      return 'has another file system mounted on it: it does not travel'
    case 'ENAMETOOLONG':
      return 'holds what has too long a path: it does not travel'
    case 'root-missing':
      return 'is gone: nothing is sent until it is back'
    default:
      return `cannot be read (${code})`
  }
}
