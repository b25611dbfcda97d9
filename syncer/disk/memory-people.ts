import { joinPath, type Path } from '../core/path.ts'
import type { Inode } from './memory-inode.ts'
import type { MemoryVolume } from './memory-volume.ts'
import { systemError } from './system-error.ts'

const empty = Buffer.alloc(0)

/** Told what people do to contents, at once; for a checker that shares nothing with the engine. */
export interface PeopleObserver {
  /** A person changed the content of a file, or made it (`before` empty). */
  wrote(inode: Inode, before: Buffer, after: Buffer): void
  /** A person took the name of a file away, or put another file in its place. */
  removed(inode: Inode): void
}

/**
 * What everybody but the engine does to a {@link MemoryVolume}: editors, shells, compilers. Errors are the system's.
 * Links are never followed; a path through one fails.
 */
export class People {
  observer: PeopleObserver | undefined
  readonly #volume: MemoryVolume

  constructor(volume: MemoryVolume) {
    this.#volume = volume
  }

  /** What stands at the path, if anything. */
  find(path: Path): Inode | undefined {
    return this.#volume.find(this.#volume.tree, path)
  }

  read(path: Path): Buffer {
    const inode = this.#volume.get(this.#volume.tree, path)
    if (inode.kind !== 'file') throw systemError(inode.kind === 'dir' ? 'EISDIR' : 'ELOOP', path)
    return inode.bytes
  }

  /** Saves as most editors do: a new file, moved over the old one in one step. */
  save(path: Path, bytes: Uint8Array, mode?: number): void {
    const before = this.find(path)
    if (before?.kind === 'dir') throw systemError('EISDIR', path)
    const { dir, name } = this.#volume.place(this.#volume.tree, path)
    const inode = this.#make('file', mode ?? before?.mode ?? 0o644)
    this.#volume.setBytes(inode, Buffer.from(bytes))
    this.#volume.setName(dir, name, inode)
    if (before !== undefined) this.observer?.removed(before)
    this.observer?.wrote(inode, empty, inode.bytes)
  }

  /** Opens for writing in place: `w` empties or creates, `a` and `r+` keep; the descriptor outlives the name. */
  open(path: Path, flags: 'w' | 'a' | 'r+'): PersonFile {
    let inode = this.find(path)
    if (inode === undefined) {
      if (flags === 'r+') throw systemError('ENOENT', path)
      inode = this.#make('file', 0o644)
      this.#volume.addName(this.#volume.tree, path, inode)
    }
    if (inode.kind !== 'file') throw systemError(inode.kind === 'dir' ? 'EISDIR' : 'ELOOP', path)
    const file = new PersonFile(this.#volume, this, inode)
    if (flags === 'w') file.truncate()
    return file
  }

  append(path: Path, bytes: Uint8Array): void {
    const file = this.open(path, 'a')
    file.write(bytes)
    file.close()
  }

  unlink(path: Path): void {
    const removed = this.#volume.unlink(this.#volume.tree, path)
    this.observer?.removed(removed)
  }

  /** mv: replaces a file that is there. */
  rename(from: Path, to: Path): void {
    const there = this.find(to)
    const moved = this.#volume.get(this.#volume.tree, from)
    this.#volume.rename(this.#volume.tree, from, this.#volume.tree, to)
    if (there !== undefined && there !== moved) this.observer?.removed(there)
  }

  /** mkdir -p */
  mkdir(path: Path): void {
    for (let slash = path.indexOf('/'); ; slash = path.indexOf('/', slash + 1)) {
      const prefix = slash < 0 ? path : path.slice(0, slash)
      const there = this.find(prefix)
      if (there === undefined) this.#volume.mkdir(this.#volume.tree, prefix)
      else if (there.kind !== 'dir') throw systemError('EEXIST', prefix)
      if (slash < 0) return
    }
  }

  /** rm -rf; nothing there is no error. */
  removeAll(path: Path): void {
    const inode = this.find(path)
    if (inode === undefined) return
    if (inode.kind !== 'dir') {
      this.unlink(path)
      return
    }
    for (const name of [...inode.entries!.keys()]) this.removeAll(joinPath(path, name))
    this.#volume.rmdir(this.#volume.tree, path)
  }

  symlink(target: string, path: Path): void {
    const inode = this.#make('link', 0o777)
    inode.target = target
    this.#volume.addName(this.#volume.tree, path, inode)
  }

  /** A FIFO, socket or device: something that must never be opened. */
  special(path: Path): void {
    this.#volume.addName(this.#volume.tree, path, this.#make('other', 0o600))
  }

  chmod(path: Path, mode: number): void {
    const inode = this.#volume.get(this.#volume.tree, path)
    inode.mode = mode
    inode.ctimeNs = this.#volume.stamp()
  }

  /** touch -d, or what an unpacker does: the modification time is set, the change time is now. */
  utimes(path: Path, mtimeNs: bigint): void {
    const inode = this.#volume.get(this.#volume.tree, path)
    inode.mtimeNs = this.#volume.stored(mtimeNs)
    inode.ctimeNs = this.#volume.stamp()
  }

  /** Another file system is mounted at the path from now on. */
  mount(path: Path): void {
    this.#volume.get(this.#volume.tree, path).mount = true
  }

  #make(kind: 'file' | 'link' | 'other', mode: number): Inode {
    return this.#volume.make(kind, mode)
  }
}

/** A person's open file: writes reach the inode whatever happened to its name. */
export class PersonFile {
  readonly inode: Inode
  readonly #volume: MemoryVolume
  readonly #people: People

  constructor(volume: MemoryVolume, people: People, inode: Inode) {
    this.inode = inode
    this.#volume = volume
    this.#people = people
    volume.opened(inode)
    inode.holders++
  }

  truncate(): void {
    this.#set(empty)
  }

  /** Appends; an editor's write in place is `truncate` and then this, in as many steps as it likes. */
  write(bytes: Uint8Array): void {
    this.#set(Buffer.concat([this.inode.bytes, bytes]))
  }

  close(): void {
    this.inode.holders--
    this.#volume.closed(this.inode)
  }

  #set(after: Buffer): void {
    const before = this.inode.bytes
    this.#volume.setBytes(this.inode, after)
    this.#people.observer?.wrote(this.inode, before, after)
  }
}
