import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import type { Duplex } from 'node:stream'
import { systemClock } from '../base/clock.ts'
import { compactHeap, heapHeldBytes } from '../base/compact-heap.ts'
import { errnoOf, UserError } from '../base/errors.ts'
import { markKeyBytes } from '../core/block-marks.ts'
import { joinPath } from '../core/path.ts'
import { createNodeDisk, type NodeDisk } from '../disk/node-disk.ts'
import type { ExchangeNames } from '../disk/node-exchange.ts'
import type { PlaceFiles } from '../disk/node-placing.ts'
import { createNodeWatcher } from '../disk/node-watcher.ts'
import { privateFolderName } from '../disk/private-folder.ts'
import type { Watcher } from '../disk/watcher.ts'
import { MarkerFile } from '../endpoint/marker-file.ts'
import { Replica } from '../endpoint/replica.ts'
import { SyncEngine } from '../engine/engine.ts'
import type { SyncRequest } from '../wire/services.ts'
import { StreamError } from '../wire/stream-error.ts'
import { HeapAtRest } from './heap-at-rest.ts'
import { newIdMaker } from './new-id.ts'
import { compileRules } from './rules/ignore-reader.ts'
import { SyncLoop } from './sync-loop.ts'
import { unusableCode } from './sync-port.ts'
import { watchLimitCode, watchLimitMessage } from './watch-limit.ts'

/** In the pod replaced files stay only for the looks that find late writes. */
const trash = { keepMs: 60_000, bytesMax: 1024 ** 3 }
const foldersMax = 64

/** What a container has that Node does not tell or do. */
export interface PodSystem {
  /** Contents of `/proc/self/mountinfo`, where they are not the whole truth. */
  readMountinfo?: () => Buffer
  /** See {@link ExchangeOptions.beganNs}. */
  beganNs?: (folder: string) => bigint
  /** See {@link TrashLimits.isWatched}. */
  isWatched?: (inode: bigint) => boolean
  /** Exchanges two names, see {@link NodeDiskOptions.exchange} and {@link NodeDiskOptions.place}. */
  names?: { begin: ExchangeNames; close(): void } & PlaceFiles
}

/** The pod's end: takes the two lanes of each synced folder and keeps the folder's engine between connections. */
export class PodSyncHost {
  private readonly folders = new Map<string, PodFolder>()
  private readonly log: (line: string) => void
  private readonly system: PodSystem
  /** The latest of those who have been here; see {@link SyncRequest}. */
  private fence = 0

  constructor(log: (line: string) => void, system: PodSystem = {}) {
    this.log = log
    this.system = system
  }

  /** Takes one lane; the second one of the same attempt starts the conversation. */
  openLane(request: SyncRequest, stream: Duplex): void {
    try {
      if (request.fence > 0 && request.fence < this.fence) throw new Error('somebody else has taken the workload since')
      this.fence = Math.max(this.fence, request.fence)
      this.folder(request.folder).openLane(request, stream)
    } catch (error) {
      this.log(`sync of ${request.folder}: ${error}`)
      // it has no reader yet
      stream.on('error', () => {})
      stream.destroy(refusalOf(error))
    }
  }

  close(): void {
    for (const folder of this.folders.values()) folder.close()
    this.folders.clear()
    this.system.names?.close()
  }

  private folder(path: string): PodFolder {
    const known = this.folders.get(path)
    if (known !== undefined) return known
    if (this.folders.size >= foldersMax) throw new Error(`more than ${foldersMax} synced folders`)
    const made = new PodFolder(path, this.log, this.system)
    this.folders.set(path, made)
    return made
  }
}

/** What the laptop is told: one for a person is about the folder itself, and another connection does not mend it. */
function refusalOf(error: unknown): Error {
  if (error instanceof UserError)
    return new StreamError(unusableCode, [error.message, error.hint].filter(Boolean).join('. '))
  if (errnoOf(error) !== undefined) return new StreamError(unusableCode, `cannot use the folder: ${error}`)
  return error instanceof Error ? error : new Error(String(error))
}

class PodFolder {
  private readonly disk: NodeDisk
  private readonly watcher: Watcher
  private readonly loop: SyncLoop
  private readonly engine: SyncEngine
  private readonly heap: HeapAtRest
  /** What the laptop should know of how this folder is watched; '' where all is well. */
  private limit = ''
  private half: { request: SyncRequest; stream: Duplex } | undefined

  constructor(path: string, log: (line: string) => void, system: PodSystem) {
    fs.mkdirSync(path, { recursive: true })
    const { readMountinfo, names, isWatched } = system
    const exchange = names?.begin.bind(names)
    this.disk = createNodeDisk({ root: path, privateFolder: 'in-root', readMountinfo, exchange, place: names })
    const replica = new Replica({
      disk: this.disk,
      clock: systemClock,
      newId: newIdMaker(),
      owner: 'pod',
      markKey: randomBytes(markKeyBytes),
      trash: { ...trash, isWatched },
    })
    this.watcher = createNodeWatcher({
      root: this.disk.rootPath,
      events: {
        changed: (dir, name, kind) => {
          if (name === null) this.engine.hintFolder(dir)
          else this.engine.hint(joinPath(dir, name), kind)
          this.loop.wake()
        },
        overflow: () => {
          this.engine.sweep()
          this.loop.wake()
        },
        limited: code => {
          log(`sync of ${path}: ${code === null ? 'everything is watched again' : `no more watches: ${code}`}`)
          this.limit = code === null ? '' : watchLimitMessage(code, 'pod')
          if (this.engine.live) this.tellLimit()
        },
      },
    })
    this.heap = new HeapAtRest(() => this.engine.idle(), {
      fold: () => replica.tree.fold(),
      compact: compactHeap,
      heldBytes: heapHeldBytes,
    })
    this.loop = new SyncLoop(systemClock, {
      failed: reason => log(`sync of ${path}: connection over: ${reason.message}`),
      turned: () => {},
    })
    this.engine = new SyncEngine({
      role: 'pod',
      replica,
      rules: { ignored: () => false },
      rulesText: '',
      compileRules,
      send: (lane, message) => this.loop.send(lane, message),
      writable: lane => this.loop.writable(lane),
      on: event => {
        if (event.type === 'changed') this.heap.changed()
        if (event.type === 'flush-asked') void this.flush(event.id)
        if (event.type === 'live') {
          this.heap.begin()
          if (this.limit !== '') this.tellLimit()
        }
      },
      watch: dir => this.watcher.watch(dir),
      watchAhead: (dir, own) => this.watcher.watch(dir, `${this.disk.privatePath}/${own}`),
      unwatch: dir => this.watcher.unwatch(dir),
      session: '',
      beganNs: system.beganNs?.(path),
      initial: 'mirror',
      marker: new MarkerFile(this.disk),
      newMarkerId: () => '',
    })
    this.loop.run(this.engine)
  }

  openLane(request: SyncRequest, stream: Duplex): void {
    const { half } = this
    const fits =
      half !== undefined && half.request.attempt === request.attempt && half.request.session === request.session
    if (!fits || half.request.lane === request.lane) {
      half?.stream.destroy()
      this.half = { request, stream }
      return
    }
    this.half = undefined
    const [control, bulk] = request.lane === 'control' ? [stream, half.stream] : [half.stream, stream]
    this.loop.attach({ control, bulk })
  }

  private tellLimit(): void {
    const { exchange } = this.engine
    const of = { path: privateFolderName, code: watchLimitCode, isUnmade: false, isUnread: false }
    exchange.send('control', { type: 'problem', ...of, message: this.limit })
    this.loop.wake()
  }

  /** Events of what was written before are queued in the kernel: two turns of the loop drain them. */
  private async flush(id: number): Promise<void> {
    for (let turns = 0; turns < 2; turns++) await new Promise<void>(resolve => setImmediate(resolve))
    this.engine.flush(id)
    this.loop.wake()
  }

  close(): void {
    this.half?.stream.destroy()
    this.heap.close()
    this.watcher.close()
    this.loop.close()
    this.engine.close()
    this.disk.close()
  }
}
