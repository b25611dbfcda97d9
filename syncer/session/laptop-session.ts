import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../base/clock.ts'
import { compactHeap, heapHeldBytes } from '../base/compact-heap.ts'
import { joinPath, type Path } from '../core/path.ts'
import type { WatchEvents } from '../disk/watcher.ts'
import { SyncEngine } from '../engine/engine.ts'
import type { EngineEvent } from '../engine/exchange/engine-event.ts'
import { StreamError } from '../wire/stream-error.ts'
import { ChangeLog } from './change-log.ts'
import { Checkpoints } from './checkpoints.ts'
import { HeapAtRest } from './heap-at-rest.ts'
import { IgnoredWatch } from './ignored-watch.ts'
import { LaptopFlushes } from './laptop-flushes.ts'
import { LaptopFolder } from './laptop-folder.ts'
import { laptopStatus } from './laptop-status.ts'
import { PodProbes } from './pod-probes.ts'
import { compileRules, type IgnoreReaderOptions } from './rules/ignore-reader.ts'
import { LiveRules } from './rules/live-rules.ts'
import { SessionProblems } from './session-problems.ts'
import { SessionProgress } from './session-progress.ts'
import { SyncLoop } from './sync-loop.ts'
import { type SyncEvent, type SyncSession, type SyncStatus, unkeptCode, unusableCode } from './sync-port.ts'
import { watchLimitCode, watchLimitMessage } from './watch-limit.ts'

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
  private readonly flushes: LaptopFlushes
  private readonly probes: PodProbes
  private readonly checkpoints: Checkpoints
  private readonly changes = new ChangeLog()
  private readonly ignored: IgnoredWatch
  private readonly heap = new HeapAtRest(() => this.engine.idle(), {
    fold: () => {
      this.folder.replica.tree.fold()
      // what was agreed within the epoch is remembered path by path until the next one
      this.checkpoints.raiseEpoch()
    },
    compact: compactHeap,
    heldBytes: heapHeldBytes,
  })
  private readonly changesTimer: NodeJS.Timeout

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
    const { engine, loop, rules, problems, folder, progress } = this
    this.flushes = new LaptopFlushes({ engine, loop, rules, problems })
    this.probes = new PodProbes(this.clock, engine, loop)
    this.checkpoints = new Checkpoints({ folder, engine, loop, progress })
    loop.run(engine)
    this.changesTimer = setInterval(() => this.tellChanges(), changesMs)
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
    const { folder, engine, loop, problems, progress, ignored, probes, checkpoints } = this
    return laptopStatus({ folder, engine, loop, problems, progress, ignored, probes, checkpoints })
  }

  fetch(signal: AbortSignal): Promise<void> {
    return this.flushes.fetch(signal)
  }

  flush(signal: AbortSignal): Promise<void> {
    return this.flushes.flush(signal)
  }

  close(): void {
    clearInterval(this.changesTimer)
    this.checkpoints.close()
    this.probes.close()
    this.tellChanges()
    this.ignored.close()
    this.heap.close()
    this.rules.close()
    this.folder.watcher.close()
    this.loop.close()
    this.engine.close()
    this.folder.close()
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

  private on(event: EngineEvent): void {
    switch (event.type) {
      case 'conflict':
        this.problems.conflict({ path: event.path, copy: event.copy, atMs: this.clock.now() })
        break
      case 'problem':
        this.problems.take(event)
        break
      case 'replaced':
        this.problems.replace(event.path)
        break
      case 'mirror':
        this.options.onEvent(event)
        break
      case 'halted':
        if (this.problems.halt(event.deletes)) this.flushes.halted()
        break
      case 'resumed':
        this.problems.resume()
        break
      case 'unkept':
        this.unkept(event.code)
        break
      case 'flushed':
        this.flushes.flushed(event.side, event.id)
        break
      case 'probed':
        // What the pod cannot make it says in answer to what is still on its way from here.
        if (this.probes.answered(event.pending) && this.engine.pending() === 0) {
          this.problems.forgetUntold()
          this.engine.exchange.lookAtDoubted()
        }
        break
      case 'changed':
        this.checkpoints.lastChangeAtMs = this.clock.now()
        this.heap.changed()
        if (this.progress.firstSyncSeconds !== undefined) this.changes.add(event.path, event.direction)
        break
      case 'live':
        this.probes.heard()
        this.problems.usable()
        this.probes.ask()
        this.flushes.askAgain()
        break
      case 'flush-asked':
      case 'first-contact':
        break
    }
  }

  private podGone(): void {
    this.problems.podGone()
    this.probes.podGone()
  }

  private unkept(code: string): void {
    const { stateFolder } = this.options
    const message = `the sync state in ${stateFolder} cannot be written (${code}): nothing is sent until it can be`
    this.problems.take({ side: 'laptop', path: '', code: unkeptCode, message: code === '' ? '' : message })
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
      pendingInPod: this.probes.pending,
      podSettled: this.probes.settled,
      bytesSent: this.loop.bytesSent,
    })
  }
}
