import { errnoOf } from '../base/errors.ts'
import { absent, folder } from '../core/content.ts'
import { isWithin, joinPath, type Path } from '../core/path.ts'
import { type Disk, inTree } from '../disk/disk.ts'
import type { Entry, Tree } from './tree.ts'

const inodesMin = 1_024

type Ignored = (path: Path, isDir: boolean) => boolean

/**
 * Which folder a new one was before it was renamed: the same inode under another name. Only advice: an inode's number
 * may be another folder's by now.
 */
export class RenamedFolders {
  private readonly disk: Disk
  private readonly tree: Tree
  private readonly byInode = new Map<bigint, Entry>()
  private inodesMax = inodesMin
  private readonly sources = new WeakMap<Entry, Entry>()
  private readonly targets = new WeakMap<Entry, Entry>()

  constructor(disk: Disk, tree: Tree) {
    this.disk = disk
    this.tree = tree
  }

  /** A folder stands at the entry's path; `entry.key` is its stat. */
  note(entry: Entry): void {
    const { ino } = entry.key!
    const before = this.byInode.get(ino)
    if (before === entry) return
    if (before?.agreed === folder) this.link(before, entry)
    this.byInode.set(ino, entry)
    if (this.byInode.size > this.inodesMax) this.prune()
  }

  /** What the folder was, where both ends still agree on it there. */
  sourceOf(entry: Entry): Entry | undefined {
    const source = this.sources.get(entry)
    return source?.agreed === folder ? source : undefined
  }

  /** What the folder became, where it is the same folder. */
  targetOf(entry: Entry): Entry | undefined {
    const target = this.targets.get(entry)
    return target !== undefined && this.sources.get(target) === entry ? target : undefined
  }

  private link(source: Entry, target: Entry): void {
    this.sources.set(target, source)
    this.targets.set(source, target)
  }

  /**
   * What is known of the files in a folder that is new here goes along with it, so that they need no reading: a rename of
   * their folder changes nothing of theirs, not even their ctime. The folder must be listed afterwards, at all depths.
   * @param ignored paths in it that do not travel
   */
  adopt(entry: Entry, ignored: Ignored): void {
    const source = this.sourceOf(entry)
    if (source === undefined || entry.children !== null || source.key?.ino !== entry.key?.ino) return
    if (this.stands(source)) return
    const [from, path] = [source.path, entry.path]
    if (!isWithin(path, from) && !isWithin(from, path)) this.take(source, entry, path, ignored)
  }

  /** Also where that cannot be told. */
  private stands({ path, key }: Entry): boolean {
    try {
      return this.disk.stat(inTree(path))?.ino === key?.ino
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return true
    }
  }

  private take(source: Entry, entry: Entry, path: Path, ignored: Ignored): void {
    for (const [name, below] of source.children ?? []) {
      const { current, key } = below
      const childPath = joinPath(path, name)
      if (key === null || current === absent || ignored(childPath, current === folder)) continue
      const child = this.tree.child(entry, name)
      child.current = current
      child.key = key
      child.racy = below.racy
      if (current !== folder) continue
      if (below.agreed === folder) this.link(below, child)
      this.byInode.set(key.ino, child)
      this.take(below, child, childPath, ignored)
    }
  }

  /** Numbers under which nothing is known any more. */
  private prune(): void {
    for (const [ino, entry] of this.byInode) if (entry.key?.ino !== ino) this.byInode.delete(ino)
    this.inodesMax = Math.max(inodesMin, this.byInode.size * 2)
  }
}
