import { createHash, hash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { errnoOf } from '../base/errors.ts'
import { TimerQueue } from '../base/timer-queue.ts'
import { absent, fileToken, kindOf, linkToken, type Token } from '../core/content.ts'
import { decodePath, encodePath, nameOf, type Path } from '../core/path.ts'
import { type Disk, inOwn, type Stat } from '../disk/disk.ts'

export const trashPrefix = 'trash-'

/** When a trashed file is looked at again for writes through an old descriptor, in ms after it was trashed. */
const lateLooksMs = [1_000, 5_000, 15_000, 60_000]
const lateLooksMax = 10_000
const readBytes = 4 * 1024 * 1024

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
  private readonly newId: () => string
  private readonly keepMs: number
  private readonly queue = new TimerQueue<Kept>()

  /** @param keepMs how long entries stay after they were trashed; at least as long as the late looks */
  constructor(disk: Disk, clock: Clock, newId: () => string, keepMs: number) {
    this.disk = disk
    this.clock = clock
    this.newId = newId
    this.keepMs = Math.max(keepMs, lateLooksMs.at(-1)!)
  }

  /** A fresh private name for what stands at `path` with the expected content. */
  nameFor(path: Path, expected: Token): string {
    const base = encodePath(nameOf(path)).toString('base64url').slice(0, 90)
    return `${trashPrefix}${this.clock.now().toString(36)}-${this.newId()}-${tokenTag(expected)}-${base}`
  }

  /** The private file is trash now; late writes to it are looked for. */
  keep(name: string, path: Path, token: Token): void {
    if (kindOf(token) !== 'file' || this.queue.size >= lateLooksMax) return
    const atMs = this.clock.monotonic()
    this.queue.add(atMs + lateLooksMs[0]!, { name, path, token, stat: this.stat(name), atMs, looks: 0 })
  }

  /** The private file holds content that has no place: the next {@link Trash.tick} hands it out for rescue. */
  orphan(name: string, path: Path): void {
    const atMs = this.clock.monotonic()
    this.queue.add(atMs, { name, path, token: absent, stat: null, atMs, looks: 0 })
  }

  nextDue(): number {
    return this.queue.nextDue()
  }

  /** Looks at one entry that is due; a rescue where its content is not what was trashed. */
  tick(nowMs: number): Rescue | undefined {
    const kept = this.queue.take(nowMs)
    if (kept === undefined) return undefined
    const rescue = this.lookAt(kept)
    kept.looks += 1
    const next = lateLooksMs[kept.looks]
    if (next !== undefined) this.queue.add(kept.atMs + next, kept)
    else if (nowMs - kept.atMs < this.keepMs) return rescue
    else this.remove(kept.name)
    return rescue
  }

  /**
   * What an earlier process left: entries whose content is not the named one were grabbed by mistake or written to late.
   * @param isLinked whether the inode is (also) at a path of the tree
   */
  *recover(isLinked: (stat: Stat) => boolean): Generator<Rescue> {
    for (const name of this.disk.listOwn()) {
      const parsed = parseTrashName(name)
      if (parsed === undefined) continue
      const stat = this.stat(name)
      if (stat === null) continue
      if (isLinked(stat)) this.remove(name)
      else if (stat.kind === 'file' && parsed.tag.charCodeAt(0) !== 108) {
        const token = this.tokenOf(name, stat)
        if (token !== undefined && token.slice(1) !== parsed.tag.slice(1)) yield { name, path: parsed.base }
      }
    }
  }

  /** Removes entries that are older than they are kept. */
  prune(): void {
    for (const name of this.disk.listOwn()) {
      const parsed = parseTrashName(name)
      if (parsed !== undefined && this.clock.now() - parsed.atMs > this.keepMs) this.remove(name)
    }
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

  private lookAt(kept: Kept): Rescue | undefined {
    const stat = this.stat(kept.name)
    if (stat === null) return undefined
    const before = kept.stat
    const checked = before !== null && kept.looks > 0
    if (checked && before.mtimeNs === stat.mtimeNs && before.size === stat.size) return undefined
    const token = this.tokenOf(kept.name, stat)
    if (token === undefined) return undefined
    if (token.slice(1) === kept.token.slice(1)) {
      kept.stat = stat
      return undefined
    }
    return { name: kept.name, path: kept.path }
  }

  private stat(name: string): Stat | null {
    try {
      return this.disk.stat(inOwn(name))
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return null
    }
  }

  private remove(name: string): void {
    try {
      this.disk.unlink(inOwn(name))
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
    }
  }
}

function tokenTag(token: Token): string {
  return kindOf(token) === 'link' ? `l${hash('sha256', token, 'hex')}` : token
}

function parseTrashName(name: string): { atMs: number; tag: string; base: string } | undefined {
  const match = /^trash-([0-9a-z]+)-[0-9a-z]+-([fxl][0-9a-f]{64})-(.*)$/.exec(name)
  if (match === null) return undefined
  const [, time, tag, base] = match
  const decoded = decodePath(Buffer.from(base!, 'base64url')).replace(/[/\0]/g, '')
  return { atMs: Number.parseInt(time!, 36), tag: tag!, base: decoded === '' ? 'file' : decoded }
}
