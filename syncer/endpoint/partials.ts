import { hash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { Token } from '../core/content.ts'
import { encodePath, type Path } from '../core/path.ts'
import { type Disk, inOwn, type Place } from '../disk/disk.ts'
import type { Litter } from './litter.ts'
import type { Trash } from './trash.ts'

/** How long something waits for the transfer that it is a part of, and how many there are. */
const keptMs = 3_600_000
const keptMax = 4

/**
 * Files that a cut left half made, by the path they are for. They are only ever read anew: nothing is known of what is in
 * them. They outlive the process.
 */
export class Partials {
  private readonly disk: Disk
  private readonly clock: Clock
  private readonly litter: Litter
  private readonly trash: Trash
  private readonly prefix: string
  private readonly newId: () => string
  /** By the mark of their path, oldest first. */
  private readonly kept = new Map<string, { name: string; untilMs: number }>()

  constructor(disk: Disk, clock: Clock, litter: Litter, trash: Trash, owner: string, newId: () => string) {
    this.disk = disk
    this.clock = clock
    this.litter = litter
    this.trash = trash
    this.prefix = `part-${owner}-`
    this.newId = newId
  }

  newName(path: Path): string {
    return `${this.prefix}${markOf(path)}-${this.newId()}`
  }

  keep(path: Path, name: string): void {
    this.add(markOf(path), name)
  }

  /** What is there for the path, and has `bytesMin` at least; it is the caller's from now on. */
  take(path: Path, bytesMin: number): string | undefined {
    const mark = markOf(path)
    const kept = this.kept.get(mark)
    if (kept === undefined) return undefined
    this.kept.delete(mark)
    const size = this.disk.stat(inOwn(kept.name))?.size ?? 0
    if (size > 0 && size >= bytesMin) return kept.name
    this.litter.remove(kept.name)
    return undefined
  }

  /** Content that was replaced or removed here. */
  inTrash(token: Token): Place | undefined {
    const name = this.trash.find(token)
    return name === undefined ? undefined : inOwn(name)
  }

  due(): number {
    const oldest = this.kept.values().next().value
    return oldest?.untilMs ?? Number.POSITIVE_INFINITY
  }

  tick(nowMs: number): void {
    for (const [mark, { name, untilMs }] of this.kept) {
      if (untilMs > nowMs) return
      this.kept.delete(mark)
      this.litter.remove(name)
    }
  }

  /** At start: what an earlier process left. @param inUse names that are others' business */
  load(inUse: Iterable<string>): void {
    const current = new Set(inUse)
    for (const { name } of this.kept.values()) current.add(name)
    for (const name of this.disk.listOwn()) {
      if (!name.startsWith(this.prefix) || current.has(name)) continue
      const stat = this.disk.stat(inOwn(name))
      const mark = name.slice(this.prefix.length).split('-')[0]!
      const ageMs = this.clock.now() - Number((stat?.mtimeNs ?? 0n) / 1_000_000n)
      if (stat?.kind !== 'file' || this.kept.has(mark) || ageMs > keptMs) this.litter.remove(name)
      else this.add(mark, name)
    }
  }

  private add(mark: string, name: string): void {
    const before = this.kept.get(mark)
    if (before !== undefined) this.litter.remove(before.name)
    this.kept.delete(mark)
    this.kept.set(mark, { name, untilMs: this.clock.monotonic() + keptMs })
    const [oldest] = this.kept
    if (this.kept.size <= keptMax || oldest === undefined) return
    this.kept.delete(oldest[0])
    this.litter.remove(oldest[1].name)
  }
}

function markOf(path: Path): string {
  return hash('sha256', encodePath(path), 'hex').slice(0, 16)
}
