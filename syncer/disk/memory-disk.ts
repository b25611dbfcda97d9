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
import { People } from './memory-people.ts'
import { type Inode, MemoryVolume, statOf, toNs, type VolumeOptions } from './memory-volume.ts'
import { systemError } from './system-error.ts'

export type DiskOperation =
  | 'list'
  | 'listStats'
  | 'stat'
  | 'open'
  | 'fstat'
  | 'read'
  | 'readlink'
  | 'create'
  | 'patch'
  | 'write'
  | 'resize'
  | 'finish'
  | 'listOwn'
  | 'mkdirOwn'
  | 'removeOwn'
  | 'mkdir'
  | 'rmdir'
  | 'symlink'
  | 'link'
  | 'rename'
  | 'exchange'
  | 'nudge'
  | 'unlink'
  | 'sync'

/**
 * Called before each operation of the engine. It may change the disk through {@link MemoryDisk.people}, move the clock,
 * throw (the process dies here), or return an error code with which the operation then fails.
 */
export type BeforeOperation = (operation: DiskOperation, at?: Place, to?: Place) => string | undefined

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
  readonly #open = new Set<{ close(): void }>()

  constructor(options: VolumeOptions, before?: BeforeOperation) {
    this.volume = new MemoryVolume(options)
    this.people = new People(this.volume)
    this.modesKept = options.system?.modesKept ?? true
    this.timestampGranuleNs = this.volume.granuleNs
    this.before = before
  }

  /** The engine's process is gone: its descriptors close, its files stay. */
  crash(): void {
    for (const file of this.#open) file.close()
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
    const inode = this.volume.find(this.#root(at), pathOf(at))
    return inode === undefined ? null : this.#statOf(inode)
  }

  open(at: Place): OpenFile {
    this.#enter('open', at)
    const inode = this.volume.get(this.#root(at), pathOf(at))
    if (inode.kind !== 'file') throw systemError('EINVAL', pathOf(at))
    return this.#track(inode, close => ({
      opened: this.#statOf(inode),
      stat: () => {
        this.#enter('fstat', at)
        return this.#statOf(inode)
      },
      read: (offset, length) => {
        this.#enter('read', at)
        return Buffer.from(inode.bytes.subarray(offset, offset + length))
      },
      close,
    }))
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
    const inode = this.volume.get(this.#root(at), pathOf(at))
    if (inode.kind !== 'link') throw systemError('EINVAL', pathOf(at))
    return inode.target
  }

  create(name: string, mode = 0o600): NewFile {
    this.#enter('create', { area: 'own', name })
    const { volume } = this
    const at: Place = { area: 'own', name }
    const inode = volume.make('file', mode & ~this.umask)
    volume.addName(volume.own, pathOf(at), inode)
    return this.#track(inode, close => this.#written(inode, at, close))
  }

  patch(name: string): PatchedFile {
    const at: Place = { area: 'own', name }
    this.#enter('patch', at)
    const { volume } = this
    const inode = volume.get(volume.own, pathOf(at))
    if (inode.kind !== 'file') throw systemError('EINVAL', name)
    return this.#track(inode, close => ({
      ...this.#written(inode, at, close),
      size: () => inode.bytes.length,
      read: (offset, length) => {
        this.#enter('read', at)
        return Buffer.from(inode.bytes.subarray(offset, offset + length))
      },
      writeAt: (offset, bytes) => {
        this.#enter('write', at)
        const grown = Buffer.alloc(Math.max(inode.bytes.length, offset + bytes.length))
        inode.bytes.copy(grown)
        grown.set(bytes, offset)
        volume.setBytes(inode, grown)
      },
      resize: size => {
        this.#enter('resize', at)
        const resized = Buffer.alloc(size)
        inode.bytes.copy(resized)
        volume.setBytes(inode, resized)
      },
    }))
  }

  #written(inode: Inode, at: Place, close: () => void): NewFile {
    const { volume } = this
    return {
      write: bytes => {
        this.#enter('write', at)
        volume.setBytes(inode, Buffer.concat([inode.bytes, bytes]))
      },
      finish: ({ mode, mtimeMs }) => {
        this.#enter('finish', at)
        if (this.modesKept) inode.mode = mode & 0o7777
        if (this.timesAllowed) inode.mtimeNs = volume.stored(toNs(mtimeMs))
        inode.ctimeNs = volume.stamp()
        close()
        return this.#statOf(inode)
      },
      close,
    }
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
    this.volume.addName(this.#root(at), pathOf(at), inode)
  }

  link(from: Place, to: Place): void {
    this.#enter('link', from, to)
    this.volume.link(this.#root(from), pathOf(from), this.#root(to), pathOf(to))
  }

  rename(from: Place, to: Place): void {
    this.#enter('rename', from, to)
    this.volume.rename(this.#root(from), pathOf(from), this.#root(to), pathOf(to))
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
    this.volume.unlink(this.#root(at), pathOf(at))
  }

  sync(at: Place): void {
    this.#enter('sync', at)
    const root = this.#root(at)
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

  #root(at: Place): Inode {
    return at.area === 'tree' ? this.volume.tree : this.volume.own
  }

  #enter(operation: DiskOperation, at?: Place, to?: Place): void {
    const code = this.before?.(operation, at, to)
    if (code !== undefined) throw systemError(code, operation)
  }

  /** Counts a descriptor of the engine, closed once by whoever comes first: the engine or its crash. */
  #track<T extends { close(): void }>(inode: Inode, make: (close: () => void) => T): T {
    this.volume.opened(inode)
    const file = make(() => {
      if (this.#open.delete(file)) this.volume.closed(inode)
    })
    this.#open.add(file)
    return file
  }
}

const badOwnName = /(?:^|\/)\.{0,2}(?:\/|$)|\0/

function pathOf(at: Place): Path {
  if (at.area === 'tree') return at.path
  const { name } = at
  if (badOwnName.test(name)) throw systemError('EINVAL', name)
  return name
}
