import fs from 'node:fs'
import { errnoOf } from '../base/errors.ts'
import type { EntryKind, ListedStat, NewFile, OpenFile, PatchedFile, Stat } from './disk.ts'
import type { NativePath } from './native-path.ts'
import { systemError } from './system-error.ts'

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL } = fs.constants
// Windows has neither of the two.
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants

/** @throws EINVAL for anything but a regular file: neither follows a link nor waits for a FIFO's other end */
export function openFile(path: NativePath): OpenFile {
  const descriptor = openDescriptor(path)
  try {
    const stat = fs.fstatSync(descriptor, { bigint: true })
    if (!stat.isFile()) throw notRegular()
    if (O_NOFOLLOW === 0) assertSameFile(path, stat)
    return new NodeOpenFile(descriptor, toStat(stat, false))
  } catch (error) {
    fs.closeSync(descriptor)
    throw error
  }
}

function openDescriptor(path: NativePath, access = O_RDONLY): number {
  try {
    return fs.openSync(path, access | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    const code = errnoOf(error)
    // ELOOP is a link, ENXIO a socket.
    if (code === 'ELOOP' || code === 'ENXIO' || code === 'EISDIR') throw notRegular()
    throw error
  }
}

/** Without O_NOFOLLOW: what was opened must be what has the name, not what a link leads to. */
function assertSameFile(path: NativePath, opened: fs.BigIntStats): void {
  const named = fs.lstatSync(path, { bigint: true })
  if (named.ino !== opened.ino || named.dev !== opened.dev) throw notRegular()
}

/** See `Disk.read`. */
export function readFile(path: NativePath, length: number): { bytes: Buffer; stat: Stat } {
  const buffer = Buffer.allocUnsafe(length)
  const { filled, stat } = readWithStat(path, buffer)
  return { bytes: trimmed(buffer, filled), stat }
}

/** See `Disk.readInto`. */
export function readFileInto(path: NativePath, target: Buffer): Stat | undefined {
  const { filled, stat } = readWithStat(path, target)
  return filled === target.length ? stat : undefined
}

function readWithStat(path: NativePath, target: Buffer): { filled: number; stat: Stat } {
  const descriptor = openDescriptor(path)
  try {
    const filled = fill(target, descriptor, 0)
    const stat = fs.fstatSync(descriptor, bigint)
    if (!stat.isFile()) throw notRegular()
    if (O_NOFOLLOW === 0) assertSameFile(path, stat)
    return { filled, stat: toStat(stat, false) }
  } catch (error) {
    throw unreadable.has(errnoOf(error) ?? '') ? notRegular() : error
  } finally {
    fs.closeSync(descriptor)
  }
}

/** What reading a folder, a FIFO or a terminal ends in. */
const unreadable = new Set(['EISDIR', 'ESPIPE', 'EAGAIN'])

function notRegular(): Error {
  return systemError('EINVAL', 'not a regular file')
}

/** Shorter only at the end of the file. */
function readUpTo(descriptor: number, offset: number, length: number, into?: Buffer): Buffer {
  if (into !== undefined) return into.subarray(0, fill(into.subarray(0, length), descriptor, offset))
  const buffer = Buffer.allocUnsafe(length)
  return trimmed(buffer, fill(buffer, descriptor, offset))
}

/** @returns how many bytes there were; fewer than there is room for only at the end of the file */
function fill(target: Buffer, descriptor: number, offset: number): number {
  let filled = 0
  while (filled < target.length) {
    const count = fs.readSync(descriptor, target, filled, target.length - filled, offset + filled)
    if (count === 0) break
    filled += count
  }
  return filled
}

function trimmed(buffer: Buffer, filled: number): Buffer {
  // A short read must not keep a large buffer alive.
  return filled < buffer.length / 2 ? Buffer.from(buffer.subarray(0, filled)) : buffer.subarray(0, filled)
}

class NodeOpenFile implements OpenFile {
  readonly opened: Stat
  #descriptor: number

  constructor(descriptor: number, opened: Stat) {
    this.#descriptor = descriptor
    this.opened = opened
  }

  stat(): Stat {
    return toStat(fs.fstatSync(this.#descriptor, { bigint: true }), false)
  }

  read(offset: number, length: number, into?: Buffer): Buffer {
    return readUpTo(this.#descriptor, offset, length, into)
  }

  close(): void {
    if (this.#descriptor < 0) return
    const descriptor = this.#descriptor
    this.#descriptor = -1
    fs.closeSync(descriptor)
  }
}

/** @throws EEXIST */
export function createFile(path: NativePath, mode = 0o600): NewFile {
  return new NodeNewFile(fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode))
}

/** See `Disk.patch`. */
export function patchFile(path: NativePath): PatchedFile {
  const descriptor = openDescriptor(path, O_RDWR)
  try {
    const stat = fs.fstatSync(descriptor, bigint)
    if (!stat.isFile()) throw notRegular()
    if (O_NOFOLLOW === 0) assertSameFile(path, stat)
    return new NodePatchedFile(descriptor)
  } catch (error) {
    fs.closeSync(descriptor)
    throw error
  }
}

class NodeNewFile implements NewFile {
  #descriptor: number

  constructor(descriptor: number) {
    this.#descriptor = descriptor
  }

  /** -1, which every call refuses, when it is closed. */
  protected get descriptor(): number {
    return this.#descriptor
  }

  write(bytes: Uint8Array): void {
    let written = 0
    while (written < bytes.length) written += fs.writeSync(this.#descriptor, bytes, written)
  }

  finish(options: { mode: number; mtimeMs: number }): Stat {
    const seconds = options.mtimeMs / 1000
    withoutRight(() => fs.futimesSync(this.#descriptor, seconds, seconds))
    let stat = this.#stat()
    // Most often it was created with them.
    if ((stat.mode & 0o777) !== (options.mode & 0o777)) {
      withoutRight(() => fs.fchmodSync(this.#descriptor, options.mode & 0o777))
      stat = this.#stat()
    }
    // NFS and quotas may tell only here that the bytes could not be kept.
    this.close()
    return stat
  }

  close(): void {
    if (this.#descriptor < 0) return
    const descriptor = this.#descriptor
    this.#descriptor = -1
    fs.closeSync(descriptor)
  }

  #stat(): Stat {
    return toStat(fs.fstatSync(this.#descriptor, bigint), false)
  }
}

class NodePatchedFile extends NodeNewFile implements PatchedFile {
  size(): number {
    return fs.fstatSync(this.descriptor).size
  }

  read(offset: number, length: number, into?: Buffer): Buffer {
    return readUpTo(this.descriptor, offset, length, into)
  }

  override write(bytes: Uint8Array): void {
    this.writeAt(this.size(), bytes)
  }

  writeAt(offset: number, bytes: Uint8Array): void {
    let written = 0
    while (written < bytes.length) {
      written += fs.writeSync(this.descriptor, bytes, written, bytes.length - written, offset + written)
    }
  }

  resize(size: number): void {
    fs.ftruncateSync(this.descriptor, size)
  }
}

const bigint = { bigint: true } as const

/** Some users and file systems may not set mode or times; the content counts. */
function withoutRight(change: () => void): void {
  try {
    change()
  } catch (error) {
    if (!['EPERM', 'EACCES', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL'].includes(errnoOf(error) ?? '')) throw error
  }
}

export function toStat(stat: fs.BigIntStats, mount: boolean): Stat {
  const mode = Number(stat.mode)
  return {
    kind: kindOfMode(mode),
    size: Number(stat.size),
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    ino: stat.ino,
    mode: mode & 0o7777,
    mount,
  }
}

export function toListedStat(name: string, stat: fs.BigIntStats, mount: boolean): ListedStat {
  const mode = Number(stat.mode)
  return {
    name,
    kind: kindOfMode(mode),
    size: Number(stat.size),
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    ino: stat.ino,
    mode: mode & 0o7777,
    mount,
  }
}

/** @param mode with the kind of file in it, as stat(2) gives it */
export function kindOfMode(mode: number): EntryKind {
  switch (mode & 0o170000) {
    case 0o100000:
      return 'file'
    case 0o040000:
      return 'dir'
    case 0o120000:
      return 'link'
    default:
      return 'other'
  }
}

/** fsync of a file or folder; what cannot be opened for that (links, folders on Windows) is kept by its folder. */
export function syncToDevice(path: NativePath): void {
  let descriptor: number
  try {
    descriptor = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    if (['ELOOP', 'EISDIR', 'EPERM'].includes(errnoOf(error) ?? '')) return
    throw error
  }
  try {
    fs.fsyncSync(descriptor)
  } catch (error) {
    if (!['EINVAL', 'EPERM', 'ENOTSUP'].includes(errnoOf(error) ?? '')) throw error
  } finally {
    fs.closeSync(descriptor)
  }
}
