import type { NewFile, OpenFile, PatchedFile, Place, Stat } from './disk.ts'
import type { Inode } from './memory-inode.ts'
import type { DiskOperation } from './memory-operation.ts'
import { pathOf, rootOf } from './memory-place.ts'
import { type MemoryVolume, toNs } from './memory-volume.ts'
import { systemError } from './system-error.ts'

/** What a memory disk says of itself to its open files. */
export interface MemoryFilesOptions {
  /** Before each operation. @throws what it shall fail with */
  enter(operation: DiskOperation, at: Place): void
  statOf(inode: Inode): Stat
  modesKept(): boolean
  timesAllowed(): boolean
}

/** The engine's descriptors on a memory disk. */
export class MemoryFiles {
  readonly #volume: MemoryVolume
  readonly #disk: MemoryFilesOptions
  readonly #open = new Set<{ close(): void }>()

  constructor(volume: MemoryVolume, disk: MemoryFilesOptions) {
    this.#volume = volume
    this.#disk = disk
  }

  closeAll(): void {
    for (const file of this.#open) file.close()
  }

  open(at: Place): OpenFile {
    const { enter, statOf } = this.#disk
    enter('open', at)
    const inode = this.#volume.get(rootOf(this.#volume, at), pathOf(at))
    if (inode.kind !== 'file') throw systemError('EINVAL', pathOf(at))
    return this.#track(inode, close => ({
      opened: statOf(inode),
      stat: () => {
        enter('fstat', at)
        return statOf(inode)
      },
      read: (offset, length) => this.#read(inode, at, offset, length),
      close,
    }))
  }

  create(name: string, mode: number): NewFile {
    const volume = this.#volume
    const at: Place = { area: 'own', name }
    this.#disk.enter('create', at)
    const inode = volume.make('file', mode)
    volume.addName(volume.own, pathOf(at), inode)
    return this.#track(inode, close => this.#written(inode, at, close))
  }

  patch(name: string): PatchedFile {
    const { enter } = this.#disk
    const volume = this.#volume
    const at: Place = { area: 'own', name }
    enter('patch', at)
    const inode = volume.get(volume.own, pathOf(at))
    if (inode.kind !== 'file') throw systemError('EINVAL', name)
    return this.#track(inode, close => ({
      ...this.#written(inode, at, close),
      size: () => inode.bytes.length,
      read: (offset, length) => this.#read(inode, at, offset, length),
      writeAt: (offset, bytes) => {
        enter('write', at)
        const grown = Buffer.alloc(Math.max(inode.bytes.length, offset + bytes.length))
        inode.bytes.copy(grown)
        grown.set(bytes, offset)
        volume.setBytes(inode, grown)
      },
      resize: size => {
        enter('resize', at)
        const resized = Buffer.alloc(size)
        inode.bytes.copy(resized)
        volume.setBytes(inode, resized)
      },
    }))
  }

  #read(inode: Inode, at: Place, offset: number, length: number): Buffer {
    this.#disk.enter('read', at)
    return Buffer.from(inode.bytes.subarray(offset, offset + length))
  }

  #written(inode: Inode, at: Place, close: () => void): NewFile {
    const volume = this.#volume
    const { enter, statOf, modesKept, timesAllowed } = this.#disk
    return {
      write: bytes => {
        enter('write', at)
        volume.setBytes(inode, Buffer.concat([inode.bytes, bytes]))
      },
      finish: ({ mode, mtimeMs }) => {
        enter('finish', at)
        if (modesKept()) inode.mode = mode & 0o7777
        if (timesAllowed()) inode.mtimeNs = volume.stored(toNs(mtimeMs))
        inode.ctimeNs = volume.stamp()
        close()
        return statOf(inode)
      },
      close,
    }
  }

  /** Counts a descriptor of the engine, closed once by whoever comes first: the engine or its crash. */
  #track<T extends { close(): void }>(inode: Inode, make: (close: () => void) => T): T {
    this.#volume.opened(inode)
    const file = make(() => {
      if (this.#open.delete(file)) this.#volume.closed(inode)
    })
    this.#open.add(file)
    return file
  }
}
