import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../base/clock.ts'
import { compactHeap, heapHeldBytes } from '../base/compact-heap.ts'
import { UserError } from '../base/errors.ts'
import { absent } from '../core/content.ts'
import { joinPath, type Path } from '../core/path.ts'
import type { WatchEvents } from '../disk/watcher.ts'
import { StreamError } from '../wire/stream-error.ts'
import { ChangeLog } from './change-log.ts'
import { SyncEngine } from './engine.ts'
import type { EngineEvent } from './exchange.ts'
import { FlushWaits } from './flush-waits.ts'
import { HeapAtRest } from './heap-at-rest.ts'
import { compileRules, type IgnoreReaderOptions } from './ignore-reader.ts'
import { IgnoredWatch } from './ignored-watch.ts'
import { LaptopFolder } from './laptop-folder.ts'
import { LiveRules } from './live-rules.ts'
import { haltedError, SessionProblems } from './session-problems.ts'
import { SessionProgress } from './session-progress.ts'
import { SyncLoop } from './sync-loop.ts'
import { type SyncEvent, type SyncSession, type SyncStatus, unkeptCode, unusableCode } from './sync-port.ts'
import { watchLimitCode, watchLimitMessage } from './watch-limit.ts'

const checkpointMs = 30_000
const probeMs = 5_000
/** Between two while the first answer of a connection is waited for that says that the pod is settled. */
const unsettledProbeMs = 10
const changesMs = 1_000

export interface LaptopSessionOptions {
  /** Absolute folder on the laptop. */
  local: string
  initial: 'mirror' | 'keep'
  /** What of the folder travels, and whose changes, beside what its ignore files say. */
  rules?: IgnoreReaderOptions
  /** Names this pairing of a laptop's folder with a workload's folder, over runs. */
  sessionKey: string
  /** Folder for its state; made when missing. One process at a time may have it. */
  stateFolder: string
  onEvent: (event: SyncEvent) => void
  clock?: Clock
  /** See `LaptopFolderOptions`. */
  init?: string
}

/** The laptop's end of a synced folder: the folder, the engine, and what a person is told of both. */
export class LaptopSession implements SyncSession {
  readonly id: string
  private readonly options: LaptopSessionOptions
  private readonly clock: Clock
  private readonly folder: LaptopFolder
  private readonly loop: SyncLoop
  private readonly engine: SyncEngine
  private readonly rules: LiveRules
  private readonly problems: SessionProblems
  private readonly progress: SessionProgress
  private readonly flushes = new FlushWaits()
  private readonly fetches = new FlushWaits()
  private readonly changes = new ChangeLog()
  private readonly ignored: IgnoredWatch
  private readonly heap = new HeapAtRest(() => this.engine.idle(), {
    fold: () => {
      this.folder.replica.tree.fold()
      // what was agreed within the epoch is remembered path by path until the next one
      this.raiseEpoch()
    },
    compact: compactHeap,
    heldBytes: heapHeldBytes,
  })
  private readonly timers: NodeJS.Timeout[] = []
  private lastChangeAtMs: number | undefined
  /** The change after which the epoch was raised last. */
  private raisedAfterMs: number | undefined
  private lastProbeAtMs: number | undefined
  private podPending = 0
  /** The pod has said on this connection that nothing of its own is on its way. */
  private podSettled = false
  private nextProbe: NodeJS.Timeout | undefined
  private lastId = 0

  constructor(options: LaptopSessionOptions) {
    this.options = options
    this.id = options.sessionKey
    this.clock = options.clock ?? systemClock
    this.folder = new LaptopFolder({ ...options, clock: this.clock, events: this.watchEvents() })
    this.rules = new LiveRules(this.folder.ignore, text => {
      this.engine.setRules(text)
      this.ignored.begin()
      this.loop.wake()
    })
    this.ignored = new IgnoredWatch(this.clock, this.folder.ignore, () => this.isBusy(), options.onEvent)
    this.problems = new SessionProblems(options.onEvent)
    this.progress = new SessionProgress(this.clock, this.folder.replica.tree, event => {
      // Said before it, and complete if there was time to count.
      if (event.type === 'first-sync-done') {
        this.ignored.tell()
        this.heap.begin()
      }
      options.onEvent(event)
    })
    this.loop = new SyncLoop(this.clock, {
      failed: reason => this.failed(reason),
      turned: () => this.turned(),
    })
    this.engine = this.makeEngine()
    this.loop.run(this.engine)
    this.timers.push(
      setInterval(() => this.checkpoint(), checkpointMs),
      setInterval(() => this.probe(), probeMs),
      setInterval(() => this.tellChanges(), changesMs),
    )
  }

  attach(lanes: { control: Duplex; bulk: Duplex }): void {
    this.loop.attach(lanes)
    this.progress.attached(this.loop.bytesSent)
    this.turned()
  }

  detach(): void {
    this.loop.detach()
    this.podGone()
    this.turned()
  }

  status(): SyncStatus {
    const { bytes, files } = this.engine.transfers.pending
    const { doneBytes, sentBytes, doneFiles, current: path } = this.engine.transfers
    const { state, firstSyncSeconds } = this.progress
    return {
      state,
      pending: this.engine.pending() + this.podPending,
      files: this.progress.files(),
      conflicts: this.problems.openConflicts(copy => this.isThere(copy)),
      problems: this.problems.list,
      bytesSent: this.loop.bytesSent,
      bytesReceived: this.loop.bytesReceived,
      ...(files > 0
        ? {
            transfer: {
              doneBytes: sentBytes,
              totalBytes: doneBytes + bytes,
              doneFiles,
              totalFiles: doneFiles + files,
              path,
            },
          }
        : {}),
      ...(this.ignored.summary === undefined ? {} : { ignored: this.ignored.summary }),
      ...(this.lastChangeAtMs === undefined ? {} : { lastChangeAtMs: this.lastChangeAtMs }),
      ...(firstSyncSeconds === undefined ? {} : { firstSyncSeconds }),
      ...(this.lastProbeAtMs === undefined ? {} : { lastProbeAtMs: this.lastProbeAtMs }),
    }
  }

  async fetch(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    this.requireFlow()
    this.lastId += 1
    const id = this.lastId
    const fetched = this.fetches.add(id, signal)
    this.engine.askFlush(id)
    this.loop.wake()
    await fetched
  }

  async flush(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    // Events of what was written before this call are queued in the kernel: two turns of the loop drain them.
    for (let turns = 0; turns < 2; turns++) await new Promise<void>(resolve => setImmediate(resolve))
    this.requireFlow()
    this.rules.flush()
    this.lastId += 1
    const id = this.lastId
    const flushed = this.flushes.add(id, signal)
    // What is held back here goes out now; it is waited for in `flushed`, when the pod has said that its own is here:
    // that may have become a conflict copy, which must reach the pod.
    this.engine.flush(0)
    this.engine.askFlush(id)
    this.loop.wake()
    await flushed
  }

  private requireFlow(): void {
    if (!this.engine.live)
      throw new UserError('sync-halted', 'sync is not connected', {
        hint: 'try again when `podswap status` says ready',
      })
    if (this.problems.halted) throw haltedError()
  }

  close(): void {
    for (const timer of this.timers) clearInterval(timer)
    clearTimeout(this.nextProbe)
    this.tellChanges()
    this.ignored.close()
    this.heap.close()
    this.rules.close()
    this.folder.watcher.close()
    this.loop.close()
    this.engine.close()
    this.folder.close()
  }

  /** What the tree does not hold (it is ignored, or not looked at yet) may be there. */
  private isThere(path: Path): boolean {
    const { tree, disk } = this.folder.replica
    if ((tree.find(path)?.current ?? absent) !== absent) return true
    try {
      return disk.stat({ area: 'tree', path }) !== null
    } catch {
      return true
    }
  }

  private makeEngine(): SyncEngine {
    const { replica, ignore, watcher, log } = this.folder
    return new SyncEngine({
      role: 'laptop',
      replica,
      rules: ignore.rules,
      rulesText: ignore.text,
      compileRules,
      send: (lane, message) => this.loop.send(lane, message),
      writable: lane => this.loop.writable(lane),
      on: event => this.on(event),
      watch: dir => watcher.watch(dir),
      known: (dir, rules) => ignore.takeNames(dir, rules),
      listed: (dir, names) => this.rules.listed(dir, names),
      unwatch: dir => watcher.unwatch(dir),
      rulesMoved: path => this.rulesMoved(path),
      session: this.id,
      // With no ignore file nobody said what only the pod should have: then nothing is removed there.
      initial: ignore.hasFiles ? this.options.initial : 'keep',
      journal: log,
      newMarkerId: () => randomBytes(8).toString('hex'),
    })
  }

  private rulesMoved(path: Path): string | undefined {
    const text = this.rules.moved(path)
    if (text !== undefined) this.ignored.begin()
    return text
  }

  private watchEvents(): WatchEvents {
    const side = 'laptop'
    return {
      changed: (dir, name, kind) => this.changed(dir, name, kind),
      overflow: () => {
        this.folder.ignore.forgetNames()
        this.engine.sweep()
        this.loop.wake()
      },
      limited: code => {
        const message = code === null ? '' : watchLimitMessage(code, side)
        this.problems.take({ side, path: '', code: watchLimitCode, message })
      },
    }
  }

  private changed(dir: Path, name: string | null, kind: 'rename' | 'change'): void {
    if (name === null || kind === 'rename') this.folder.ignore.forgetNames()
    if (name === null) this.engine.hintFolder(dir)
    else {
      const path = joinPath(dir, name)
      this.rules.changed(path, kind)
      this.engine.hint(path, kind)
    }
    this.loop.wake()
  }

  private checkpoint(): void {
    const { firstSyncSeconds } = this.progress
    this.folder.checkpoint(firstSyncSeconds === undefined ? undefined : `${this.lastChangeAtMs} ${firstSyncSeconds}`)
    this.raiseEpoch()
  }

  private raiseEpoch(): void {
    if (this.lastChangeAtMs === this.raisedAfterMs) return
    this.engine.raiseEpoch()
    this.raisedAfterMs = this.lastChangeAtMs
    this.loop.flush()
  }

  private probe(): void {
    if (!this.engine.live) return
    this.lastId += 1
    this.engine.probe(this.lastId)
    this.loop.flush()
  }

  private on(event: EngineEvent): void {
    switch (event.type) {
      case 'conflict':
        this.problems.conflict({ path: event.path, copy: event.copy, atMs: this.clock.now() })
        break
      case 'problem':
        this.problems.take(event)
        break
      case 'mirror':
        this.options.onEvent(event)
        break
      case 'halted':
        if (this.problems.halt(event.deletes))
          for (const waits of [this.flushes, this.fetches]) waits.failAll(haltedError())
        break
      case 'resumed':
        this.problems.resume()
        break
      case 'unkept':
        this.unkept(event.code)
        break
      case 'flushed':
        this.flushed(event.side, event.id)
        break
      case 'probed':
        this.lastProbeAtMs = this.clock.now()
        this.probed(event.pending)
        break
      case 'changed':
        this.lastChangeAtMs = this.clock.now()
        this.heap.changed()
        if (this.progress.firstSyncSeconds !== undefined) this.changes.add(event.path, event.direction)
        break
      case 'live':
        this.lastProbeAtMs = this.clock.now()
        this.problems.usable()
        this.probe()
        // What waited when the connection went waits on the new one.
        for (const id of [...this.flushes.ids, ...this.fetches.ids]) this.engine.askFlush(id)
        break
      case 'flush-asked':
      case 'first-contact':
        break
    }
  }

  /** What the pod said at a connection has come when it has answered and is settled. */
  private probed(pending: number): void {
    this.podPending = pending
    if (pending === 0) {
      this.podSettled = true
      this.problems.forgetUntold()
    } else if (!this.podSettled) {
      clearTimeout(this.nextProbe)
      this.nextProbe = setTimeout(() => this.probe(), unsettledProbeMs)
    }
  }

  private podGone(): void {
    this.problems.podGone()
    this.podPending = 0
    this.podSettled = false
    clearTimeout(this.nextProbe)
  }

  private unkept(code: string): void {
    const { stateFolder } = this.options
    const message = `the sync state in ${stateFolder} cannot be written (${code}): nothing is sent until it can be`
    this.problems.take({ side: 'laptop', path: '', code: unkeptCode, message: code === '' ? '' : message })
  }

  private flushed(side: 'laptop' | 'pod', id: number): void {
    if (side === 'laptop') this.flushes.done(id)
    else if (this.fetches.has(id)) this.fetches.done(id)
    else if (this.flushes.has(id)) {
      this.engine.flush(id)
      this.loop.wake()
    }
  }

  private failed(reason: Error): void {
    this.podGone()
    if (reason.name === 'ProtocolError') {
      this.options.onEvent({
        type: 'problem',
        problem: { side: 'pod', path: '', code: 'protocol', message: `the connection was ended: ${reason.message}` },
      })
    }
    if (reason instanceof StreamError && reason.code === unusableCode) this.problems.unusable(reason.message)
    this.turned()
  }

  private tellChanges(): void {
    const changes = this.changes.take()
    if (changes !== undefined) this.options.onEvent({ type: 'changes', ...changes })
  }

  /** There is something to do that somebody waits for. */
  private isBusy(): boolean {
    return this.loop.attached && this.progress.firstSyncSeconds === undefined
  }

  private turned(): void {
    this.progress.update({
      attached: this.loop.attached,
      halted: this.problems.halted,
      live: this.engine.live,
      pendingHere: this.engine.pending(),
      pendingInPod: this.podPending,
      podSettled: this.podSettled,
      bytesSent: this.loop.bytesSent,
    })
  }
}
