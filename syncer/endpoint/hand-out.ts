import type { Clock } from '../base/clock.ts'
import { errnoOf } from '../base/errors.ts'
import type { Path } from '../core/path.ts'
import { type Disk, inOwn, inTree, type Stat } from '../disk/disk.ts'
import { conflictNames } from './conflict-names.ts'
import { isRaced } from './outcome.ts'
import type { Trash } from './trash.ts'

/**
 * Codes of a hard link that this file system or its rules do not allow (fs.protected_hardlinks, vfat, NFS). EACCES is none:
 * a folder that may not be written to refuses the rename that would take the link's place as well.
 */
const noLink = new Set(['EPERM', 'EXDEV', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS'])

export function isNoLink(error: unknown): boolean {
  return noLink.has(errnoOf(error) ?? '')
}

/** Gives what is private a name in the tree, or its own one back: never in the place of something. */
export class HandOut {
  private readonly disk: Disk
  private readonly clock: Clock
  private readonly trash: Trash

  constructor(disk: Disk, clock: Clock, trash: Trash) {
    this.disk = disk
    this.clock = clock
    this.trash = trash
  }

  /** @throws EEXIST where something stands there */
  moveOut(own: string, path: Path): void {
    try {
      this.disk.link(inOwn(own), inTree(path))
    } catch (error) {
      if (!isNoLink(error)) throw error
      if (this.disk.stat(inTree(path)) !== null) throw Object.assign(new Error('exists'), { code: 'EEXIST' })
      this.disk.rename(inOwn(own), inTree(path))
      return
    }
    this.disk.unlink(inOwn(own))
  }

  /**
   * Gives a private file or link back to the tree under the first free name of `names`. By link, not by copy: a program
   * that still writes to it goes on writing into a file that people see.
   */
  bringBack(own: string, names: Iterable<Path>): Path | undefined {
    for (const path of names) {
      try {
        this.moveOut(own, path)
        this.disk.sync(inTree(path))
        return path
      } catch (error) {
        const code = errnoOf(error)
        if (code === 'ENOENT' && this.disk.stat(inOwn(own)) === null) return undefined
        // Its folder is gone or something has the name: the next one.
        if (code === undefined || !isRaced(code)) throw error
      }
    }
    return undefined
  }

  /** What was taken away is not what was meant: it goes back to its place. */
  putBack(kept: string, path: Path, got: Stat): void {
    if (got.kind === 'dir') {
      this.putBackFolder(kept, path)
      return
    }
    try {
      this.moveOut(kept, path)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      // Something new stands there already, or links do not work here: the rescue finds it another name.
      this.trash.orphan(kept, path)
    }
  }

  /** A folder that took the file's name in the last moment; where that name is taken again it gets another. */
  putBackFolder(kept: string, path: Path): void {
    for (const name of [path, ...conflictNames(path, this.clock.now(), 'folder')]) {
      if (this.disk.stat(inTree(name)) !== null) continue
      this.disk.rename(inOwn(kept), inTree(name))
      return
    }
  }
}
