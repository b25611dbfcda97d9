import { errnoOf } from '../../base/errors.ts'
import { folder } from '../../core/content.ts'
import { type Path, parentOf } from '../../core/path.ts'
import { inTree } from '../../disk/disk.ts'
import type { Replica } from '../../endpoint/replica.ts'
import type { Scanner } from '../../endpoint/scanner.ts'
import type { Entry } from '../../endpoint/tree.ts'

/** From the end of one sweep to the beginning of the next, ms, at least. */
const sweepMsMin = 60_000
/** Reading takes at most this part of the time: with what comes with it, 0.2 % of a core at rest (sync-findings A.16). */
const costFactor = 600
/** Some 10 ms of reading, in slices: of less, waking up for it would be a third of what it costs. */
const portionEntries = 1_000
/** What is slow now need not be later, ms. */
const pauseMsMax = 60_000

export interface GradualSweepOptions {
  replica: Pick<Replica, 'clock' | 'disk' | 'tree'>
  scanner: Pick<Scanner, 'add' | 'idle' | 'spentMs'>
  /** Everything was read once more. */
  ended(): void
}

/**
 * Reads every folder again and again, for what no event told of (memory-mapped writes, lost events): a few at a time, and
 * so seldom that it costs next to nothing, in a large tree too. What is read at once, because events were lost for sure,
 * is the scanner's alone.
 */
export class GradualSweep {
  private readonly options: GradualSweepOptions
  private dueMs = Number.POSITIVE_INFINITY
  /** Folders that are still to be read in this sweep, next one last; those in them come when they were. */
  private left: Path[] = []
  /** Those that are being read. */
  private readonly reading = new Set<Entry>()
  /** Folders that were looked at since the scanner had its turn, and nothing is mounted there, nor above. */
  private readonly plain = new Set<Path>()
  /** What the scanner had spent before it was given what it reads now; undefined: nothing of this. */
  private spentBeforeMs: number | undefined

  constructor(options: GradualSweepOptions) {
    this.options = options
  }

  /** Everything has just been read. */
  begin(): void {
    this.stop()
    this.dueMs = this.nowMs() + sweepMsMin
  }

  /** Everything is about to be read. */
  stop(): void {
    this.left = []
    this.reading.clear()
    this.spentBeforeMs = undefined
    this.dueMs = Number.POSITIVE_INFINITY
  }

  /** See `ScanEvents.passed`: what is no plain folder any more is not among them. */
  passed(entry: Entry): void {
    if (entry.parent !== null && this.reading.has(entry.parent)) this.left.push(entry.folderPath)
  }

  due(): number {
    return this.spentBeforeMs === undefined ? this.dueMs : Number.POSITIVE_INFINITY
  }

  /** Has the next folders read, where it is time and nothing else is being read. */
  tick(): void {
    const { scanner } = this.options
    if (this.spentBeforeMs !== undefined || !scanner.idle || this.nowMs() < this.dueMs) return
    if (this.left.length === 0) this.left = ['']
    this.spentBeforeMs = scanner.spentMs
    this.plain.clear()
    for (let entries = 0; entries < portionEntries; ) {
      const path = this.left.pop()
      if (path === undefined) break
      entries += this.read(path)
    }
  }

  /** After the scanner had its turn. */
  settle(): void {
    const { scanner, ended } = this.options
    if (this.spentBeforeMs === undefined || !scanner.idle) return
    const pauseMs = Math.min(pauseMsMax, (scanner.spentMs - this.spentBeforeMs) * costFactor)
    this.spentBeforeMs = undefined
    this.reading.clear()
    const isOver = this.left.length === 0
    this.dueMs = this.nowMs() + (isOver ? Math.max(sweepMsMin, pauseMs) : pauseMs)
    if (isOver) ended()
  }

  /** @returns how many entries there are to look at, the folder itself counted */
  private read(path: Path): number {
    const { replica, scanner } = this.options
    const entry = replica.tree.find(path)
    // What has become a folder since is read by whoever finds that out.
    if (entry === undefined || (path !== '' && entry.current !== folder) || !this.isPlain(path)) return 1
    this.reading.add(entry)
    scanner.add(entry, false)
    return 1 + (entry.children?.size ?? 0)
  }

  /** The folder around it may have been read minutes ago. */
  private isPlain(path: Path): boolean {
    if (path === '' || this.plain.has(path)) return true
    if (!this.isPlain(parentOf(path))) return false
    try {
      const stat = this.options.replica.disk.stat(inTree(path))
      if (stat === null || stat.kind !== 'dir' || stat.mount) return false
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return false
    }
    this.plain.add(path)
    return true
  }

  private nowMs(): number {
    return this.options.replica.clock.monotonic()
  }
}
