import type { Clock } from '../base/clock.ts'
import { limits } from '../base/limits.ts'
import type { Path } from '../core/path.ts'
import type { EntryKind } from './disk.ts'
import { FoldedNames } from './folded-names.ts'
import { holds, Inode } from './memory-inode.ts'
import type { MemorySystem } from './memory-system.ts'
import { systemError } from './system-error.ts'

export interface VolumeOptions {
  /** Gives the time stamps. */
  clock: Clock
  /** Step of the clock that stamps changes (a kernel's tick): default 1 ms, the step of `Date.now()`. */
  tickNs?: bigint
  /** Step of the stored time stamps (2 s on FAT): default 1 ns. */
  storedStepNs?: bigint
  /** A freed inode number is given to the next new inode, as ext4 does. */
  reuseInodes?: boolean
  /** Remembers what a power cut would take back. */
  powerLoss?: boolean
  /** Linux when absent. */
  system?: MemorySystem | undefined
}

/** A change of one name, to be taken back by a power cut; newest last. */
export interface NameChange {
  dir: Inode
  name: string
  before: Inode | undefined
  atMs: number
  /** The other half of a folder's rename: both are taken back, or none. */
  otherHalf?: NameChange
}

/** Inodes and names of one file system in memory: what a kernel does, for both users of it (the engine and people). */
export class MemoryVolume {
  readonly tree: Inode
  readonly own: Inode
  readonly granuleNs: bigint
  readonly nameChanges: NameChange[] = []
  readonly clock: Clock
  readonly system: MemorySystem | undefined
  readonly #tickNs: bigint
  readonly #storedStepNs: bigint
  readonly #reuseInodes: boolean
  readonly #powerLoss: boolean
  readonly #freed: number[] = []
  #nextIno = 1
  /** The last {@link stamp}, which is asked for several times in one moment. */
  #stamp = 0n
  #stampedAtMs = Number.NaN

  constructor(options: VolumeOptions) {
    this.clock = options.clock
    this.#tickNs = options.tickNs ?? 1_000_000n
    this.#storedStepNs = options.storedStepNs ?? 1n
    this.granuleNs = maxOf(this.#tickNs, this.#storedStepNs)
    this.#reuseInodes = options.reuseInodes ?? false
    this.#powerLoss = options.powerLoss ?? false
    this.system = options.system
    this.tree = this.make('dir', 0o755)
    this.own = this.make('dir', 0o700)
  }

  /** The present as a time stamp, ns. */
  stamp(): bigint {
    const nowMs = this.clock.now()
    if (nowMs !== this.#stampedAtMs) {
      const ns = toNs(nowMs)
      this.#stamp = this.stored(ns - (ns % this.#tickNs))
      this.#stampedAtMs = nowMs
    }
    return this.#stamp
  }

  stored(ns: bigint): bigint {
    return this.#storedStepNs === 1n ? ns : ns - (ns % this.#storedStepNs)
  }

  make(kind: EntryKind, mode: number): Inode {
    const ino = (this.#reuseInodes ? this.#freed.pop() : undefined) ?? this.#nextIno++
    const inode = new Inode(ino, kind, mode, kind === 'dir' ? this.#noNames() : undefined)
    inode.mtimeNs = inode.ctimeNs = this.stamp()
    if (this.#powerLoss) inode.unsynced = { bytes: undefined, sinceMs: this.clock.monotonic() }
    return inode
  }

  /** What stands at the path; undefined for nothing and for nothing reachable. */
  find(root: Inode, path: Path): Inode | undefined {
    let at: Inode | undefined = root
    for (let from = 0; at !== undefined && from <= path.length && path !== ''; ) {
      const slash = path.indexOf('/', from)
      const end = slash < 0 ? path.length : slash
      at = at.entries?.get(path.slice(from, end))
      from = end + 1
    }
    return at
  }

  get(root: Inode, path: Path): Inode {
    const { dir, name } = this.place(root, path)
    const inode = name === '' ? dir : dir.entries!.get(name)
    if (inode === undefined) throw systemError('ENOENT', path)
    return inode
  }

  /** The folder that holds the path's last name. */
  place(root: Inode, path: Path): { dir: Inode; name: string } {
    const slash = path.lastIndexOf('/')
    const name = path.slice(slash + 1)
    if (name.length > 84 && Buffer.byteLength(name) > limits.nameBytesMax) throw systemError('ENAMETOOLONG', path)
    let dir = root
    for (let from = 0; from < slash; ) {
      const end = path.indexOf('/', from)
      const next: Inode | undefined = dir.entries!.get(path.slice(from, end))
      if (next === undefined) throw systemError('ENOENT', path)
      if (next.entries === undefined) throw systemError(next.kind === 'link' ? 'ELOOP' : 'ENOTDIR', path)
      dir = next
      from = end + 1
    }
    return { dir, name }
  }

  setName(dir: Inode, name: string, inode: Inode | undefined): void {
    const before = dir.entries!.get(name)
    const refusal = before === undefined ? this.system?.refuses(name) : undefined
    if (refusal !== undefined) throw systemError(refusal, name)
    if (before !== undefined) this.#assertFree(before)
    if (this.#powerLoss) this.nameChanges.push({ dir, name, before, atMs: this.clock.monotonic() })
    if (inode === undefined) dir.entries!.delete(name)
    else {
      dir.entries!.set(name, inode)
      inode.links++
    }
    dir.mtimeNs = dir.ctimeNs = this.stamp()
    if (before === undefined) return
    before.links--
    before.ctimeNs = dir.ctimeNs
    this.#freeIfUnused(before)
  }

  /** Gives `inode` a name that nothing has yet. */
  addName(root: Inode, path: Path, inode: Inode): void {
    const { dir, name } = this.place(root, path)
    if (name === '' || dir.entries!.has(name)) throw systemError('EEXIST', path)
    this.setName(dir, name, inode)
  }

  mkdir(root: Inode, path: Path): Inode {
    const { dir, name } = this.place(root, path)
    if (name === '' || dir.entries!.has(name)) throw systemError('EEXIST', path)
    const inode = this.make('dir', 0o755)
    this.setName(dir, name, inode)
    return inode
  }

  rmdir(root: Inode, path: Path): void {
    const inode = this.get(root, path)
    if (inode.entries === undefined) throw systemError('ENOTDIR', path)
    if (inode.mount || path === '') throw systemError('EBUSY', path)
    if (inode.entries.size > 0) throw systemError('ENOTEMPTY', path)
    const { dir, name } = this.place(root, path)
    this.setName(dir, name, undefined)
  }

  /** A folder with everything in it; nothing there is no error. */
  remove(root: Inode, path: Path): void {
    const inode = this.find(root, path)
    if (inode === undefined) return
    for (const name of [...(inode.entries?.keys() ?? [])]) this.remove(root, `${path}/${name}`)
    const { dir, name } = this.place(root, path)
    this.setName(dir, name, undefined)
  }

  unlink(root: Inode, path: Path): Inode {
    const inode = this.get(root, path)
    if (inode.kind === 'dir') throw systemError('EISDIR', path)
    if (inode.mount) throw systemError('EBUSY', path)
    const { dir, name } = this.place(root, path)
    this.setName(dir, name, undefined)
    return inode
  }

  link(fromRoot: Inode, from: Path, toRoot: Inode, to: Path): void {
    const inode = this.get(fromRoot, from)
    if (inode.kind === 'dir') throw systemError('EPERM', from)
    if (inode.mount) throw systemError('EXDEV', from)
    this.addName(toRoot, to, inode)
    inode.ctimeNs = this.stamp()
  }

  /** rename(2), except that nothing replaces a folder, not even an empty one. */
  rename(fromRoot: Inode, from: Path, toRoot: Inode, to: Path): void {
    const inode = this.get(fromRoot, from)
    const target = this.place(toRoot, to)
    const there = target.name === '' ? target.dir : target.dir.entries!.get(target.name)
    if (there === inode) {
      // Another spelling of its name, where spelling does not count.
      target.dir.entries!.set(target.name, inode)
      return
    }
    if (inode.mount || there?.mount || from === '' || to === '') throw systemError('EBUSY', to)
    if (holds(inode, target.dir)) throw systemError('EINVAL', to)
    if (there?.kind === 'dir') throw systemError(inode.kind === 'dir' ? 'ENOTEMPTY' : 'EISDIR', to)
    if (there !== undefined && inode.kind === 'dir') throw systemError('ENOTDIR', to)
    this.#assertFree(inode)
    const source = this.place(fromRoot, from)
    this.setName(target.dir, target.name, inode)
    this.setName(source.dir, source.name, undefined)
    if (this.#powerLoss && inode.kind === 'dir') joinHalves(this.nameChanges)
    inode.ctimeNs = this.stamp()
  }

  /** renameat2(2) with RENAME_EXCHANGE. */
  exchange(fromRoot: Inode, from: Path, toRoot: Inode, to: Path): void {
    const [one, other] = [this.get(fromRoot, from), this.get(toRoot, to)]
    if (one.mount || other.mount || from === '' || to === '') throw systemError('EBUSY', to)
    const [source, target] = [this.place(fromRoot, from), this.place(toRoot, to)]
    if (holds(one, target.dir) || holds(other, source.dir)) throw systemError('EINVAL', to)
    // Neither is without a name in between, so that its number is not free.
    other.links++
    this.setName(target.dir, target.name, one)
    this.setName(source.dir, source.name, other)
    other.links--
    one.ctimeNs = other.ctimeNs = this.stamp()
  }

  /** New content; an inode's bytes are replaced, never changed, so that a copy is only a reference. */
  setBytes(inode: Inode, bytes: Buffer): void {
    if (this.#powerLoss && (inode.unsynced === undefined || this.writtenBack(inode.unsynced.sinceMs)))
      inode.unsynced = { bytes: inode.bytes, sinceMs: this.clock.monotonic() }
    inode.bytes = bytes
    inode.mtimeNs = inode.ctimeNs = this.stamp()
  }

  /** Linux writes dirty pages back after 30 s, looking every 5 s (`vm.dirty_expire_centisecs`, `…_writeback_…`). */
  writtenBack(sinceMs: number): boolean {
    return this.clock.monotonic() - sinceMs > 35_000
  }

  /** The names on the way to `path`, and its own, survive a power cut from now on. */
  nameSynced(root: Inode, path: Path): void {
    if (!this.#powerLoss) return
    let dir = root
    for (const name of path.split('/')) {
      const isSynced = (change: NameChange) => change.dir === dir && change.name === name
      const kept = this.nameChanges.filter(
        change => !isSynced(change) && (change.otherHalf === undefined || !isSynced(change.otherHalf)),
      )
      this.nameChanges.splice(0, this.nameChanges.length, ...kept)
      dir = dir.entries?.get(name) ?? dir
    }
  }

  opened(inode: Inode): void {
    inode.opens++
  }

  closed(inode: Inode): void {
    inode.opens--
    this.#freeIfUnused(inode)
  }

  #noNames(): Map<string, Inode> {
    return this.system === undefined ? new Map() : new FoldedNames(this.system.nameKey)
  }

  #assertFree(inode: Inode): void {
    if (this.system?.locksOpenFiles && inode.holders > 0) throw systemError('EPERM', 'another program has it open')
  }

  #freeIfUnused(inode: Inode): void {
    if (inode.links === 0 && inode.opens === 0 && this.#reuseInodes) this.#freed.push(inode.ino)
  }
}

function maxOf(a: bigint, b: bigint): bigint {
  return b > a ? b : a
}

/** Milliseconds → ns; a double holds the epoch's microseconds, not its nanoseconds. */
export function toNs(ms: number): bigint {
  return BigInt(Math.floor(ms * 1000)) * 1000n
}

/** The last two changes are those of one rename. */
function joinHalves(changes: NameChange[]): void {
  const [to, from] = changes.slice(-2) as [NameChange, NameChange]
  to.otherHalf = from
  from.otherHalf = to
}
