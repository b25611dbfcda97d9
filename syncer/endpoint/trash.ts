import type { Clock } from '../base/clock.ts'
import { absent, hashOf, kindOf, type Token } from '../core/content.ts'
import { type Grain, grainOfFiles } from '../core/content-sum.ts'
import type { Path } from '../core/path.ts'
import type { Disk, Stat } from '../disk/disk.ts'
import { AwaitedFiles } from './awaited-files.ts'
import { type Kept, LateLooks, lastLateLookMs, type Rescue } from './late-looks.ts'
import type { Litter } from './litter.ts'
import { ReplacedFiles } from './replaced-files.ts'
import type { TrashBounds } from './trash-bounds.ts'
import { TrashContent } from './trash-content.ts'
import { formatTrashName, parseTrashName, shortTag, type TrashName, type TrashReason, tokenTag } from './trash-name.ts'
import { TrashPlaces } from './trash-places.ts'
import { TrashPruning } from './trash-pruning.ts'

export interface TrashLimits extends TrashBounds {
  /** Whether a program waits for changes of the file with this inode: it stays in the trash as long as that is so. */
  isWatched?: (inode: bigint) => boolean
  /** What is said of content that gave way to other; `overwritten` when absent. */
  replaces?: TrashReason
}

/**
 * What we replaced or removed, under private names that carry the content we believed it to have. A program that still
 * writes through an old descriptor writes into the trash: later looks find that and hand it out for rescue.
 */
export class Trash {
  private readonly disk: Disk
  private readonly clock: Clock
  private readonly litter: Litter
  private readonly owner: string
  private readonly newId: () => string
  private readonly replaces: TrashReason
  private readonly places: TrashPlaces
  private readonly content: TrashContent
  /** Those that are looked at again. */
  private readonly replaced: ReplacedFiles<Kept>
  private readonly looks: LateLooks
  private readonly pruning: TrashPruning

  /** @param owner whose entries these are; others are left alone */
  constructor(
    disk: Disk,
    clock: Clock,
    litter: Litter,
    owner: string,
    newId: () => string,
    { isWatched, replaces, ...bounds }: TrashLimits,
    grain: Grain = grainOfFiles,
  ) {
    this.disk = disk
    this.clock = clock
    this.litter = litter
    this.owner = owner
    this.newId = newId
    this.replaces = replaces ?? 'overwritten'
    const limits = { ...bounds, keepMs: Math.max(bounds.keepMs, lastLateLookMs) }
    const places = new TrashPlaces(disk, owner)
    const content = new TrashContent(disk, grain)
    const replaced = new ReplacedFiles<Kept>(disk)
    const parts = { litter, content, replaced, awaited: new AwaitedFiles(litter, isWatched) }
    const looks = new LateLooks({ ...parts, keepMs: limits.keepMs })
    const { smallBytesMax } = grain
    this.pruning = new TrashPruning({ ...parts, disk, clock, places, looks, limits, smallBytesMax })
    this.places = places
    this.content = content
    this.replaced = replaced
    this.looks = looks
  }

  /**
   * A fresh private name for what stands at `path` with the expected content.
   * @param ours what is to take its place, where that has this name until then; {@link absent} for a deletion
   */
  nameFor(path: Path, expected: Token, ours?: Token): string {
    const name: Omit<TrashName, 'base'> = {
      owner: this.owner,
      atMs: this.clock.now(),
      id: this.newId(),
      tag: tokenTag(expected),
      ours: ours === undefined || ours === absent ? undefined : shortTag(ours),
      reason: ours === absent ? 'deleted' : this.replaces,
      place: this.places.remember(path),
    }
    return formatTrashName(name, path)
  }

  /**
   * The private file is trash now; late writes to it are looked for.
   * @param stat what the disk showed of it since it has the name
   */
  keep(name: string, path: Path, token: Token, stat = this.content.stat(name)): void {
    const atMs = this.clock.monotonic()
    this.pruning.came(stat?.size ?? 0, atMs)
    if (!this.looks.isFull) this.looks.add(name, path, token, stat ?? null, atMs)
  }

  /** There is nothing that {@link Trash.tell} could tell of, as in a first sync. */
  get isUnwatched(): boolean {
    return this.replaced.isEmpty
  }

  /** Something else stands at the path since now: see {@link ReplacedFiles.tell}. */
  tell(path: Path): void {
    this.replaced.tell(path)
  }

  /** {@link Trash.tell} later: see {@link ReplacedFiles.tellLater}. */
  tellLater(path: Path): void {
    this.replaced.tellLater(path)
  }

  /** A private file that was trashed with this content, whatever it holds by now. */
  find(token: Token): string | undefined {
    if (kindOf(token) !== 'file') return undefined
    for (const name of this.disk.listOwn()) {
      const parsed = parseTrashName(name)
      if (parsed?.owner === this.owner && parsed.tag.slice(1) === hashOf(token)) return name
    }
    return undefined
  }

  /** The private file holds content that has no place: the next {@link Trash.tick} hands it out for rescue. */
  orphan(name: string, path: Path): void {
    this.looks.addOrphan(name, path, this.clock.monotonic())
  }

  /** The private file has a name of {@link Trash.nameFor}, and cannot be looked at now: it stays until it was read. */
  doubt(name: string, path: Path): void {
    const { tag, ours } = parseTrashName(name)!
    this.looks.addDoubt(name, path, tag, ours, this.clock.monotonic())
  }

  /** Ends what is being read. */
  close(): void {
    this.looks.close()
  }

  nextDue(): number {
    return this.replaced.isTelling ? 0 : Math.min(this.looks.nextDue(), this.pruning.dueMs)
  }

  /** Looks at one entry that is due, or at the next part of a large one; a rescue where its content is not what was trashed. */
  tick(nowMs: number): Rescue | undefined {
    this.replaced.tellWaiting()
    if (this.looks.nextDue() <= nowMs) return this.looks.tick(nowMs)
    // After all looks: a process that was stopped for long finds both due at once.
    if (nowMs >= this.pruning.dueMs) this.pruning.tryToPrune()
    return undefined
  }

  /**
   * What an earlier process left: entries whose content is not the named one were grabbed by mistake or written to late.
   * @param isLinked whether the inode is (also) at a path of the tree
   */
  recover(isLinked: (stat: Stat) => boolean): void {
    for (const { name, parsed, path } of this.places.entries(this.disk.listOwn())) {
      const stat = this.content.stat(name)
      if (stat === null) continue
      if (stat !== undefined && isLinked(stat)) {
        this.litter.remove(name)
        continue
      }
      if (stat === undefined || this.content.isLarge(stat)) {
        // It is read later, a large one in slices.
        this.doubt(name, path)
        continue
      }
      const token = this.tokenOf(name, stat)
      const isNamed = token !== undefined && tokenTag(token).slice(1) === parsed.tag.slice(1)
      if (!isNamed) {
        // What never took its place, or lost it again, is the other end's: it sends that anew. Yet a program may have it open.
        if (token !== undefined && shortTag(token) === parsed.ours) this.doubt(name, path)
        else this.orphan(name, path)
      } else if (this.clock.now() - parsed.atMs < lastLateLookMs) this.keep(name, path, parsed.tag)
      else this.looks.addAwaited(name, path, parsed.tag, stat, this.clock.monotonic())
    }
  }

  /** Removes what is older than it is kept, and the oldest of what is too much. */
  prune(): void {
    this.pruning.prune()
  }

  /** Content of a private file or link: see {@link TrashContent.tokenOf}. */
  tokenOf(name: string, stat: Stat): Token | undefined {
    return this.content.tokenOf(name, stat)
  }
}
