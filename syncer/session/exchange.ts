import type { Clock } from '../base/clock.ts'
import { QueueSet } from '../base/queue-set.ts'
import { TimerQueue } from '../base/timer-queue.ts'
import { absent, type Token } from '../core/content.ts'
import { isWithin, type Path } from '../core/path.ts'
import { isMuted, type SyncPolicy, twoWay } from '../core/sync-policy.ts'
import type { Stat } from '../disk/disk.ts'
import { Holds } from '../endpoint/holds.ts'
import type { IgnoreRules, Replica } from '../endpoint/replica.ts'
import type { Entry } from '../endpoint/tree.ts'
import type { SyncMessage } from '../wire/sync-message.ts'
import { BackAndForth } from './back-and-forth.ts'
import { EpochHistory } from './epoch-history.ts'
import { JournalError, type JournalRecord } from './journal.ts'
import type { Lane } from './peer.ts'
import { RecentEntries } from './recent-entries.ts'
import { notTakenInCode } from './sync-port.ts'

export type Role = 'laptop' | 'pod'

/** A PUT of ours that is not answered yet; at most one for a path. */
export interface Flight {
  seq: number
  data: Token
  /** The base was set by the other end's PUT, or forgotten by the rules, meanwhile: the answer no longer says what is agreed. */
  stale: boolean
  /** The path changed, or may have, since it was sent: look again when the answer is there. */
  touched: boolean
  /** When it went, where its answer tells how far away the other end is. */
  sentMs?: number
  /** Of a subtree's PUT, or a folder's new name: what else its answer is about, each with a flight of its own. */
  members?: Entry[]
  /** It is of a folder's new name. */
  isMove?: true
}

/** What one end tells the program around it. */
export type EngineEvent =
  | { type: 'live' }
  | { type: 'conflict'; path: Path; copy: Path }
  | { type: 'problem'; side: Role; path: Path; code: string; message: string }
  | { type: 'mirror'; removed: number; largest: { folder: Path; files: number }[] }
  | { type: 'halted'; deletes: number }
  | { type: 'resumed' }
  | { type: 'first-contact' }
  /** All of the folder was read. */
  | { type: 'swept' }
  | { type: 'flush-asked'; id: number }
  | { type: 'flushed'; side: Role; id: number }
  | { type: 'probed'; id: number; pending: number }
  | { type: 'changed'; path: Path; direction: 'out' | 'in' }
  /** The journal cannot be written, with the system's code: nothing is sent until it can, which has the code ''. */
  | { type: 'unkept'; code: string }

/** How soon the journal is tried again where it cannot be written, in ms. */
const unkeptRetryMs = 1_000

export interface ExchangeOptions {
  role: Role
  replica: Replica
  rules: IgnoreRules
  /** Takes what a `graft` message holds before it returns: its bytes change afterwards. */
  send(lane: Lane, message: SyncMessage): void
  /** False while the lane cannot take more: nothing new is started on it. */
  writable(lane: Lane): boolean
  /** Laptop only. */
  record?(records: JournalRecord[]): void
  on(event: EngineEvent): void
}

/**
 * The state of the conversation about each path, shared by the engine's parts: what is dirty, what is under way, what
 * waits. Decisions and journal records are collected and leave together, records first, so that nothing is sent that a
 * crash could make us forget.
 */
export class Exchange {
  readonly role: Role
  readonly replica: Replica
  readonly clock: Clock
  readonly holds = new Holds()
  readonly flights = new Map<Entry, Flight>()
  /** Changes of now, and changes that a scan found. */
  readonly urgent = new QueueSet<Entry>()
  readonly backlog = new QueueSet<Entry>()
  /** Of {@link Exchange.urgent}: files that were files before and came to rest, and what the disk showed of them then. */
  readonly released = new Map<Entry, Stat>()
  /** What goes when its folder has gone: neither queued nor under way, and not in step. */
  readonly waiting = new Set<Entry>()
  /** Paths that were changed for the other end a moment ago: their events are most likely echoes. */
  readonly recent = new RecentEntries()
  /** Of these: those that stood there for the first time. */
  readonly recentNew = new RecentEntries()
  /** Laptop: of what the other end sent and what went in answer to it. */
  readonly backAndForth = new BackAndForth()
  /** Laptop: what was agreed on earlier, since the pod's copy has its epoch. */
  readonly history = new EpochHistory()
  readonly problems = new Map<Path, { code: string; message: string }>()
  /** Where a change of the other end cannot be made: such a problem lasts until there is an answer to it. */
  private readonly unmade = new Set<Path>()
  /** What the other end could not write, and tells of as a problem until it has another answer. */
  readonly untaken = new Set<Entry>()
  rules: IgnoreRules
  /** Raised whenever the rules change. */
  rulesVersion = 0
  /** True between the exchange of agreements and the end of the connection: changes may be sent. */
  live = false
  /** Laptop: nothing is agreed yet, but the pod has nothing, and subtrees may go ahead of their PUTs. */
  ahead = false
  private readonly options: ExchangeOptions
  private readonly retryAt = new Map<Entry, { atMs: number; tries: number; refused: boolean }>()
  private readonly retries = new TimerQueue<Entry>()
  private records: JournalRecord[] = []
  /** The journal cannot be written: with the system's code, and when it is tried again. */
  private unkept: { code: string; retryAtMs: number } | undefined
  private messages: SyncMessage[] = []
  private seq = 0
  private readonly keepers: ((entry: Entry) => boolean)[] = []

  constructor(options: ExchangeOptions) {
    this.options = options
    this.role = options.role
    this.replica = options.replica
    this.clock = options.replica.clock
    this.rules = options.rules
  }

  get policy(): SyncPolicy {
    return this.rules.policy ?? twoWay
  }

  /** The other end's changes stay there. */
  get isDeaf(): boolean {
    return isMuted(this.policy, this.role === 'laptop' ? 'pod' : 'laptop')
  }

  nextSeq(): number {
    this.seq += 1
    return this.seq
  }

  /** Of what was sent. */
  get lastSeq(): number {
    return this.seq
  }

  /** Content changes nothing that is known of any path, so it needs no record, and what it lies in is free again at once. */
  send(lane: Lane, message: SyncMessage): void {
    if (lane === 'bulk') this.options.send(lane, message)
    else this.messages.push(message)
  }

  writable(lane: Lane): boolean {
    return this.options.writable(lane)
  }

  emit(event: EngineEvent): void {
    this.options.on(event)
  }

  record(record: JournalRecord): void {
    if (this.options.record !== undefined) this.records.push(record)
  }

  /** Makes durable what was recorded, then lets the messages go; where it cannot be made so, both wait, and it is told. */
  commit(): void {
    if (!this.keepRecords() || this.messages.length === 0) return
    const messages = this.messages
    this.messages = []
    for (const message of messages) this.options.send('control', message)
  }

  private keepRecords(): boolean {
    if (this.records.length === 0) return true
    const nowMs = this.clock.monotonic()
    if (this.unkept !== undefined && nowMs < this.unkept.retryAtMs) return false
    try {
      this.options.record!(this.records)
    } catch (error) {
      if (!(error instanceof JournalError)) throw error
      const isNews = this.unkept?.code !== error.code
      this.unkept = { code: error.code, retryAtMs: nowMs + unkeptRetryMs }
      if (isNews) this.emit({ type: 'unkept', code: error.code })
      return false
    }
    this.records = []
    if (this.unkept !== undefined) this.emit({ type: 'unkept', code: '' })
    this.unkept = undefined
    return true
  }

  /** Forgets what belonged to the connection that ended. What was sent and not answered stays on record. */
  reset(): void {
    this.live = false
    this.messages = []
    this.flights.clear()
    this.waiting.clear()
    this.retryAt.clear()
    this.released.clear()
  }

  /** Both ends agree on this now. What was sent and not answered stays so. */
  agree(entry: Entry, token: Token): void {
    // Only the laptop keeps it on record.
    if (entry.agreed !== token && this.role === 'laptop') {
      const { path } = entry
      this.remember(path, entry.agreed)
      this.record({ type: 'agreed', path, token })
    }
    entry.agreed = token
    this.noRetry(entry)
  }

  /** The other end took what was sent. */
  answered(entry: Entry, token: Token): void {
    const { path } = entry
    this.remember(path, entry.agreed)
    this.record({ type: 'answered', path, token })
    entry.agreed = token
    entry.sent = undefined
    this.noRetry(entry)
  }

  private remember(path: Path, agreed: Token): void {
    if (this.role === 'laptop') this.history.add(path, agreed)
  }

  /** What was sent was not taken. */
  unsent(entry: Entry): void {
    if (entry.sent === undefined) return
    entry.sent = undefined
    this.record({ type: 'unsent', path: entry.path })
  }

  /** The path wants to be looked at and, where it differs, to be offered. */
  queue(entry: Entry, urgent: boolean): void {
    if (entry.parent === null) return
    this.waiting.delete(entry)
    if (isMuted(this.policy, this.role)) {
      if (this.isGone(entry)) this.prune(entry)
      return
    }
    if (urgent) {
      this.backlog.delete(entry)
      this.urgent.add(entry)
    } else if (!this.urgent.has(entry)) this.backlog.add(entry)
  }

  /**
   * Offers it again after a while; `waitMs` doubles with each try up to `waitMsMax`.
   * @param refused the other end has something else there: the two will meet soon, which is no trouble
   */
  retry(entry: Entry, waitMs: number, waitMsMax: number, refused = false): void {
    const tries = (this.retryAt.get(entry)?.tries ?? 0) + 1
    const atMs = this.clock.monotonic() + Math.min(waitMs * 2 ** Math.min(tries - 1, 20), waitMsMax)
    this.retryAt.set(entry, { atMs, tries, refused })
    this.retries.add(atMs, entry)
  }

  /** Entries that were refused because the other end has something else there. */
  *refused(): Generator<Entry> {
    for (const [entry, { refused }] of this.retryAt) if (refused) yield entry
  }

  isRefused(entry: Entry): boolean {
    return this.retryAt.get(entry)?.refused === true
  }

  /** The reason to wait is gone. */
  retryNow(entry: Entry): void {
    const retry = this.retryAt.get(entry)
    if (retry !== undefined) retry.atMs = 0
    this.queue(entry, true)
  }

  /** Nothing to try again: what stands here is agreed. */
  noRetry(entry: Entry): void {
    this.waiting.delete(entry)
    this.retryAt.delete(entry)
    if (this.problems.size === 0) return
    const { path } = entry
    if (this.problems.get(path)?.code === notTakenInCode) this.problem(path, '', '')
  }

  isWaitingToRetry(entry: Entry, nowMs: number): boolean {
    const retry = this.retryAt.get(entry)
    return retry !== undefined && retry.atMs > nowMs
  }

  retryDue(): number {
    return Math.min(this.retries.nextDue(), this.unkept?.retryAtMs ?? Number.POSITIVE_INFINITY)
  }

  takeRetries(nowMs: number): void {
    for (let entry = this.retries.take(nowMs); entry !== undefined; entry = this.retries.take(nowMs)) {
      if (this.retryAt.has(entry)) this.queue(entry, true)
    }
  }

  /** Entries that wait for another try. */
  get retrying(): number {
    return this.retryAt.size
  }

  /** It can be read (again). That says nothing of whether the other end's change can be made. */
  readable(path: Path): void {
    if (!this.unmade.has(path) && this.problems.get(path)?.code !== notTakenInCode) this.problem(path, '', '')
  }

  /** The other end has no room for its content, or no right; it is sent again until it is there, or not wanted any more. */
  notTakenIn({ path }: Entry, code: string): void {
    const there = this.role === 'pod' ? 'on the laptop' : 'in the pod'
    this.problem(path, notTakenInCode, `${path} could not be written ${there} (${code})`)
  }

  /** A folder that it is in cannot be made at the other end: a socket or another file system stands there. */
  isBelowUntaken({ parent }: Entry): boolean {
    if (this.untaken.size === 0) return false
    for (let at = parent; at !== null; at = at.parent) if (this.untaken.has(at)) return true
    return false
  }

  /** What went with its folder is no trouble any more, whether anything is known of it or not. */
  readableBelow(gone: Path): void {
    for (const path of [...this.problems.keys()]) if (isWithin(path, gone)) this.readable(path)
  }

  /** A change of the other end cannot be made here; it is offered again until it can, or is not wanted any more. */
  cannotMake(path: Path, code: string, message: string): void {
    this.unmade.add(path)
    this.problem(path, code, message)
  }

  /** Nothing of the other end waits to be made here any more. */
  made(path: Path): void {
    this.unmade.delete(path)
    this.problem(path, '', '')
  }

  /** @param code `''`: there is none any more */
  problem(path: Path, code: string, message: string): void {
    if ((this.problems.get(path)?.code ?? '') === code) return
    if (code === '') this.problems.delete(path)
    else this.problems.set(path, { code, message })
    if (this.role === 'laptop') this.emit({ type: 'problem', side: 'laptop', path, code, message })
    else if (this.live || code !== '') this.send('control', { type: 'problem', path, code, message })
  }

  /** Pod: the laptop may not have heard of them, or take them for those of another pod. */
  tellProblems(): void {
    if (this.role === 'laptop') return
    for (const [path, problem] of this.problems) this.send('control', { type: 'problem', path, ...problem })
  }

  /** Drops the entry where nothing is known or wanted of it any more. */
  prune(entry: Entry): void {
    this.replica.tree.prune(
      entry,
      at =>
        this.flights.has(at) ||
        this.holds.has(at) ||
        this.urgent.has(at) ||
        this.backlog.has(at) ||
        this.waiting.has(at) ||
        this.retryAt.has(at) ||
        this.untaken.has(at) ||
        this.keepers.some(keeps => keeps(at)),
    )
  }

  /** Registers a part that holds on to entries; one that is held stays in the tree. */
  keepWhile(keeps: (entry: Entry) => boolean): void {
    this.keepers.push(keeps)
  }

  /** True where nothing stands at the path at either end, as far as this end knows. */
  isGone(entry: Entry): boolean {
    return entry.current === absent && entry.agreed === absent
  }
}
