import { errnoOf } from '../base/errors.ts'
import { QueueSet } from '../base/queue-set.ts'
import type { Path } from '../core/path.ts'
import type { Disk } from '../disk/disk.ts'

/** Replaced files of one path that are told of a change: the oldest, which is what a program found at its start. */
const toldMax = 100
/** Paths whose replaced files are told of a change later, and of these at once. */
const untoldMax = 100_000
const toldAtOnceMax = 16

/** The trash by the paths where each was, for programs that still watch what was there. */
export class ReplacedFiles<Kept extends { readonly name: string; readonly path: Path }> {
  private readonly disk: Disk
  /** Oldest first. */
  private readonly byPath = new Map<Path, Set<Kept>>()
  /** Something else stands at these paths, and {@link ReplacedFiles.tell} is to be called for them when there is time. */
  private readonly untold = new QueueSet<Path>()

  constructor(disk: Disk) {
    this.disk = disk
  }

  add(kept: Kept): void {
    const others = this.byPath.get(kept.path)
    if (others === undefined) this.byPath.set(kept.path, new Set([kept]))
    else others.add(kept)
  }

  delete(kept: Kept): void {
    const others = this.byPath.get(kept.path)
    others?.delete(kept)
    if (others?.size === 0) this.byPath.delete(kept.path)
  }

  get isEmpty(): boolean {
    return this.byPath.size === 0
  }

  byName(): Map<string, Kept> {
    const named = new Map<string, Kept>()
    for (const others of this.byPath.values()) for (const kept of others) named.set(kept.name, kept)
    return named
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

  /** {@link ReplacedFiles.tell} later: many changed places at once, and telling would hold up the next ones. */
  tellLater(path: Path): void {
    if (this.untold.size < untoldMax) this.untold.add(path)
    else this.tell(path)
  }

  get isTelling(): boolean {
    return this.untold.size > 0
  }

  tellWaiting(): void {
    for (let left = toldAtOnceMax; left > 0; left--) {
      const path = this.untold.take()
      if (path === undefined) return
      this.tell(path)
    }
  }
}
