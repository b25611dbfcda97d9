import type { Clock } from '../base/clock.ts'
import { BlockMarks } from '../core/block-marks.ts'
import { absent, isExecutable, type Token } from '../core/content.ts'
import { type Grain, grainOfFiles } from '../core/content-sum.ts'
import type { Path } from '../core/path.ts'
import type { SyncPolicy } from '../core/sync-policy.ts'
import type { Disk } from '../disk/disk.ts'
import { Applier } from './apply.ts'
import { Assemblies } from './assemblies.ts'
import { ClockSteps } from './clock-steps.ts'
import { EarlyFiles } from './early-files.ts'
import { withExecutable } from './file-stat.ts'
import { Grafts } from './grafts.ts'
import { Litter } from './litter.ts'
import { Looker } from './look.ts'
import { Partials } from './partials.ts'
import { RenamedFolders } from './renamed-folders.ts'
import { type FileStamp, Stage, type StagedFile } from './stage.ts'
import { Trash, type TrashLimits } from './trash.ts'
import { type Entry, Tree } from './tree.ts'

/** Which paths do not travel. */
export interface IgnoreRules {
  ignored(path: Path, isDir: boolean): boolean
  /** Whose changes travel; both ends' when absent. */
  readonly policy?: SyncPolicy
}

export interface ReplicaOptions {
  disk: Disk
  clock: Clock
  /** Short unique names (`[0-9a-z]+`), never the same twice in one folder. */
  newId: () => string
  /** Whose private files these are (`[0-9a-z]{1,16}`): several sessions may share a folder on the laptop. */
  owner: string
  trash: TrashLimits
  /**
   * `markKeyBytes` by chance, never those of an earlier process: with it blocks of large files are told by their marks,
   * which is faster than their sha256.
   */
  markKey?: Uint8Array
  /** {@link grainOfFiles} when absent; both ends' must be the same. */
  grain?: Grain
}

/** One end's folder with everything that reads and changes it. */
export class Replica {
  readonly disk: Disk
  readonly clock: Clock
  readonly tree = new Tree()
  readonly litter: Litter
  readonly looker: Looker
  readonly renamed: RenamedFolders
  readonly stage: Stage
  readonly early: EarlyFiles
  readonly grafts: Grafts
  readonly trash: Trash
  readonly applier: Applier
  readonly partials: Partials
  readonly assemblies: Assemblies
  readonly grain: Grain
  /** What to add to the other end's times to have ours, ms. */
  clockOffsetMs = 0
  private readonly marginMs: number
  private readonly clockSteps: ClockSteps

  constructor(options: ReplicaOptions) {
    const { disk, clock, newId, owner, grain = grainOfFiles } = options
    this.disk = disk
    this.clock = clock
    this.clockSteps = new ClockSteps(clock)
    this.grain = grain
    this.marginMs = Math.max(20, 2 * Number(disk.timestampGranuleNs / 1_000_000n))
    this.litter = new Litter(disk, clock)
    this.renamed = new RenamedFolders(disk, this.tree)
    const marks = options.markKey && new BlockMarks(options.markKey, grain)
    this.looker = new Looker(disk, clock, entry => this.renamed.note(entry), grain, marks)
    const stamp: FileStamp = { time: (mtimeMs, live) => this.stampTime(mtimeMs, live) }
    this.stage = new Stage(disk, this.litter, stamp, owner, newId, grain)
    this.early = new EarlyFiles(this.stage, (path, token) => this.modeFor(path, token))
    this.grafts = new Grafts(disk, this.litter, this.stage)
    this.trash = new Trash(disk, clock, this.litter, owner, newId, options.trash, grain)
    this.applier = new Applier(disk, clock, this.litter, this.stage, this.trash)
    this.partials = new Partials(disk, clock, this.litter, this.trash, owner, newId)
    const { litter, partials } = this
    this.assemblies = new Assemblies(
      { disk, litter, partials, grain },
      { mode: (path, token) => this.modeFor(path, token), time: mtimeMs => this.stampTime(mtimeMs, false) },
    )
  }

  /** Something is about to be looked at, and nothing is read just now. */
  newTurn(): void {
    this.disk.newTurn?.()
    this.noticeClock()
  }

  /** Before known stats are compared with those of now. */
  noticeClock(): void {
    if (this.clockSteps.wentBack()) this.looker.clockWentBack(this.tree.walk())
  }

  /** Nothing stands at the path, so nothing stands below it. */
  forgetBelow(entry: Entry): void {
    for (const below of this.tree.walk(entry)) {
      this.looker.forget(below)
      below.current = absent
      below.key = null
      below.shadow = false
    }
  }

  /** When something in the private folder is to be looked at. */
  /** @param secondMs what is trash is not looked at before */
  due(secondMs: number): number {
    return Math.min(Math.max(this.trash.nextDue(), secondMs), this.litter.due(), this.partials.due())
  }

  close(): void {
    this.looker.close()
    this.trash.close()
    this.clearStaged()
  }

  /** Drops what is on its way in: the other end numbers its transfers anew with each connection. */
  clearStaged(): void {
    this.stage.clear()
    this.early.clear()
    this.grafts.clear()
    this.assemblies.clear()
  }

  /** The content of a transfer that is finished; the caller owns it from now on. */
  takeStaged(id: number): StagedFile | undefined {
    return this.stage.take(id) ?? this.early.take(id) ?? this.assemblies.take(id)
  }

  /** After the first scan: what an earlier process was writing. */
  removeLeftOver(): void {
    this.stage.removeLeftOver([...this.grafts.names(), ...this.early.names()])
    this.partials.load(this.assemblies.names())
  }

  /** What stands there keeps its permissions, so that its content need not be copied once more for that. */
  private modeFor(path: Path, token: Token): number {
    const key = this.tree.find(path)?.key
    return key?.kind === 'file' ? withExecutable(key.mode & 0o777, isExecutable(token)) : this.stage.defaultMode(token)
  }

  /**
   * Reloaders take the newest time and ignore times in the future, so an edit of now is stamped with our now, and old
   * content with its own age, never later than now (sync-findings A.8).
   */
  private stampTime(mtimeMs: number, live: boolean): number {
    const latest = this.clock.now() - this.marginMs
    return live ? latest : Math.min(mtimeMs + this.clockOffsetMs, latest)
  }
}
