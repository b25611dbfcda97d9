import { errnoOf } from '../base/errors.ts'
import type { Path } from '../core/path.ts'
import {
  type Disk,
  type ExchangePair,
  inOwn,
  inTree,
  type Listed,
  type ListedStat,
  type NewFile,
  type OpenFile,
  type PatchedFile,
  type Place,
  type Stat,
} from './disk.ts'
import { MemoryFiles } from './memory-files.ts'
import { type Inode, statOf } from './memory-inode.ts'
import type { BeforeOperation, DiskOperation } from './memory-operation.ts'
import { People } from './memory-people.ts'
import { pathOf, rootOf } from './memory-place.ts'
import { isSame, placeInSteps } from './memory-placing.ts'
import { MemoryVolume, type VolumeOptions } from './memory-volume.ts'
import { systemError } from './system-error.ts'

/**
 * A {@link Disk} in memory for tests and simulations. The engine's side is the class itself, the other programs' side
 * is {@link people}; between two operations of the engine anything may happen, through {@link before}.
 */
export class MemoryDisk implements Disk {
  readonly volume: MemoryVolume
  readonly people: People
  readonly timestampGranuleNs: bigint
  readonly umask = 0o022
  before: BeforeOperation | undefined
  /** Does the file system let the engine's user set modification times? */
  timesAllowed = true
  /** A folder that gives its own group to what is made in it. */
  otherGroupIn: Path | undefined
  modesKept: boolean
  exchange: Disk['exchange']
  beginExchange: Disk['beginExchange']
  beginPlacing: Disk['beginPlacing']
  isAtRest: Disk['isAtRest']
  readonly #files: MemoryFiles

  constructor(options: VolumeOptions, before?: BeforeOperation) {
    this.volume = new MemoryVolume(options)
    this.people = new People(this.volume)
    this.modesKept = options.system?.modesKept ?? true
    this.timestampGranuleNs = this.volume.granuleNs
    this.before = before
    this.#files = new MemoryFiles(this.volume, {
      enter: (operation, at) => this.#enter(operation, at),
      statOf: inode => this.#statOf(inode),
      modesKept: () => this.modesKept,
      timesAllowed: () => this.timesAllowed,
    })
  }

  /** The engine's process is gone: its descriptors close, its files stay. */
  crash(): void {
    this.#files.closeAll()
  }

  list(dir: Path): Listed[] {
    this.#enter('list', { area: 'tree', path: dir })
    const listed: Listed[] = []
    for (const [name, entry] of this.#entries(dir)) listed.push({ name, kind: entry.kind, mount: entry.mount })
    return listed
  }

  listStats(dir: Path, names?: readonly string[]): ListedStat[] {
    this.#enter('listStats', { area: 'tree', path: dir })
    const listed: ListedStat[] = []
    for (const [name, entry] of this.#entries(dir)) {
      if (names?.includes(name) !== false) listed.push({ name, ...this.#statOf(entry) })
    }
    return listed
  }

  glance(path: Path): Stat | null {
    return this.stat(inTree(path))
  }

  stat(at: Place): Stat | null {
    this.#enter('stat', at)
    const inode = this.volume.find(rootOf(this.volume, at), pathOf(at))
    return inode === undefined ? null : this.#statOf(inode)
  }

  open(at: Place): OpenFile {
    return this.#files.open(at)
  }

  read(at: Place, length: number): { bytes: Buffer; stat: Stat } {
    const file = this.open(at)
    try {
      return { bytes: file.read(0, length), stat: file.stat() }
    } finally {
      file.close()
    }
  }

  readInto(at: Place, target: Buffer): Stat | undefined {
    const { bytes, stat } = this.read(at, target.length)
    return bytes.copy(target) === target.length ? stat : undefined
  }

  readlink(at: Place): string {
    this.#enter('readlink', at)
    const inode = this.volume.get(rootOf(this.volume, at), pathOf(at))
    if (inode.kind !== 'link') throw systemError('EINVAL', pathOf(at))
    return inode.target
  }

  create(name: string, mode = 0o600): NewFile {
    return this.#files.create(name, mode & ~this.umask)
  }

  patch(name: string): PatchedFile {
    return this.#files.patch(name)
  }

  listOwn(): string[] {
    this.#enter('listOwn')
    return [...this.volume.own.entries!.keys()]
  }

  mkdirOwn(name: string): void {
    this.#enter('mkdirOwn', { area: 'own', name })
    this.volume.mkdir(this.volume.own, pathOf({ area: 'own', name }))
  }

  removeOwn(name: string): void {
    this.#enter('removeOwn', { area: 'own', name })
    this.volume.remove(this.volume.own, pathOf({ area: 'own', name }))
  }

  groupsAlike(dir: Path): boolean {
    return dir !== this.otherGroupIn
  }

  mkdir(path: Path): void {
    this.#enter('mkdir', { area: 'tree', path })
    this.volume.mkdir(this.volume.tree, path)
  }

  rmdir(path: Path): void {
    this.#enter('rmdir', { area: 'tree', path })
    this.volume.rmdir(this.volume.tree, path)
  }

  symlink(target: string, at: Place): void {
    this.#enter('symlink', at)
    const inode = this.volume.make('link', 0o777)
    inode.target = target
    this.volume.addName(rootOf(this.volume, at), pathOf(at), inode)
  }

  link(from: Place, to: Place): void {
    this.#enter('link', from, to)
    this.volume.link(rootOf(this.volume, from), pathOf(from), rootOf(this.volume, to), pathOf(to))
  }

  rename(from: Place, to: Place): void {
    this.#enter('rename', from, to)
    this.volume.rename(rootOf(this.volume, from), pathOf(from), rootOf(this.volume, to), pathOf(to))
  }

  replace(own: string, path: Path, isExpected: (now: Stat) => boolean): boolean {
    const now = this.stat(inTree(path))
    if (now === null || !isExpected(now)) return false
    this.rename(inOwn(own), inTree(path))
    return true
  }

  /** From now on names can be exchanged, as on Linux with the help of a program of ours. */
  exchangeNames(): void {
    const exchange = (pairs: readonly ExchangePair[]) => pairs.map(({ own, path }) => this.#exchange(own, path))
    this.exchange = exchange
    // Half of it is done at once, half when it is waited for.
    this.beginExchange = pairs => {
      const half = pairs.length >> 1
      const done = exchange(pairs.slice(0, half))
      return () => [...done, ...exchange(pairs.slice(half))]
    }
  }

  /** From now on files can be made and change places in one call: half of them at once, half when it is waited for. */
  placeFiles(): void {
    this.exchangeNames()
    this.beginPlacing = files => {
      const half = files.length >> 1
      const done = files.slice(0, half).map(file => placeInSteps(this, file))
      return () => [...done, ...files.slice(half).map(file => placeInSteps(this, file))]
    }
  }

  /** From now on it is told whether people have a file open for writing, where that is known. */
  tellRest(isKnown: (path: Path) => boolean = () => true): void {
    this.isAtRest = (path, stat) => {
      try {
        this.#enter('isAtRest', inTree(path))
        if (!isKnown(path)) return undefined
        const inode = this.volume.get(this.volume.tree, path)
        return isSame(this.#statOf(inode), stat) ? inode.holders === 0 : undefined
      } catch (error) {
        if (errnoOf(error) === undefined) throw error
        return undefined
      }
    }
  }

  #exchange(own: string, path: Path): string | undefined {
    try {
      this.#enter('exchange', inOwn(own), inTree(path))
      this.volume.exchange(this.volume.own, pathOf(inOwn(own)), this.volume.tree, path)
      return undefined
    } catch (error) {
      const code = errnoOf(error)
      if (code === undefined) throw error
      return code
    }
  }

  nudge(own: string): void {
    const at = inOwn(own)
    this.#enter('nudge', at)
    const inode = this.volume.get(this.volume.own, pathOf(at))
    if (inode.kind === 'file') inode.ctimeNs = this.volume.stamp()
  }

  unlink(at: Place): void {
    this.#enter('unlink', at)
    this.volume.unlink(rootOf(this.volume, at), pathOf(at))
  }

  sync(at: Place): void {
    this.#enter('sync', at)
    const root = rootOf(this.volume, at)
    const path = pathOf(at)
    const inode = this.volume.get(root, path)
    inode.unsynced = undefined
    this.volume.nameSynced(root, path)
  }

  #entries(dir: Path): Map<string, Inode> {
    const inode = this.volume.get(this.volume.tree, dir)
    if (inode.entries === undefined) throw systemError(inode.kind === 'link' ? 'ELOOP' : 'ENOTDIR', dir)
    return inode.entries
  }

  #statOf(inode: Inode): Stat {
    const stat = statOf(inode)
    return this.modesKept ? stat : { ...stat, mode: stat.mode & ~0o111 }
  }

  #enter(operation: DiskOperation, at?: Place, to?: Place): void {
    const code = this.before?.(operation, at, to)
    if (code !== undefined) throw systemError(code, operation)
  }
}
