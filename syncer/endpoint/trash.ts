import { hash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { errnoOf } from '../base/errors.ts'
import { QueueSet } from '../base/queue-set.ts'
import { TimerQueue } from '../base/timer-queue.ts'
import { absent, fileToken, hashOf, kindOf, linkToken, type Token } from '../core/content.ts'
import { contentHash, type Grain, grainOfFiles } from '../core/content-sum.ts'
import type { Path } from '../core/path.ts'
import { type Disk, inOwn, inTree, type Stat } from '../disk/disk.ts'
import type { Litter } from './litter.ts'
import { SlicedSum } from './sliced-sum.ts'
import { beyondBounds, type TrashBounds } from './trash-bounds.ts'
import { formatTrashName, parseTrashName, type TrashName, type TrashReason } from './trash-name.ts'
import { TrashPlaces } from './trash-places.ts'

/** When a trashed file is looked at again for writes through an old descriptor, in ms after it was trashed. */
const lateLooksMs = [1_000, 5_000, 15_000, 60_000]
const lateLooksMax = 10_000
/** Room for what came since the stat: a large buffer for each of many small files is much for the garbage collector. */
const growthBytes = 4 * 1024

/** Between two looks at how much there is, in ms. */
const pruneIntervalMs = 600_000
/** ... and where a part of what may be kept came since then, so soon: each save of a large file leaves a whole one here, in ms. */
const pruneSoonMs = 15_000
const pruneSoonShare = 0.25
/** What is small stays until its last late look, however full the trash is, as long as all of that is not more than this. */
const smallTogetherBytesMax = 64 * 1024 * 1024
/** Replaced files of one path that are told of a change: the oldest, which is what a program found at its start. */
const toldMax = 100
/** Paths whose replaced files are told of a change later, and of these at once. */
const untoldMax = 100_000
const toldAtOnceMax = 16
const rescueRetryMs = 1_000
/** What is here only because a program watches it; above these the oldest go. */
const awaitedMax = 1_000
const awaitedBytesMax = 256 * 1024 * 1024

export interface TrashLimits extends TrashBounds {
  /** Whether a program waits for changes of the file with this inode: it stays in the trash as long as that is so. */
  isWatched?: (inode: bigint) => boolean
  /** What is said of content that gave way to other; `overwritten` when absent. */
  replaces?: TrashReason
}

interface Kept {
  name: string
  path: Path
  token: Token
  stat: Stat | null
  atMs: number
  looks: number
  /** Of what is in doubt: what was to take its place, see {@link TrashName.ours}. */
  ours?: string | undefined
  /** It holds that: the other end has it, and here it stays only for the late looks. */
  isOurs?: boolean
}

/** Content found in the trash that nobody has at its place: it must become a conflict copy. */
export interface Rescue {
  /** Private file that holds it. */
  name: string
  /** Where it was, or its bare name where that is not known. */
  path: Path
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
  private readonly limits: TrashLimits
  private pruneDueMs = Number.POSITIVE_INFINITY
  /** What came since the last look at how much there is, or was too young for it. */
  private newBytes = 0
  /** Entries that hold what is nowhere else. */
  private readonly unsaved = new Set<string>()
  private readonly queue = new TimerQueue<Kept>()
  private readonly places: TrashPlaces
  /** Those that are looked at again, oldest first. */
  private readonly byPath = new Map<Path, Set<Kept>>()
  /** Names of those that are here only because a program watches them, and their bytes; oldest first. */
  private readonly awaited = new Map<string, number>()
  private awaitedBytes = 0
  private readonly grain: Grain
  /** Something else stands at these paths, and {@link Trash.tell} is to be called for them when there is time. */
  private readonly untold = new QueueSet<Path>()
  /** A large file that is being read to see whether it is what was trashed. */
  private reading: { kept: Kept; sum: SlicedSum } | undefined

  /** @param owner whose entries these are; others are left alone */
  constructor(
    disk: Disk,
    clock: Clock,
    litter: Litter,
    owner: string,
    newId: () => string,
    limits: TrashLimits,
    grain = grainOfFiles,
  ) {
    this.grain = grain
    this.disk = disk
    this.clock = clock
    this.litter = litter
    this.owner = owner
    this.newId = newId
    this.places = new TrashPlaces(disk, owner)
    this.limits = { ...limits, keepMs: Math.max(limits.keepMs, lateLooksMs.at(-1)!) }
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
      reason: ours === absent ? 'deleted' : (this.limits.replaces ?? 'overwritten'),
      place: this.places.remember(path),
    }
    return formatTrashName(name, path)
  }

  /**
   * The private file is trash now; late writes to it are looked for.
   * @param stat what the disk showed of it since it has the name
   */
  keep(name: string, path: Path, token: Token, stat = this.stat(name)): void {
    const atMs = this.clock.monotonic()
    this.newBytes += stat?.size ?? 0
    // Before the first prune nothing is known of what an earlier process left.
    if (this.isMuch && Number.isFinite(this.pruneDueMs)) this.pruneDueMs = Math.min(this.pruneDueMs, atMs + pruneSoonMs)
    if (this.queue.size >= lateLooksMax) return
    this.lookAgain({ name, path, token, stat: stat ?? null, atMs, looks: 0 }, atMs + lateLooksMs[0]!)
  }

  private get isMuch(): boolean {
    return this.newBytes > this.limits.bytesMax * pruneSoonShare
  }

  private lookAgain(kept: Kept, dueMs: number): void {
    this.queue.add(dueMs, kept)
    const others = this.byPath.get(kept.path)
    if (others === undefined) this.byPath.set(kept.path, new Set([kept]))
    else others.add(kept)
  }

  /** There is nothing that {@link Trash.tell} could tell of, as in a first sync. */
  get isUnwatched(): boolean {
    return this.byPath.size === 0
  }

  /**
   * Something else stands at the path since now. Programs that watch a file instead of its folder (`node --watch` on
   * Linux, nodejs/node#51621) follow the inode of the file that was there when they began, which is here since its first
   * replacement: told that it changed, they look at the path.
   */
  tell(path: Path): void {
    let left = toldMax
    for (const { name } of this.byPath.get(path) ?? []) {
      if (left-- === 0) return
      try {
        this.disk.nudge(name)
      } catch (error) {
        if (errnoOf(error) === undefined) throw error
        // It is not ours to touch, or gone.
      }
    }
  }

  /** {@link Trash.tell} later: many changed places at once, and telling would hold up the next ones. */
  tellLater(path: Path): void {
    if (this.untold.size < untoldMax) this.untold.add(path)
    else this.tell(path)
  }

  private tellWaiting(): void {
    for (let left = toldAtOnceMax; left > 0; left--) {
      const path = this.untold.take()
      if (path === undefined) return
      this.tell(path)
    }
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
    this.unsaved.add(name)
    const atMs = this.clock.monotonic()
    this.queue.add(atMs, { name, path, token: absent, stat: null, atMs, looks: 0 })
  }

  /** The private file has a name of {@link Trash.nameFor}, and cannot be looked at now: it stays until it was read. */
  doubt(name: string, path: Path): void {
    const parsed = parseTrashName(name)!
    this.unsaved.add(name)
    const atMs = this.clock.monotonic()
    const kept = { name, path, token: parsed.tag, stat: null, atMs, looks: 0, ours: parsed.ours }
    this.lookAgain(kept, atMs + lateLooksMs[0]!)
  }

  /** Ends what is being read. */
  close(): void {
    this.reading?.sum.close()
    this.reading = undefined
  }

  nextDue(): number {
    if (this.reading !== undefined || this.untold.size > 0) return 0
    return Math.min(this.queue.nextDue(), this.pruneDueMs)
  }

  /** Looks at one entry that is due, or at the next part of a large one; a rescue where its content is not what was trashed. */
  tick(nowMs: number): Rescue | undefined {
    this.tellWaiting()
    const kept = this.reading?.kept ?? this.queue.take(nowMs)
    if (kept === undefined) {
      // After all looks: a process that was stopped for long finds both due at once.
      if (nowMs >= this.pruneDueMs) this.tryToPrune()
      return undefined
    }
    const stat = this.stat(kept.name)
    if (stat === undefined) {
      this.close()
      this.queue.add(nowMs + rescueRetryMs, kept)
      return undefined
    }
    if (stat === null) {
      this.close()
      this.unsaved.delete(kept.name)
      this.letGo(kept)
      return undefined
    }
    const judged = this.judge(kept, stat)
    if (judged === 'later') return undefined
    // It may have become another file while it was read.
    this.close()
    if (judged === 'other') {
      this.unsaved.add(kept.name)
      // Until it is rescued, which takes it out of the trash.
      this.queue.add(nowMs + rescueRetryMs, kept)
      return { name: kept.name, path: kept.path }
    }
    if (kept.stat !== null) this.unsaved.delete(kept.name)
    kept.looks += 1
    const next = lateLooksMs[kept.looks]
    if (next !== undefined) this.queue.add(kept.atMs + next, kept)
    else if (kept.stat === null || this.isAwaited(kept.name, stat)) this.queue.add(nowMs + lateLooksMs.at(-1)!, kept)
    else {
      this.letGo(kept)
      if (kept.isOurs || this.limits.keepMs <= lateLooksMs.at(-1)!) this.litter.remove(kept.name)
    }
    return undefined
  }

  /** Whether it stays because a program watches it; to make room for it the oldest of those go. */
  private isAwaited(name: string, { kind, ino, size }: Stat): boolean {
    if (kind !== 'file' || size > awaitedBytesMax || !this.limits.isWatched?.(ino)) return false
    this.forgetAwaited(name)
    for (const oldest of this.awaited.keys()) {
      if (this.awaited.size < awaitedMax && this.awaitedBytes + size <= awaitedBytesMax) break
      this.forgetAwaited(oldest)
      this.litter.remove(oldest)
    }
    this.awaited.set(name, size)
    this.awaitedBytes += size
    return true
  }

  private forgetAwaited(name: string): void {
    this.awaitedBytes -= this.awaited.get(name) ?? 0
    this.awaited.delete(name)
  }

  private letGo(kept: Kept): void {
    this.forgetAwaited(kept.name)
    const others = this.byPath.get(kept.path)
    others?.delete(kept)
    if (others?.size === 0) this.byPath.delete(kept.path)
  }

  /**
   * What an earlier process left: entries whose content is not the named one were grabbed by mistake or written to late.
   * @param isLinked whether the inode is (also) at a path of the tree
   */
  recover(isLinked: (stat: Stat) => boolean): void {
    for (const { name, parsed, path } of this.entries()) {
      const stat = this.stat(name)
      if (stat === null) continue
      if (stat !== undefined && isLinked(stat)) {
        this.litter.remove(name)
        continue
      }
      if (stat === undefined || this.isLarge(stat)) {
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
      } else if (this.clock.now() - parsed.atMs < lateLooksMs.at(-1)!) this.keep(name, path, parsed.tag)
      else this.keepAwaited(name, path, parsed.tag, stat)
    }
  }

  /** What a program waited for before this process began. */
  private keepAwaited(name: string, path: Path, token: Token, stat: Stat): void {
    if (this.queue.size >= lateLooksMax || !this.isAwaited(name, stat)) return
    const nowMs = this.clock.monotonic()
    this.lookAgain({ name, path, token, stat, atMs: nowMs, looks: lateLooksMs.length }, nowMs + lateLooksMs.at(-1)!)
  }

  /** Removes what is older than it is kept, and the oldest of what is too much. */
  prune(): void {
    this.pruneDueMs = this.clock.monotonic() + pruneIntervalMs
    const names = this.disk.listOwn()
    const nowMs = this.clock.now()
    // A program may still write to it, which the first looks find.
    const isYounger = (atMs: number, ms: number) => atMs <= nowMs && nowMs - atMs < ms
    const isYoung = (atMs: number) => isYounger(atMs, pruneSoonMs)
    let smallBytes = 0
    const isSmall = (atMs: number, bytes: number) => {
      if (bytes > this.grain.smallBytesMax || !isYounger(atMs, lateLooksMs.at(-1)!)) return false
      smallBytes += bytes
      return smallBytes <= smallTogetherBytesMax
    }
    const looked = new Map<string, Kept>()
    for (const others of this.byPath.values()) for (const kept of others) looked.set(kept.name, kept)
    const entries = this.entries(names).map(({ name, parsed, path }) => {
      const stat = this.stat(name)
      const bytes = stat?.size ?? 0
      const isKept = this.unsaved.has(name) || this.awaited.has(name) || isYoung(parsed.atMs)
      const isNeeded = isKept || isSmall(parsed.atMs, bytes) || isWrittenSince(looked.get(name), stat)
      return { name, place: parsed.place, path, atMs: parsed.atMs, bytes, isNeeded }
    })
    this.newBytes = entries.reduce((sum, { atMs, bytes }) => sum + (isYoung(atMs) ? bytes : 0), 0)
    if (this.isMuch) this.pruneDueMs = this.clock.monotonic() + pruneSoonMs
    const gone = new Set(beyondBounds(entries, this.limits, nowMs, path => this.stands(path)))
    for (const { name } of gone) this.litter.remove(name)
    const places = new Set(entries.filter(entry => !gone.has(entry)).map(entry => entry.place))
    for (const name of this.places.unused(places, names)) this.litter.remove(name)
  }

  private stands(path: Path): boolean {
    try {
      return this.disk.stat(inTree(path)) !== null
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return false
    }
  }

  private tryToPrune(): void {
    try {
      this.prune()
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      // Its time is set anew already.
    }
  }

  /** This owner's, and where each was: its bare name where that is not known. */
  private entries(names = this.disk.listOwn()): { name: string; parsed: TrashName; path: Path }[] {
    const entries: { name: string; parsed: TrashName; path: Path }[] = []
    for (const name of names) {
      const parsed = parseTrashName(name)
      if (parsed?.owner !== this.owner) continue
      entries.push({ name, parsed, path: this.places.pathOf(parsed) ?? parsed.base })
    }
    return entries
  }

  /**
   * Content of a private file or link as a token; undefined where it changes, cannot be read, or is too large to be read
   * in one step.
   */
  tokenOf(name: string, stat: Stat): Token | undefined {
    try {
      if (stat.kind === 'link') return linkToken(this.disk.readlink(inOwn(name)))
      if (stat.kind !== 'file' || this.isLarge(stat)) return undefined
      const { smallBytesMax } = this.grain
      const wanted = Math.min(stat.size + growthBytes, smallBytesMax + 1)
      let { bytes } = this.disk.read(inOwn(name), wanted)
      if (bytes.length === wanted && wanted <= smallBytesMax)
        bytes = this.disk.read(inOwn(name), smallBytesMax + 1).bytes
      if (bytes.length > smallBytesMax) return undefined
      return fileToken(contentHash(bytes, this.grain), (stat.mode & 0o100) !== 0)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }

  private isLarge(stat: Stat): boolean {
    return stat.kind === 'file' && stat.size > this.grain.smallBytesMax
  }

  /** Does it hold something else than was trashed, or came from the other end? `later`: it is still being read. */
  private judge(kept: Kept, stat: Stat): 'same' | 'other' | 'later' {
    // It took a file's name in the last moment before we died.
    if (stat.kind === 'dir') return 'other'
    const before = kept.stat
    const checked = before !== null && kept.looks > 0
    if (checked && before.mtimeNs === stat.mtimeNs && before.size === stat.size) return 'same'
    // A link's target cannot be written to.
    if (stat.kind === 'link' && kept.token !== absent) {
      kept.stat = stat
      return 'same'
    }
    // It has no place: whatever it holds.
    if (kept.token === absent) return 'other'
    const token = this.isLarge(stat) ? this.readOn(kept, stat) : this.tokenOf(kept.name, stat)
    if (token === 'later') return 'later'
    if (token === undefined) {
      // Nothing is known of it: the next look reads it, whatever its times say.
      kept.stat = null
      return 'same'
    }
    const isNamed = token.slice(1) === kept.token.slice(1)
    kept.isOurs = !isNamed && shortTag(token) === kept.ours
    if (!isNamed && !kept.isOurs) return 'other'
    kept.stat = stat
    return 'same'
  }

  /** Reads the next part of a large file; undefined where it changes or cannot be read. */
  private readOn(kept: Kept, stat: Stat): Token | 'later' | undefined {
    try {
      this.reading ??= { kept, sum: new SlicedSum(this.disk.open(inOwn(kept.name)), this.grain) }
      const result = this.reading.sum.step()
      if (result === 'more') return 'later'
      this.close()
      return result === 'changed' ? undefined : fileToken(result.hash, (stat.mode & 0o100) !== 0)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      this.close()
      return undefined
    }
  }

  /** Null where nothing has that name, undefined where that cannot be told now. */
  private stat(name: string): Stat | null | undefined {
    try {
      return this.disk.stat(inOwn(name))
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }
}

/** Whether it changed since it was looked at, or cannot be told: the next look reads it. */
function isWrittenSince(kept: Kept | undefined, stat: Stat | null | undefined): boolean {
  if (kept === undefined || stat === null) return false
  if (stat === undefined || kept.stat === null) return true
  return kept.stat.mtimeNs !== stat.mtimeNs || kept.stat.size !== stat.size
}

function tokenTag(token: Token): string {
  return kindOf(token) === 'link' ? `l${hash('sha256', token, 'hex')}` : token
}

/** Content without the executable bit; half of the hash, because a name has 255 bytes at most. */
function shortTag(token: Token): string {
  return tokenTag(token).slice(1, 33)
}
