import fs from 'node:fs'
import { errnoOf } from '../base/errors.ts'
import { encodePath, isWithin, type Path } from '../core/path.ts'
import type { Folders, PinnedFolder } from './folders.ts'
import { nativePath } from './native-path.ts'
import { systemError } from './system-error.ts'

/** How many folders stay open. */
export interface KeptOpen {
  min: number
  max: number
  /** With so many descriptors open in the whole process it is {@link min}: each new one is the lowest that is free. */
  descriptorsInUse: number
}

/**
 * Folders as `O_PATH` descriptors, their entries as `/proc/<pid>/fd/<n>/name`: whatever happens to the names above, a
 * call acts in that very folder. Before each use the kernel is asked where the descriptor now stands; a folder that was
 * reached through a link, moved or removed does not stand at root + path.
 */
export class LinuxFolders implements Folders {
  readonly #rootPath: string
  readonly #descriptors: string
  readonly #root: Handle
  /** Least recently used first. */
  readonly #handles = new Map<Path, Handle>()
  #latest: Handle | undefined
  #turn = 0
  /** Descriptors that are to be closed when nobody else uses them any more; undefined where nobody does. */
  #closing: number[] | undefined

  readonly #kept: KeptOpen

  /** @param descriptors `/proc/<our process>/fd/` */
  constructor(root: string, descriptors: string, kept: KeptOpen) {
    this.#kept = kept
    this.#rootPath = root === '/' ? '' : root
    this.#descriptors = descriptors
    this.#root = this.#handle('', fs.openSync(nativePath(root), openFolderFlags))
  }

  enter(dir: Path): string {
    if (dir === '') {
      if (!this.#stands(this.#root)) throw systemError('ESTALE', 'the synced folder was moved or removed')
      return this.#root.prefix
    }
    return this.#entered(dir).prefix
  }

  peek(dir: Path): { prefix: string; byName: string } {
    const isTooLong = isTooLongForKernel(this.#rootPath, dir)
    if (dir === '' || isTooLong) {
      const prefix = this.enter(dir)
      return { prefix, byName: isTooLong ? prefix : `${this.#rootPath}/` }
    }
    let handle = this.#handles.get(dir)
    if (handle === undefined) {
      handle = this.#openUnchecked(dir)
      this.#keep(handle)
    }
    return { prefix: handle.prefix, byName: `${this.#placeOf(dir)}/` }
  }

  byName(dir: Path): string | undefined {
    return isTooLongForKernel(this.#rootPath, dir) ? undefined : `${this.#placeOf(dir)}/`
  }

  newTurn(): void {
    this.#turn += 1
  }

  stands(dir: Path): boolean {
    const handle = dir === '' ? this.#root : this.#handles.get(dir)
    return handle !== undefined && (handle.place === undefined || this.#standsNow(handle))
  }

  // The descriptor is the folder, wherever its name went meanwhile: the change took place before that move.
  confirm(): void {}

  hold(): () => void {
    const closing: number[] = []
    this.#closing = closing
    return () => {
      if (this.#closing === closing) this.#closing = undefined
      for (const descriptor of closing.splice(0)) fs.closeSync(descriptor)
    }
  }

  pin(dir: Path): PinnedFolder {
    const handle = this.#open(dir)
    return {
      enter: () => handle.prefix,
      stands: () => this.#stands(handle),
      close: () => fs.closeSync(handle.descriptor),
    }
  }

  inheritedGroup(dir: Path): number | undefined {
    const handle = dir === '' ? this.#root : this.#handles.get(dir)
    if (handle === undefined) return undefined
    if (handle.group === undefined) {
      const stat = fs.fstatSync(handle.descriptor)
      handle.group = (stat.mode & setGroupIdBit) === 0 ? 'own' : stat.gid
    }
    return handle.group === 'own' ? undefined : handle.group
  }

  forget(dir: Path, alone = false): void {
    if (alone) this.#drop(dir)
    else for (const path of [...this.#handles.keys()]) if (isWithin(path, dir)) this.#drop(path)
  }

  close(): void {
    for (const path of [...this.#handles.keys()]) this.#drop(path)
    fs.closeSync(this.#root.descriptor)
  }

  #entered(dir: Path): Handle {
    const handle = this.#latest?.dir === dir ? this.#latest : this.#handles.get(dir)
    if (handle === undefined) return this.#keep(this.#open(dir))
    if (!this.#stands(handle)) {
      this.#drop(dir)
      return this.#keep(this.#open(dir))
    }
    if (handle === this.#latest) return handle
    this.#handles.delete(dir)
    return this.#keep(handle)
  }

  #keep(handle: Handle): Handle {
    this.#handles.set(handle.dir, handle)
    this.#latest = handle
    const most = handle.descriptor < this.#kept.descriptorsInUse ? this.#kept.max : this.#kept.min
    // One more than came: where others need descriptors it becomes fewer.
    for (let left = 2; left > 0 && this.#handles.size > most; left--) this.#drop(this.#handles.keys().next().value!)
    return handle
  }

  #drop(dir: Path): void {
    const handle = this.#handles.get(dir)
    if (handle === undefined) return
    this.#handles.delete(dir)
    if (this.#latest === handle) this.#latest = undefined
    if (this.#closing === undefined) fs.closeSync(handle.descriptor)
    else this.#closing.push(handle.descriptor)
  }

  #open(dir: Path): Handle {
    if (isTooLongForKernel(this.#rootPath, dir)) return this.#walk(dir)
    const handle = this.#openUnchecked(dir)
    if (this.#stands(handle)) return handle
    fs.closeSync(handle.descriptor)
    this.enter('')
    throw systemError('ENOTDIR', `a link is in the way to ${JSON.stringify(dir)}`)
  }

  #openUnchecked(dir: Path): Handle {
    try {
      return this.#handle(dir, fs.openSync(nativePath(this.#root.prefix + dir), openFolderFlags))
    } catch (error) {
      // Below a root that is gone nothing is there either; that must not look like a deletion.
      this.enter('')
      throw error
    }
  }

  /** Component by component, for paths that no single call takes; where such a folder stands cannot be asked later. */
  #walk(dir: Path): Handle {
    let descriptor = fs.openSync(this.enter(''), openFolderFlags)
    for (const name of dir.split('/')) {
      const parent = descriptor
      try {
        descriptor = fs.openSync(nativePath(`${this.#descriptors}${parent}/${name}`), openFolderFlags)
      } finally {
        fs.closeSync(parent)
      }
    }
    return { ...this.#handle(dir, descriptor), place: undefined }
  }

  #handle(dir: Path, descriptor: number): Handle {
    const place = this.#placeOf(dir) || '/'
    return {
      dir,
      descriptor,
      prefix: `${this.#descriptors}${descriptor}/`,
      link: this.#descriptors + descriptor,
      place: isPlainText(place) ? place : encodePath(place),
      group: undefined,
      turn: 0,
    }
  }

  #placeOf(dir: Path): string {
    return dir === '' ? this.#rootPath : `${this.#rootPath}/${dir}`
  }

  /** Checked once in a turn; in every call where nobody tells of turns. */
  #stands(handle: Handle): boolean {
    if (this.#turn > 0 && handle.turn === this.#turn) return true
    if (!this.#standsNow(handle)) return false
    handle.turn = this.#turn
    return true
  }

  #standsNow(handle: Handle): boolean {
    const { place, link } = handle
    try {
      if (typeof place === 'string') return fs.readlinkSync(link) === place
      return place !== undefined && fs.readlinkSync(link, 'buffer').equals(place)
    } catch (error) {
      // The new place of a folder that was moved may be too long to be told.
      if (errnoOf(error) === 'ENAMETOOLONG') return false
      throw error
    }
  }
}

interface Handle {
  readonly dir: Path
  readonly descriptor: number
  readonly prefix: string
  readonly link: string
  /** Where it must stand; undefined: nobody can tell, so it is good for one call. */
  readonly place: string | Buffer | undefined
  group: number | 'own' | undefined
  /** The turn in which it was last seen to stand at its place. */
  turn: number
}

const setGroupIdBit = 0o2000

/** Linux's O_PATH (fcntl.h), which Node does not name: needs no right to read the folder, and opens nothing. */
const pathOnlyFlag = 0o10000000
const openFolderFlags = pathOnlyFlag | (fs.constants.O_DIRECTORY ?? 0) | (fs.constants.O_NOFOLLOW ?? 0)

/** PATH_MAX is 4,096 bytes, the closing NUL and the prefix of a descriptor included. */
const kernelPathBytesMax = 4_000

function isTooLongForKernel(root: string, dir: Path): boolean {
  const length = root.length + dir.length
  return length * 3 > kernelPathBytesMax && Buffer.byteLength(root) + Buffer.byteLength(dir) > kernelPathBytesMax
}

/** U+FFFD in what readlink gives may stand for any bytes. */
function isPlainText(place: string): boolean {
  return !/[\uDC80-\uDCFF\uFFFD]/.test(place)
}
