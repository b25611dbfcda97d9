import { hash, randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { uptime } from 'node:os'
import path from 'node:path'
import type { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../base/clock.ts'
import { UserError } from '../base/errors.ts'
import { isFile } from '../core/content.ts'
import { joinPath, type Path } from '../core/path.ts'
import { createNodeDisk, type NodeDisk } from '../disk/node-disk.ts'
import { createNodeWatcher } from '../disk/node-watcher.ts'
import type { Watcher } from '../disk/watcher.ts'
import { Replica } from '../endpoint/replica.ts'
import { AncestorLog, bootId } from './ancestor-log.ts'
import { SyncEngine } from './engine.ts'
import type { EngineEvent } from './exchange.ts'
import { compileRules, IgnoreReader } from './ignore-reader.ts'
import { loadIndex, saveIndex } from './index-cache.ts'
import { newIdMaker } from './new-id.ts'
import { SyncLoop } from './sync-loop.ts'
import type { SyncConflict, SyncEvent, SyncProblem, SyncSession, SyncStatus } from './sync-port.ts'

const checkpointMs = 30_000
const probeMs = 5_000
const rulesRereadMs = 200
const trash = { keepMs: 7 * 24 * 3_600_000, bytesMax: 1024 ** 3 }
const conflictsKept = 1_000
const problemsKept = 10_000
const haltKey = 'halt'

export interface SyncSessionOptions {
  /** Absolute folder on the laptop. */
  local: string
  mode: 'two-way' | 'push' | 'pull'
  initial: 'mirror' | 'keep'
  /** Names this pairing of a laptop's folder with a workload's folder, over runs. */
  sessionKey: string
  /** Folder for its state; made when missing. One process at a time may have it. */
  stateFolder: string
  onEvent: (event: SyncEvent) => void
  clock?: Clock
}

/**
 * Opens the laptop's end of a synced folder and starts to read it; nothing is sent before {@link SyncSession.attach}.
 * @throws UserError `not-found`, `state`, `unsupported`
 */
export function openSyncSession(options: SyncSessionOptions): SyncSession {
  if (options.mode !== 'two-way') {
    throw new UserError('unsupported', `sync mode ${options.mode} is not built yet`, {
      hint: 'leave `mode` out: folders are kept in step both ways',
    })
  }
  return new LaptopSession(options)
}

class LaptopSession implements SyncSession {
  readonly id: string
  private readonly options: SyncSessionOptions
  private readonly clock: Clock
  private readonly disk: NodeDisk
  private readonly watcher: Watcher
  private readonly replica: Replica
  private readonly log: AncestorLog
  private readonly loop: SyncLoop
  private readonly engine: SyncEngine
  private readonly ignore: IgnoreReader
  private readonly conflicts: SyncConflict[] = []
  private readonly problems = new Map<string, SyncProblem>()
  private readonly flushes = new Map<number, { done(): void; fail(error: Error): void }>()
  private readonly timers: NodeJS.Timeout[] = []
  private rulesTimer: NodeJS.Timeout | undefined
  private state: SyncStatus['state'] = 'paused'
  private firstSync: { startedMs: number; bytes: number } | undefined
  private firstSyncSeconds: number | undefined
  private wasInStep = false
  private halted = false
  private lastChangeAtMs: number | undefined
  /** The change after which the epoch was raised last. */
  private raisedAfterMs: number | undefined
  private lastProbeAtMs: number | undefined
  private podPending = 0
  private lastId = 0
  private counted = { files: 0, entries: -1, untilMs: 0 }

  constructor(options: SyncSessionOptions) {
    this.options = options
    this.id = options.sessionKey
    this.clock = options.clock ?? systemClock
    fs.mkdirSync(options.stateFolder, { recursive: true, mode: 0o700 })
    this.disk = createNodeDisk({ root: options.local, privateFolder: 'in-git' })
    this.ignore = new IgnoreReader(this.disk)
    this.replica = new Replica({
      disk: this.disk,
      clock: this.clock,
      newId: newIdMaker(),
      owner: ownerOf(options.sessionKey),
      trash,
    })
    this.log = new AncestorLog(path.join(options.stateFolder, 'ancestor.log'), bootId(uptime(), this.clock.now()))
    loadIndex(path.join(options.stateFolder, 'index'), this.replica.tree)
    this.watcher = createNodeWatcher({
      root: this.disk.rootPath,
      events: {
        changed: (dir, name, kind) => this.changed(dir, name, kind),
        overflow: () => this.sweep(),
      },
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
    )
  }

  attach(lanes: { control: Duplex; bulk: Duplex }): void {
    this.loop.attach(lanes)
    if (this.firstSync === undefined) this.firstSync = { startedMs: this.clock.monotonic(), bytes: this.loop.bytesSent }
    this.turned()
  }

  detach(): void {
    this.loop.detach()
    this.podPending = 0
    this.turned()
  }

  status(): SyncStatus {
    const { bytes, files } = this.engine.transfers.pending
    const { doneBytes, doneFiles } = this.engine.transfers
    return {
      state: this.state,
      pending: this.engine.pending() + this.podPending,
      files: this.files(),
      conflicts: [...this.conflicts],
      problems: [...this.problems.values()],
      bytesSent: this.loop.bytesSent,
      bytesReceived: this.loop.bytesReceived,
      ...(files > 0
        ? { transfer: { doneBytes, totalBytes: doneBytes + bytes, doneFiles, totalFiles: doneFiles + files } }
        : {}),
      ...(this.lastChangeAtMs === undefined ? {} : { lastChangeAtMs: this.lastChangeAtMs }),
      ...(this.firstSyncSeconds === undefined ? {} : { firstSyncSeconds: this.firstSyncSeconds }),
      ...(this.lastProbeAtMs === undefined ? {} : { lastProbeAtMs: this.lastProbeAtMs }),
    }
  }

  async flush(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    // Events of what was written before this call are queued in the kernel: two turns of the loop drain them.
    for (let turns = 0; turns < 2; turns++) await new Promise<void>(resolve => setImmediate(resolve))
    if (!this.engine.live)
      throw new UserError('sync-halted', 'sync is not connected', {
        hint: 'try again when `podswap status` says ready',
      })
    if (this.halted) throw haltedError()
    if (this.rulesTimer !== undefined) this.readRules()
    this.lastId += 1
    const id = this.lastId
    await new Promise<void>((resolve, reject) => {
      const end = (how: () => void) => {
        signal.removeEventListener('abort', abort)
        this.flushes.delete(id)
        how()
      }
      const abort = () => end(() => reject(signal.reason))
      signal.addEventListener('abort', abort, { once: true })
      this.flushes.set(id, { done: () => end(resolve), fail: error => end(() => reject(error)) })
      // What is held back here goes out now; it is waited for below, when the pod has said that its own is here: that
      // may have become a conflict copy, which must reach the pod.
      this.engine.flush(0)
      this.engine.askFlush(id)
      this.loop.wake()
    })
  }

  close(): void {
    for (const timer of this.timers) clearInterval(timer)
    clearTimeout(this.rulesTimer)
    this.watcher.close()
    this.loop.close()
    this.engine.close()
    saveIndex(path.join(this.options.stateFolder, 'index'), this.replica.tree)
    this.log.close()
    this.disk.removeEmptyPrivateFolder()
    this.disk.close()
  }

  /** Files of the folder. Counted at most once a second in a large one: somebody may ask often. */
  private files(): number {
    const nowMs = this.clock.monotonic()
    const isFresh =
      this.counted.entries === this.replica.tree.size && this.counted.files > 5_000 && nowMs < this.counted.untilMs
    if (isFresh) return this.counted.files
    let files = 0
    for (const { current } of this.replica.tree.walk()) if (isFile(current)) files += 1
    this.counted = { files, entries: this.replica.tree.size, untilMs: nowMs + 1_000 }
    return files
  }

  private makeEngine(): SyncEngine {
    this.options.onEvent({ type: 'ignored', ...this.ignore.summary() })
    return new SyncEngine({
      role: 'laptop',
      replica: this.replica,
      rules: this.ignore.rules,
      rulesText: this.ignore.text,
      compileRules,
      send: (lane, message) => this.loop.send(lane, message),
      writable: lane => this.loop.writable(lane),
      on: event => this.on(event),
      watch: dir => this.watcher.watch(dir),
      unwatch: dir => this.watcher.unwatch(dir),
      session: this.id,
      // With no ignore file nobody said what only the pod should have: then nothing is removed there.
      initial: this.ignore.hasFiles ? this.options.initial : 'keep',
      journal: this.log,
      newMarkerId: () => randomBytes(8).toString('hex'),
    })
  }

  private changed(dir: Path, name: string | null, kind: 'rename' | 'change'): void {
    if (name === null) this.engine.hintFolder(dir)
    else {
      const path = joinPath(dir, name)
      this.engine.hint(path, kind)
      if (this.ignore.isSource(path)) this.readRulesSoon()
    }
    this.loop.wake()
  }

  private sweep(): void {
    this.engine.sweep()
    this.loop.wake()
  }

  private readRulesSoon(): void {
    clearTimeout(this.rulesTimer)
    this.rulesTimer = setTimeout(() => this.readRules(), rulesRereadMs)
  }

  private readRules(): void {
    clearTimeout(this.rulesTimer)
    this.rulesTimer = undefined
    this.ignore.refresh()
    this.engine.setRules(this.ignore.text)
    this.loop.wake()
  }

  private checkpoint(): void {
    this.log.checkpoint()
    if (this.lastChangeAtMs !== this.raisedAfterMs) this.engine.raiseEpoch()
    this.raisedAfterMs = this.lastChangeAtMs
    saveIndex(path.join(this.options.stateFolder, 'index'), this.replica.tree)
  }

  private probe(): void {
    if (!this.engine.live) return
    this.lastId += 1
    this.engine.probe(this.lastId)
    this.loop.flush()
  }

  private on(event: EngineEvent): void {
    switch (event.type) {
      case 'conflict': {
        const conflict = { path: event.path, copy: event.copy, atMs: this.clock.now() }
        if (this.conflicts.length < conflictsKept) this.conflicts.push(conflict)
        this.options.onEvent({ type: 'conflict', conflict })
        break
      }
      case 'problem':
        this.problem(event)
        break
      case 'mirror':
        this.options.onEvent(event)
        break
      case 'halted':
        if (this.halted) break
        this.halted = true
        for (const flush of [...this.flushes.values()]) flush.fail(haltedError())
        this.problems.set(haltKey, { side: 'pod', path: '', code: 'halted', message: haltedError().message })
        this.options.onEvent({
          type: 'halted',
          reason: `${event.deletes} files vanished at once in the pod; nothing was deleted here`,
          hint: 'put them back in the pod, or delete them here too; `podswap down` and `up` fill the pod anew',
        })
        break
      case 'resumed':
        this.halted = false
        this.problems.delete(haltKey)
        break
      case 'flushed':
        this.flushed(event.side, event.id)
        break
      case 'probed':
        this.lastProbeAtMs = this.clock.now()
        this.podPending = event.pending
        break
      case 'changed':
        this.lastChangeAtMs = this.clock.now()
        break
      case 'live':
        this.lastProbeAtMs = this.clock.now()
        // What waited when the connection went waits on the new one.
        for (const id of this.flushes.keys()) this.engine.askFlush(id)
        break
      case 'flush-asked':
      case 'first-contact':
        break
    }
  }

  private problem(event: { side: 'laptop' | 'pod'; path: Path; code: string; message: string }): void {
    const key = `${event.side} ${event.path}`
    if (event.code === '') this.problems.delete(key)
    else if (this.problems.size < problemsKept) {
      const { side, path: at, code, message } = event
      this.problems.set(key, { side, path: at, code, message })
      this.options.onEvent({ type: 'problem', problem: { side, path: at, code, message } })
    }
  }

  private flushed(side: 'laptop' | 'pod', id: number): void {
    if (side === 'laptop') this.flushes.get(id)?.done()
    else if (this.flushes.has(id)) {
      this.engine.flush(id)
      this.loop.wake()
    }
  }

  private failed(reason: Error): void {
    this.problem({ side: 'pod', path: '', code: '', message: '' })
    this.podPending = 0
    if (reason.name === 'ProtocolError') {
      this.options.onEvent({
        type: 'problem',
        problem: { side: 'pod', path: '', code: 'protocol', message: `the connection was ended: ${reason.message}` },
      })
    }
    this.turned()
  }

  private turned(): void {
    this.noticeFirstSync()
    const state = this.stateNow()
    if (state === this.state) return
    this.state = state
    this.options.onEvent({ type: 'state', state })
  }

  private stateNow(): SyncStatus['state'] {
    if (!this.loop.attached) return 'paused'
    if (this.halted) return 'halted'
    if (!this.engine.live) return 'scanning'
    if (!this.wasInStep) return 'first-sync'
    return this.engine.pending() + this.podPending === 0 ? 'ready' : 'syncing'
  }

  /** The first time that nothing differs; from then on only changes move. */
  private noticeFirstSync(): void {
    if (this.wasInStep || this.firstSync === undefined || !this.engine.live || this.engine.pending() > 0) return
    this.wasInStep = true
    const seconds = (this.clock.monotonic() - this.firstSync.startedMs) / 1000
    this.firstSyncSeconds = seconds
    const bytes = this.loop.bytesSent - this.firstSync.bytes
    this.options.onEvent({ type: 'first-sync-done', files: this.files(), bytes, seconds })
  }
}

/** A name for private files: several sessions may share one folder of the laptop. */
function ownerOf(sessionKey: string): string {
  return hash('sha256', sessionKey, 'hex').slice(0, 12)
}

function haltedError(): UserError {
  return new UserError('sync-halted', 'sync is halted: many files vanished at once in the pod', {
    hint: 'put them back in the pod, or delete them here too',
  })
}
