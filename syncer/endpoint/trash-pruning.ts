import type { Clock } from '../base/clock.ts'
import { errnoOf } from '../base/errors.ts'
import type { Path } from '../core/path.ts'
import { type Disk, inTree } from '../disk/disk.ts'
import type { AwaitedFiles } from './awaited-files.ts'
import { isWrittenSince, type Kept, type LateLooks, lastLateLookMs } from './late-looks.ts'
import type { Litter } from './litter.ts'
import type { ReplacedFiles } from './replaced-files.ts'
import { beyondBounds, type TrashBounds } from './trash-bounds.ts'
import type { TrashContent } from './trash-content.ts'
import type { TrashPlaces } from './trash-places.ts'

/** Between two looks at how much there is, in ms. */
const pruneIntervalMs = 600_000
/** ... and where a part of what may be kept came since then, so soon: each save of a large file leaves a whole one here, in ms. */
const pruneSoonMs = 15_000
const pruneSoonShare = 0.25
/** What is small stays until its last late look, however full the trash is, as long as all of that is not more than this. */
const smallTogetherBytesMax = 64 * 1024 * 1024

interface PruningContext {
  disk: Disk
  clock: Clock
  litter: Litter
  places: TrashPlaces
  content: TrashContent
  looks: LateLooks
  replaced: ReplacedFiles<Kept>
  awaited: AwaitedFiles
  limits: TrashBounds
  smallBytesMax: number
}

/** Keeps the trash within its bounds. */
export class TrashPruning {
  private readonly in: PruningContext
  private pruneDueMs = Number.POSITIVE_INFINITY
  /** What came since the last look at how much there is, or was too young for it. */
  private newBytes = 0

  constructor(context: PruningContext) {
    this.in = context
  }

  /** When {@link TrashPruning.tryToPrune} is to be called, of the monotonic clock. */
  get dueMs(): number {
    return this.pruneDueMs
  }

  /** So much more is in the trash. */
  came(bytes: number, nowMs: number): void {
    this.newBytes += bytes
    // Before the first prune nothing is known of what an earlier process left.
    if (this.isMuch && Number.isFinite(this.pruneDueMs))
      this.pruneDueMs = Math.min(this.pruneDueMs, nowMs + pruneSoonMs)
  }

  private get isMuch(): boolean {
    return this.newBytes > this.in.limits.bytesMax * pruneSoonShare
  }

  tryToPrune(): void {
    try {
      this.prune()
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      // Its time is set anew already.
    }
  }

  /** Removes what is older than it is kept, and the oldest of what is too much. */
  prune(): void {
    const { disk, clock, litter, places } = this.in
    this.pruneDueMs = clock.monotonic() + pruneIntervalMs
    const names = disk.listOwn()
    const nowMs = clock.now()
    // A program may still write to it, which the first looks find.
    const isYounger = (atMs: number, ms: number) => atMs <= nowMs && nowMs - atMs < ms
    const isYoung = (atMs: number) => isYounger(atMs, pruneSoonMs)
    let smallBytes = 0
    const isSmall = (atMs: number, bytes: number) => {
      if (bytes > this.in.smallBytesMax || !isYounger(atMs, lastLateLookMs)) return false
      smallBytes += bytes
      return smallBytes <= smallTogetherBytesMax
    }
    const looked = this.in.replaced.byName()
    const entries = places.entries(names).map(({ name, parsed, path }) => {
      const stat = this.in.content.stat(name)
      const bytes = stat?.size ?? 0
      const isKept = this.in.looks.isUnsaved(name) || this.in.awaited.has(name) || isYoung(parsed.atMs)
      const isNeeded = isKept || isSmall(parsed.atMs, bytes) || isWrittenSince(looked.get(name), stat)
      return { name, place: parsed.place, path, atMs: parsed.atMs, bytes, isNeeded }
    })
    this.newBytes = entries.reduce((sum, { atMs, bytes }) => sum + (isYoung(atMs) ? bytes : 0), 0)
    if (this.isMuch) this.pruneDueMs = clock.monotonic() + pruneSoonMs
    const gone = new Set(beyondBounds(entries, this.in.limits, nowMs, path => this.stands(path)))
    for (const { name } of gone) litter.remove(name)
    const used = new Set(entries.filter(entry => !gone.has(entry)).map(entry => entry.place))
    for (const name of places.unused(used, names)) litter.remove(name)
  }

  private stands(path: Path): boolean {
    try {
      return this.in.disk.stat(inTree(path)) !== null
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return false
    }
  }
}
