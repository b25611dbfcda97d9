import { errnoOf } from '../base/errors.ts'
import type { Stat } from '../disk/disk.ts'
import type { Rescue } from '../endpoint/late-looks.ts'
import type { Replica } from '../endpoint/replica.ts'
import type { Tree } from '../endpoint/tree.ts'

const recoverRetryMs = 5_000

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

  /** @param hasTime there is time for second looks */
  tick(nowMs: number, isScanned: boolean, hasTime: boolean): void {
    const { trash, litter, partials } = this.replica
    if (isScanned && nowMs >= this.recoverDueMs) this.recover()
    litter.tick(nowMs)
    partials.tick(nowMs)
    if (!hasTime || trash.nextDue() > nowMs) return
    const rescue = trash.tick(nowMs)
    if (rescue !== undefined) this.rescue(rescue)
  }

  /** What an earlier process grabbed and could not put back, and its left-over temps. */
  private recover(): void {
    const { replica } = this
    const { tree, trash, clock } = replica
    this.recoverDueMs = Number.POSITIVE_INFINITY
    let keys: Map<bigint, Stat> | undefined
    // The number alone is no proof: an overlay of several file systems may have it twice (sync-findings B.15).
    const isLinked = ({ ino, size, mtimeNs }: Stat) => {
      keys ??= keysByInode(tree)
      const key = keys.get(ino)
      return key !== undefined && key.size === size && key.mtimeNs === mtimeNs
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

function keysByInode(tree: Tree): Map<bigint, Stat> {
  const keys = new Map<bigint, Stat>()
  for (const { key } of tree.walk()) if (key !== null && key.kind !== 'dir') keys.set(key.ino, key)
  return keys
}
