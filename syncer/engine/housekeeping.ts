import { errnoOf } from '../base/errors.ts'
import type { Path } from '../core/path.ts'
import { type Disk, inTree, type Stat } from '../disk/disk.ts'
import type { Rescue } from '../endpoint/late-looks.ts'
import type { Replica } from '../endpoint/replica.ts'
import type { Entry, Tree } from '../endpoint/tree.ts'

const recoverRetryMs = 5_000
/** So many looks into the trash in one turn: thousands are due at once a second after as many changes. */
const looksMax = 16

/** Looks after the private folder: what is over goes, and what an earlier process left there is brought back. */
export class Housekeeping {
  private readonly replica: Replica
  private readonly rescue: (rescue: Rescue) => void
  /** What an earlier process left is looked for once, after the first scan. */
  private recoverDueMs = 0

  /** @param rescue brings content back that a program wrote into a file we had already replaced or removed */
  constructor(replica: Replica, rescue: (rescue: Rescue) => void) {
    this.replica = replica
    this.rescue = rescue
  }

  /** @param secondMs no second look before */
  due(isScanned: boolean, secondMs: number): number {
    return Math.min(this.replica.due(secondMs), isScanned ? this.recoverDueMs : Number.POSITIVE_INFINITY)
  }

  /**
   * @param hasTime there is time for second looks
   * @param isOver ends them, after one at least
   */
  tick(nowMs: number, isScanned: boolean, hasTime: boolean, isOver: () => boolean): void {
    const { trash, litter, partials } = this.replica
    if (isScanned && nowMs >= this.recoverDueMs) this.recover()
    litter.tick(nowMs)
    partials.tick(nowMs)
    if (!hasTime) return
    for (let left = looksMax; left > 0 && trash.nextDue() <= nowMs; left--) {
      const rescue = trash.tick(nowMs)
      if (rescue !== undefined) this.rescue(rescue)
      if (isOver()) return
    }
  }

  /** What an earlier process grabbed and could not put back, and its left-over temps. */
  private recover(): void {
    const { replica } = this
    const { disk, tree, trash, clock } = replica
    this.recoverDueMs = Number.POSITIVE_INFINITY
    let linked: Map<bigint, Entry[]> | undefined
    const isLinked = (stat: Stat) => {
      linked ??= entriesByInode(tree)
      return (linked.get(stat.ino) ?? []).some(({ path }) => isSameFile(disk, path, stat))
    }
    try {
      trash.recover(isLinked)
      trash.prune()
      replica.removeLeftOver()
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      this.recoverDueMs = clock.monotonic() + recoverRetryMs
    }
  }
}

/** Where the tree last saw each inode: what stands there now has to be asked, as what is ignored is not looked at. */
function entriesByInode(tree: Tree): Map<bigint, Entry[]> {
  const entries = new Map<bigint, Entry[]>()
  for (const entry of tree.walk()) {
    if (entry.key === null || entry.key.kind === 'dir') continue
    const same = entries.get(entry.key.ino)
    if (same === undefined) entries.set(entry.key.ino, [entry])
    else same.push(entry)
  }
  return entries
}

/**
 * Whether the file stands at the path. The number alone is no proof: an overlay of several file systems may have it twice
 * (sync-findings B.15). What cannot be looked at is taken for another one: then it stays in the trash, too.
 */
function isSameFile(disk: Disk, path: Path, { ino, size, mtimeNs, ctimeNs }: Stat): boolean {
  try {
    const now = disk.stat(inTree(path))
    return now?.ino === ino && now.size === size && now.mtimeNs === mtimeNs && now.ctimeNs === ctimeNs
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}
