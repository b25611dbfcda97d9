import type { Clock } from '../../base/clock.ts'
import { QueueSet } from '../../base/queue-set.ts'
import { absent, type Token } from '../../core/content.ts'
import type { Path } from '../../core/path.ts'
import { isMuted, type Role, type SyncPolicy, twoWay } from '../../core/sync-policy.ts'
import type { Stat } from '../../disk/disk.ts'
import { Holds } from '../../endpoint/holds.ts'
import type { IgnoreRules, Replica } from '../../endpoint/replica.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { SyncMessage } from '../../wire/sync-message.ts'
import { BackAndForth } from './back-and-forth.ts'
import type { EngineEvent } from './engine-event.ts'
import { EpochHistory } from './epoch-history.ts'
import type { Flight } from './flight.ts'
import { FollowedCopies } from './followed-copies.ts'
import type { JournalRecord } from './journal.ts'
import { Outbox } from './outbox.ts'
import { type PathProblem, PathProblems } from './path-problems.ts'
import type { Lane } from './peer.ts'
import { RecentEntries } from './recent-entries.ts'
import { Retries } from './retries.ts'

export interface ExchangeOptions {
  role: Role
  replica: Replica
  rules: IgnoreRules
  /** Takes what a `graft` message holds before it returns: its bytes change afterwards. */
  send(lane: Lane, message: SyncMessage): void
  /** False while the lane cannot take more: nothing new is started on it. */
  writable(lane: Lane): boolean
  /** Pod only: what has changed since then, wall clock in ns, somebody wrote who works there, and no image brought it. */
  beganNs?: bigint
  /** Laptop only. */
  record?(records: JournalRecord[]): void
  on(event: EngineEvent): void
}

/**
 * The state of the conversation about each path, shared by the engine's parts: what is dirty, what is under way, what
 * waits.
 */
export class Exchange {
  readonly role: Role
  readonly replica: Replica
  readonly clock: Clock
  readonly holds: Holds
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
  /** Laptop: conflict copies that may give way to what the pod's program writes next. */
  readonly followed = new FollowedCopies()
  /** Laptop: what was agreed on earlier, since the pod's copy has its epoch. */
  readonly history = new EpochHistory()
  readonly problems: PathProblems
  readonly retries: Retries
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
  private readonly outbox: Outbox
  private seq = 0
  private readonly keepers: ((entry: Entry) => boolean)[] = []

  constructor(options: ExchangeOptions) {
    this.options = options
    this.role = options.role
    this.replica = options.replica
    this.clock = options.replica.clock
    const { disk } = options.replica
    this.holds = new Holds(disk.isAtRest && ((entry, stat) => disk.isAtRest?.(entry.path, stat) === true))
    this.rules = options.rules
    this.retries = new Retries(this.clock)
    this.problems = new PathProblems(options.role, problem => this.tellProblem(problem))
    this.outbox = new Outbox({
      clock: this.clock,
      send: message => options.send('control', message),
      keep: options.record && (records => options.record!(records)),
      unkept: code => this.emit({ type: 'unkept', code }),
    })
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
    else this.outbox.add(message)
  }

  writable(lane: Lane): boolean {
    return this.options.writable(lane)
  }

  emit(event: EngineEvent): void {
    this.options.on(event)
  }

  record(record: JournalRecord): void {
    this.outbox.record(record)
  }

  /** Ends a step: records and messages leave. */
  commit(): void {
    this.outbox.commit()
  }

  /** Forgets what belonged to the connection that ended. What was sent and not answered stays on record. */
  reset(): void {
    if (this.live) this.problems.doubt()
    this.live = false
    this.outbox.dropMessages()
    this.flights.clear()
    this.waiting.clear()
    this.retries.clear()
    this.released.clear()
    this.followed.clear()
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
      // It was tried when its changes travelled still.
      this.retries.delete(entry)
      if (this.isGone(entry)) this.prune(entry)
      return
    }
    if (urgent) {
      this.backlog.delete(entry)
      this.urgent.add(entry)
    } else if (!this.urgent.has(entry)) this.backlog.add(entry)
  }

  /** The reason to wait is gone. */
  retryNow(entry: Entry): void {
    this.retries.hurry(entry)
    this.queue(entry, true)
  }

  /** Nothing to try again: what stands here is agreed. */
  noRetry(entry: Entry): void {
    this.waiting.delete(entry)
    this.retries.delete(entry)
    this.problems.takenIn(entry)
  }

  /** What an end could not read or write is tried at once: what kept it from that may be over. */
  retryFailed(): void {
    for (const entry of this.retries.of('failed')) this.retryNow(entry)
  }

  /** When something that could not be done is tried again; monotonic ms. */
  retryDue(): number {
    return Math.min(this.retries.due(), this.outbox.due())
  }

  takeRetries(nowMs: number): void {
    for (const entry of this.retries.take(nowMs)) this.queue(entry, true)
  }

  /** A folder that it is in cannot be made at the other end: a socket or another file system stands there. */
  isBelowUntaken({ parent }: Entry): boolean {
    if (this.untaken.size === 0) return false
    for (let at = parent; at !== null; at = at.parent) if (this.untaken.has(at)) return true
    return false
  }

  /** Something below it cannot be changed at the other end. */
  isAboveUntaken(entry: Entry): boolean {
    if (entry.children === null) return false
    for (const { parent } of this.untaken) {
      for (let at = parent; at !== null; at = at.parent) if (at === entry) return true
    }
    return false
  }

  /** Laptop: see {@link PathProblems.forgetDoubted}. */
  lookAtDoubted(): void {
    for (const path of this.problems.forgetDoubted()) {
      if (isMuted(this.policy, this.role)) this.problems.over(path)
      else this.queue(this.replica.tree.ensure(path), false)
    }
  }

  /** @param stat what the disk showed of it; what somebody wrote and nobody can send is at this end alone */
  cannotRead(path: Path, code: string, message: string, stat: Stat | undefined): void {
    const { beganNs } = this.options
    const isWork = beganNs !== undefined && stat !== undefined && stat.ctimeNs >= beganNs
    this.problems.cannotRead(path, code, message, isWork && !isMuted(this.policy, this.role))
  }

  private tellProblem(problem: PathProblem): void {
    if (this.role === 'laptop') this.emit({ type: 'problem', side: 'laptop', ...problem })
    else if (this.live || problem.code !== '') this.send('control', { type: 'problem', ...problem })
  }

  /** Pod: the laptop may not have heard of them, or take them for those of another pod. */
  tellProblems(): void {
    if (this.role === 'laptop') return
    for (const problem of this.problems.certain()) this.send('control', { type: 'problem', ...problem })
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
        this.retries.has(at) ||
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
