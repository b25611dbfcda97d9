import { createHash, hash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { errnoOf } from '../base/errors.ts'
import { TimerQueue } from '../base/timer-queue.ts'
import { absent, fileToken, kindOf, linkToken, type Token } from '../core/content.ts'
import { decodePath, encodePath, nameOf, type Path } from '../core/path.ts'
import { type Disk, inOwn, type Stat } from '../disk/disk.ts'
import type { Litter } from './litter.ts'

/** When a trashed file is looked at again for writes through an old descriptor, in ms after it was trashed. */
const lateLooksMs = [1_000, 5_000, 15_000, 60_000]
const lateLooksMax = 10_000
const readBytes = 4 * 1024 * 1024

/** Between two looks at how much there is, in ms. */
const pruneIntervalMs = 600_000
/** Replaced files of one path that are told of a change: the oldest, which is what a program found at its start. */
const toldMax = 100
const rescueRetryMs = 1_000

export interface TrashLimits {
  /** How long entries stay; the late looks are done in any case. */
  keepMs: number
  /** Above this the oldest go first, but never the newest of a name. */
  bytesMax: number
  /** Whether a program waits for changes of the file with this inode: it stays in the trash as long as that is so. */
  isWatched?: (inode: bigint) => boolean
}

interface Kept {
  name: string
  path: Path
  token: Token
  stat: Stat | null
  atMs: number
  looks: number
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
  /** Entries that hold what is nowhere else. */
  private readonly unsaved = new Set<string>()
  private readonly queue = new TimerQueue<Kept>()
  /** Those that are looked at again, oldest first. */
  private readonly byPath = new Map<Path, Set<Kept>>()
  /** Names of those that are here only because a program watches them. */
  private readonly awaited = new Set<string>()

  /** @param owner whose entries these are; others are left alone */
  constructor(disk: Disk, clock: Clock, litter: Litter, owner: string, newId: () => string, limits: TrashLimits) {
    this.disk = disk
    this.clock = clock
    this.litter = litter
    this.owner = owner
    this.newId = newId
    this.limits = { ...limits, keepMs: Math.max(limits.keepMs, lateLooksMs.at(-1)!) }
  }

  /**
   * A fresh private name for what stands at `path` with the expected content.
   * @param ours what is to take its place, where that has this name until then
   */
  nameFor(path: Path, expected: Token, ours?: Token): string {
    const base = encodePath(nameOf(path)).toString('base64url').slice(0, 90)
    const tags = ours === undefined ? tokenTag(expected) : `${tokenTag(expected)}.${shortTag(ours)}`
    return `trash-${this.owner}-${Math.floor(this.clock.now()).toString(36)}-${this.newId()}-${tags}-${base}`
  }

  /** The private file is trash now; late writes to it are looked for. */
  keep(name: string, path: Path, token: Token): void {
    if (this.queue.size >= lateLooksMax) return
    const atMs = this.clock.monotonic()
    const kept: Kept = { name, path, token, stat: this.stat(name), atMs, looks: 0 }
    this.queue.add(atMs + lateLooksMs[0]!, kept)
    const others = this.byPath.get(path)
    if (others === undefined) this.byPath.set(path, new Set([kept]))
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

  /** The private file holds content that has no place: the next {@link Trash.tick} hands it out for rescue. */
  orphan(name: string, path: Path): void {
    this.unsaved.add(name)
    const atMs = this.clock.monotonic()
    this.queue.add(atMs, { name, path, token: absent, stat: null, atMs, looks: 0 })
  }

  nextDue(): number {
    return Math.min(this.queue.nextDue(), this.pruneDueMs)
  }

  /** Looks at one entry that is due; a rescue where its content is not what was trashed. */
  tick(nowMs: number): Rescue | undefined {
    if (nowMs >= this.pruneDueMs) this.tryToPrune()
    const kept = this.queue.take(nowMs)
    if (kept === undefined) return undefined
    const stat = this.stat(kept.name)
    if (stat === null) {
      this.unsaved.delete(kept.name)
      this.letGo(kept)
      return undefined
    }
    if (this.isOther(kept, stat)) {
      this.unsaved.add(kept.name)
      // Until it is rescued, which takes it out of the trash.
      this.queue.add(nowMs + rescueRetryMs, kept)
      return { name: kept.name, path: kept.path }
    }
    kept.looks += 1
    const next = lateLooksMs[kept.looks]
    if (next !== undefined) this.queue.add(kept.atMs + next, kept)
    else if (stat.kind === 'file' && this.limits.isWatched?.(stat.ino)) {
      this.awaited.add(kept.name)
      this.queue.add(nowMs + lateLooksMs.at(-1)!, kept)
    } else {
      this.letGo(kept)
      if (this.limits.keepMs <= lateLooksMs.at(-1)!) this.litter.remove(kept.name)
    }
    return undefined
  }

  private letGo(kept: Kept): void {
    this.awaited.delete(kept.name)
    const others = this.byPath.get(kept.path)
    others?.delete(kept)
    if (others?.size === 0) this.byPath.delete(kept.path)
  }

  /**
   * What an earlier process left: entries whose content is not the named one were grabbed by mistake or written to late.
   * @param isLinked whether the inode is (also) at a path of the tree
   */
  recover(isLinked: (stat: Stat) => boolean): void {
    for (const name of this.disk.listOwn()) {
      const parsed = this.parse(name)
      if (parsed === undefined) continue
      const stat = this.stat(name)
      if (stat === null) continue
      if (isLinked(stat)) {
        this.litter.remove(name)
        continue
      }
      const token = this.tokenOf(name, stat)
      const isNamed = token !== undefined && tokenTag(token).slice(1) === parsed.tag.slice(1)
      if (!isNamed) {
        // What never took its place, or lost it again, is the other end's: it sends that anew.
        if (token !== undefined && shortTag(token) === parsed.ours) this.litter.remove(name)
        else this.orphan(name, parsed.base)
      } else if (this.clock.now() - parsed.atMs < lateLooksMs.at(-1)!) this.keep(name, parsed.base, parsed.tag)
    }
  }

  /** Removes what is older than it is kept, and the oldest of what is too much. */
  prune(): void {
    this.pruneDueMs = this.clock.monotonic() + pruneIntervalMs
    const entries = this.entries().sort((a, b) => b.atMs - a.atMs)
    const seen = new Set<string>()
    let bytes = 0
    for (const entry of entries) {
      bytes += entry.bytes
      const isOld = this.clock.now() - entry.atMs > this.limits.keepMs
      const isTooMuch = bytes > this.limits.bytesMax && seen.has(entry.base)
      const isNeeded = this.unsaved.has(entry.name) || this.awaited.has(entry.name)
      if ((isOld || isTooMuch) && !isNeeded) this.litter.remove(entry.name)
      seen.add(entry.base)
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

  private entries(): { name: string; atMs: number; base: string; bytes: number }[] {
    const entries: { name: string; atMs: number; base: string; bytes: number }[] = []
    for (const name of this.disk.listOwn()) {
      const parsed = this.parse(name)
      if (parsed !== undefined) entries.push({ name, ...parsed, bytes: this.stat(name)?.size ?? 0 })
    }
    return entries
  }

  /** Content of a private file or link as a token; undefined where it changes or cannot be read. */
  tokenOf(name: string, stat: Stat): Token | undefined {
    try {
      if (stat.kind === 'link') return linkToken(this.disk.readlink(inOwn(name)))
      if (stat.kind !== 'file') return undefined
      const file = this.disk.open(inOwn(name))
      try {
        const sum = createHash('sha256')
        for (let offset = 0; ; ) {
          const part = file.read(offset, readBytes)
          if (part.length === 0) break
          sum.update(part)
          offset += part.length
        }
        return fileToken(sum.digest('hex'), (stat.mode & 0o100) !== 0)
      } finally {
        file.close()
      }
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }

  private parse(name: string): { atMs: number; tag: string; ours: string | undefined; base: string } | undefined {
    const match = /^trash-([0-9a-z]+)-([0-9a-z]+)-[0-9a-z]+-([fxl][0-9a-f]{64})(?:\.([0-9a-f]{32}))?-(.*)$/.exec(name)
    if (match === null || match[1] !== this.owner) return undefined
    const decoded = decodePath(Buffer.from(match[5]!, 'base64url')).replace(/[/\0]/g, '')
    return {
      atMs: Number.parseInt(match[2]!, 36),
      tag: match[3]!,
      ours: match[4],
      base: decoded === '' ? 'file' : decoded,
    }
  }

  /** Does it hold something else than was trashed? */
  private isOther(kept: Kept, stat: Stat): boolean {
    // It took a file's name in the last moment before we died.
    if (stat.kind === 'dir') return true
    const before = kept.stat
    const checked = before !== null && kept.looks > 0
    if (checked && before.mtimeNs === stat.mtimeNs && before.size === stat.size) return false
    // A link's target cannot be written to.
    if (stat.kind === 'link' && kept.token !== absent) return false
    const token = this.tokenOf(kept.name, stat)
    if (token === undefined) return false
    if (token.slice(1) !== kept.token.slice(1)) return true
    kept.stat = stat
    return false
  }

  private stat(name: string): Stat | null {
    try {
      return this.disk.stat(inOwn(name))
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return null
    }
  }
}

function tokenTag(token: Token): string {
  return kindOf(token) === 'link' ? `l${hash('sha256', token, 'hex')}` : token
}

/** Content without the executable bit; half of the hash, because a name has 255 bytes at most. */
function shortTag(token: Token): string {
  return tokenTag(token).slice(1, 33)
}
