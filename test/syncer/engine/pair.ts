import type { Clock } from '../../../syncer/base/clock.ts'
import { markKeyBytes } from '../../../syncer/core/block-marks.ts'
import type { Grain } from '../../../syncer/core/content-sum.ts'
import { isWithin, type Path } from '../../../syncer/core/path.ts'
import { type SyncPolicy, twoWay } from '../../../syncer/core/sync-policy.ts'
import { isWindowsName } from '../../../syncer/core/windows-name.ts'
import type { Disk } from '../../../syncer/disk/disk.ts'
import { ExactNames } from '../../../syncer/disk/exact-names.ts'
import { MemoryDisk } from '../../../syncer/disk/memory-disk.ts'
import { type MemorySystem, windows } from '../../../syncer/disk/memory-system.ts'
import type { VolumeOptions } from '../../../syncer/disk/memory-volume.ts'
import { Replica } from '../../../syncer/endpoint/replica.ts'
import { type EngineOptions, SyncEngine } from '../../../syncer/engine/engine.ts'
import type { EngineEvent } from '../../../syncer/engine/exchange/engine-event.ts'
import { type Journal, JournalError, type JournalRecord } from '../../../syncer/engine/exchange/journal.ts'
import type { Lane } from '../../../syncer/engine/exchange/peer.ts'
import type { Marker } from '../../../syncer/wire/contact-message.ts'
import type { SyncMessage } from '../../../syncer/wire/sync-message.ts'
import { keptMessage } from './kept-message.ts'

export class ManualClock implements Clock {
  ms = 1_000_000
  /** How far the wall clock is ahead of what it would be, had nobody set it. */
  setByMs = 0
  now(): number {
    return this.ms + this.setByMs
  }
  monotonic(): number {
    return this.ms
  }
}

export class ArrayJournal implements Journal {
  records: JournalRecord[] = []
  /** Its disk takes nothing, with this code. */
  refusal: string | undefined
  load(): JournalRecord[] {
    return [...this.records]
  }
  append(records: JournalRecord[]): void {
    if (this.refusal !== undefined) throw new JournalError(this.refusal, undefined)
    this.records.push(...records)
  }
}

interface PairOptions {
  laptopSystem?: MemorySystem
  /** What the file systems of both ends do. */
  volumes?: Omit<VolumeOptions, 'clock'>
  /** How far the pod's clock is ahead of the laptop's. */
  podAheadMs?: number
  /** What is a large file. */
  grain?: Grain
}

/** Two engines over memory disks and an ideal connection; `settle` runs them until nothing is left to do. */
export class Pair {
  readonly clock = new ManualClock()
  readonly disks: { laptop: MemoryDisk; pod: MemoryDisk }
  readonly podClock: Clock
  readonly journal = new ArrayJournal()
  readonly events: EngineEvent[] = []
  marker: Marker | null = null
  laptop!: SyncEngine
  pod!: SyncEngine
  private queue: { to: 'laptop' | 'pod'; lane: Lane; message: SyncMessage; atMs: number }[] = []
  /** Messages of one lane that have arrived are taken at once. */
  together = false
  /** How long a message is on its way; messages of one lane keep their order. */
  delayMs: (to: 'laptop' | 'pod', lane: Lane) => number = () => 0
  private ids = 0
  ignored: (path: Path, isDir: boolean) => boolean = () => false
  /** What a text of rules says, where it is not as {@link ignored} has it by then. */
  rulesOf: ((text: string) => { ignored(path: Path): boolean }) | undefined
  /** The text of the laptop's rules when the pod's new name of a folder has come. */
  rulesMoved: (path: Path) => string | undefined = () => undefined
  initial: 'mirror' | 'keep' = 'mirror'
  policy: SyncPolicy
  /** See {@link EngineOptions.beganNs}, for a pod that starts from now on. */
  beganNs: bigint | undefined
  /** How long the trash keeps what was replaced, for an end that starts from now on. */
  keepMs = 60_000
  /** Folders that are watched. */
  readonly watched = { laptop: new Set<Path>(), pod: new Set<Path>() }
  /** Programs in the pod that watch a file. */
  isWatched: (inode: bigint) => boolean = () => false
  sent: SyncMessage[] = []
  /** Messages whose content does not arrive as it was. */
  damage: ((message: SyncMessage) => boolean) | undefined
  /** What becomes of that content. */
  spoil = (_bytes: Uint8Array): Uint8Array => Buffer.from('not what was sent')
  private readonly stepsMax: number | undefined
  private readonly changedAtOnceMax: number | undefined
  private readonly grain: Grain | undefined

  constructor(
    policy: SyncPolicy = twoWay,
    options: Pick<EngineOptions, 'stepsMax' | 'changedAtOnceMax'> & PairOptions = {},
  ) {
    this.policy = policy
    this.stepsMax = options.stepsMax
    this.changedAtOnceMax = options.changedAtOnceMax
    this.grain = options.grain
    const { clock } = this
    const { laptopSystem: system, volumes, podAheadMs = 0 } = options
    this.podClock = { now: () => clock.now() + podAheadMs, monotonic: () => clock.monotonic() }
    this.disks = {
      laptop: new MemoryDisk({ clock, system, ...volumes }),
      pod: new MemoryDisk({ clock: this.podClock, ...volumes }),
    }
    this.start('laptop')
    this.start('pod')
  }

  start(role: 'laptop' | 'pod'): void {
    const engine = new SyncEngine(this.options(role))
    if (role === 'laptop') this.laptop = engine
    else this.pod = engine
  }

  connect(): void {
    this.queue = []
    this.pod.connect()
    this.laptop.connect()
  }

  cut(): void {
    this.queue = []
    this.pod.disconnect()
    this.laptop.disconnect()
  }

  /** The pod's process is gone, without a chance to clean up. */
  cutWithoutGoodbye(): void {
    this.queue = []
    this.laptop.disconnect()
  }

  /** Both ends start again, with another policy, and come to rest. */
  anew(policy: SyncPolicy): void {
    this.cut()
    this.policy = policy
    this.start('laptop')
    this.start('pod')
    this.connect()
    this.settle()
    this.sweep()
  }

  /** Runs both ends and moves the clock until both are idle. */
  settle(stepsMax = 20_000): void {
    for (let step = 0; step < stepsMax; step++) {
      if (this.queue.length === 0 && this.laptop.idle() && this.pod.idle()) return
      this.step()
    }
    throw new Error('the pair did not come to rest')
  }

  /** Runs the pod alone until it has nothing to do for a second. */
  settlePod(): void {
    const until = this.clock.ms + 1_000
    while (this.clock.ms < until) {
      this.pod.tick()
      this.clock.ms = Math.max(this.clock.ms + 1, Math.min(Math.ceil(this.pod.due()), until))
    }
  }

  /** One message arrives, or both ends do what is due next. */
  step(): void {
    const at = this.queue.findIndex(({ atMs }) => atMs <= this.clock.ms)
    const [next] = at < 0 ? [] : this.queue.splice(at, 1)
    if (next !== undefined) {
      const messages = [next.message]
      const isNext = (other = this.queue[at]) =>
        other?.to === next.to && other.lane === next.lane && other.atMs <= this.clock.ms
      while (this.together && isNext()) messages.push(this.queue.splice(at, 1)[0]!.message)
      this[next.to].receiveAll(next.lane, messages)
      return
    }
    let due = Math.min(this.laptop.due(), this.pod.due())
    for (const { atMs } of this.queue) due = Math.min(due, atMs)
    if (due > this.clock.ms && Number.isFinite(due)) this.clock.ms = Math.ceil(due)
    this.laptop.tick()
    this.pod.tick()
  }

  /** Messages under way. */
  queued(lane: Lane): number {
    return this.queue.filter(message => message.lane === lane).length
  }

  private damaged(message: SyncMessage): SyncMessage {
    return 'bytes' in message ? { ...message, bytes: this.spoil(message.bytes!) } : message
  }

  /** Tells both ends that everything may have changed. */
  sweep(): void {
    this.clock.ms += 50
    this.laptop.sweep()
    this.pod.sweep()
    this.settle()
  }

  private options(role: 'laptop' | 'pod'): EngineOptions {
    const other = role === 'laptop' ? 'pod' : 'laptop'
    const { policy } = this
    const rules = { policy, ignored: (path: Path, isDir: boolean) => this.ignored(path, isDir) }
    const replica = new Replica({
      disk: exact(this.disks[role]),
      clock: role === 'laptop' ? this.clock : this.podClock,
      newId: () => `${role[0]}${(this.ids++).toString(36)}`,
      owner: role,
      markKey: Buffer.alloc(markKeyBytes, role),
      ...(this.grain && { grain: this.grain }),
      trash: {
        keepMs: this.keepMs,
        bytesMax: 1e9,
        isWatched: inode => role === 'pod' && this.isWatched(inode),
      },
    })
    return {
      role,
      replica,
      rules,
      ...(this.stepsMax !== undefined && { stepsMax: this.stepsMax }),
      ...(this.changedAtOnceMax !== undefined && { changedAtOnceMax: this.changedAtOnceMax }),
      send: (lane, given) => {
        const message = keptMessage(given)
        this.sent.push(message)
        const atMs = this.clock.ms + this.delayMs(other, lane)
        this.queue.push({ to: other, lane, message: this.damage?.(message) ? this.damaged(message) : message, atMs })
      },
      writable: () => true,
      on: event => this.events.push(event),
      watch: path => this.watched[role].add(path),
      unwatch: path => {
        for (const each of this.watched[role]) if (isWithin(each, path)) this.watched[role].delete(each)
      },
      session: 'test',
      initial: this.initial,
      rulesText: '',
      compileRules: text => this.rulesOf?.(text) ?? rules,
      rulesMoved: path => this.rulesMoved(path),
      newMarkerId: () => `m${this.ids++}`,
      ...(role === 'laptop' ? { journal: this.journal } : {}),
      ...(role === 'pod'
        ? {
            ...(this.beganNs !== undefined && { beganNs: this.beganNs }),
            marker: {
              read: () => this.marker,
              write: (marker: Marker) => {
                this.marker = marker
              },
            },
          }
        : {}),
    }
  }
}

/** As {@link exactDisk} has it for a real folder. */
function exact(disk: MemoryDisk): Disk {
  const { system } = disk.volume
  if (system === undefined) return disk
  return new ExactNames(disk, system === windows ? { refuses: name => !isWindowsName(name) } : {})
}

/** Path → content, or `/` for a folder and `-> target` for a link. */
export function treeOf(disk: MemoryDisk, dir: Path = ''): Record<string, string> {
  const tree: Record<string, string> = {}
  for (const { name, kind } of disk.list(dir)) {
    const path = dir === '' ? name : `${dir}/${name}`
    if (kind === 'dir') Object.assign(tree, { [path]: '/' }, treeOf(disk, path))
    else if (kind === 'link') tree[path] = `-> ${disk.readlink({ area: 'tree', path })}`
    else tree[path] = disk.people.read(path).toString()
  }
  return tree
}

/** What was sent of one type, in order. */
export function of<T extends SyncMessage['type']>(pair: Pair, type: T): Extract<SyncMessage, { type: T }>[] {
  return pair.sent.filter((message): message is Extract<SyncMessage, { type: T }> => message.type === type)
}

/** Runs until `isThere` says so. */
export function runUntil(pair: Pair, isThere: () => boolean): void {
  for (let step = 0; !isThere(); step++) {
    if (step > 10_000) throw new Error('it never came to that')
    pair.step()
  }
}

/** Runs for so long, whatever is left over. */
export function runFor(pair: Pair, ms: number): void {
  const until = pair.clock.ms + ms
  runUntil(pair, () => pair.clock.ms >= until)
}

/** What is wrong now: path → code, as the last event about each says. */
export function problemsOf(pair: Pair): Record<string, string> {
  const found: Record<string, string> = {}
  for (const event of pair.events) {
    if (event.type !== 'problem') continue
    if (event.code === '') delete found[event.path]
    else found[event.path] = event.code
  }
  return found
}
