import fs from 'node:fs'
import { type Clock, systemClock } from '../base/clock.ts'
import { errnoOf, UserError } from '../base/errors.ts'
import { decodePath, joinPath, nameOf, type Path, parentOf } from '../core/path.ts'
import type { Disk, EntryKind, Listed, ListedStat, NewFile, OpenFile, Place, Stat } from './disk.ts'
import { Mounts } from './mounts.ts'
import { type NativePath, nativePath } from './native-path.ts'
import { createFile, openFile, toStat } from './node-file.ts'
import { type Folders, openFolders, type PinnedFolder } from './node-folders.ts'
import { isPrivate, type PrivateFolderChoice, preparePrivateFolder } from './private-folder.ts'
import { systemError } from './system-error.ts'
import { probeTimestampGranule } from './timestamp-granule.ts'

export interface NodeDiskOptions {
  /** An existing folder. */
  root: string
  /** Where what sync works on is kept; `in-root` when absent, which is right in a pod. */
  privateFolder?: PrivateFolderChoice
  clock?: Clock
  platform?: NodeJS.Platform
  /** Contents of `/proc/self/mountinfo`. */
  readMountinfo?: () => Buffer
  folders?: (root: string, platform: NodeJS.Platform) => Folders
}

/** @throws UserError `not-found` without the folder, `state` where it cannot be used */
export function createNodeDisk(options: NodeDiskOptions): NodeDisk {
  return new NodeDisk(realFolder(options.root), options)
}

function realFolder(path: string): string {
  try {
    const real = fs.realpathSync.native(nativePath(path), 'buffer')
    if (fs.statSync(real).isDirectory()) return decodePath(real)
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    if (code !== 'ENOENT' && code !== 'ENOTDIR') {
      throw new UserError('state', `cannot open the synced folder ${path} (${code})`, { cause: error })
    }
    throw new UserError('not-found', `the synced folder ${path} does not exist`, { cause: error })
  }
  throw new UserError('state', `${path} is not a folder`)
}

/** {@link Disk} over a real folder; see `node-folders.ts` for how calls are kept inside it. */
export class NodeDisk implements Disk {
  /** Absolute real path. */
  readonly rootPath: string
  /** Our private folder's place below the root. */
  readonly privatePath: Path
  readonly timestampGranuleNs: bigint
  readonly umask: number
  readonly #folders: Folders
  readonly #mounts: Mounts
  readonly #foldsCase: boolean
  readonly #rootDevice: bigint | undefined
  readonly #choice: PrivateFolderChoice
  #private: PinnedFolder
  /** Private names that hold files of ours, so that moving them needs no look at what they are. */
  readonly #ownFiles = new Set<string>()

  /** @param root absolute real path */
  constructor(root: string, options: NodeDiskOptions) {
    const platform = options.platform ?? process.platform
    this.rootPath = root
    this.umask = process.umask()
    this.#foldsCase = platform === 'darwin' || platform === 'win32'
    this.#choice = options.privateFolder ?? 'in-root'
    this.#mounts = new Mounts(root, options.clock ?? systemClock, options.readMountinfo)
    this.#folders = (options.folders ?? openFolders)(root, platform)
    try {
      this.#rootDevice = platform === 'linux' ? undefined : fs.statSync(nativePath(root), { bigint: true }).dev
      this.privatePath = preparePrivateFolder(this.#folders, this.#mounts, this.#choice)
      this.#private = this.#folders.pin(this.privatePath)
      this.timestampGranuleNs = probeTimestampGranule(this.#private.enter(), this.#mounts.fileSystem)
    } catch (error) {
      this.#folders.close()
      throw error
    }
  }

  /** Reads the mount table again; otherwise that is done every few seconds. */
  refreshMounts(): void {
    this.#mounts.refresh()
  }

  close(): void {
    this.#private.close()
    this.#folders.close()
  }

  list(dir: Path): Listed[] {
    const { prefix } = this.#enterFolder(dir)
    const entries = fs.readdirSync(nativePath(prefix), { withFileTypes: true })
    const listed: Listed[] = []
    for (const entry of entries) {
      if (entry.name.includes('\uFFFD')) return this.#listBytes(dir, prefix)
      if (!this.#isHidden(dir, entry.name)) listed.push({ name: entry.name, kind: kindOfEntry(entry) })
    }
    return listed
  }

  #listBytes(dir: Path, prefix: string): Listed[] {
    const entries = fs.readdirSync(nativePath(prefix), { withFileTypes: true, encoding: 'buffer' })
    return entries
      .map(entry => ({ name: decodePath(entry.name), kind: kindOfEntry(entry) }))
      .filter(entry => !this.#isHidden(dir, entry.name))
  }

  listStats(dir: Path): ListedStat[] {
    const { prefix } = this.#enterFolder(dir)
    this.#mounts.refreshIfOld()
    const listed: ListedStat[] = []
    for (const name of readNames(prefix)) {
      if (this.#isHidden(dir, name)) continue
      const stat = fs.lstatSync(nativePath(prefix + name), bigintOrNothing)
      if (stat !== undefined) listed.push({ name, ...toStat(stat, this.#isMount(joinPath(dir, name), stat)) })
    }
    this.#folders.confirm(dir)
    return listed
  }

  stat(at: Place): Stat | null {
    try {
      const { native } = this.#locate(at)
      const stat = fs.lstatSync(native, bigintOrNothing)
      if (stat === undefined) return null
      this.#mounts.refreshIfOld()
      return toStat(stat, at.area === 'tree' && this.#isMount(at.path, stat))
    } catch (error) {
      const code = errnoOf(error)
      if (code === 'ENOENT' || code === 'ENOTDIR') return null
      throw error
    }
  }

  open(at: Place): OpenFile {
    return openFile(this.#locate(at).native)
  }

  readlink(at: Place): string {
    return decodePath(fs.readlinkSync(this.#locate(at).native, 'buffer'))
  }

  create(name: string): NewFile {
    assertFlat(name)
    const file = this.#inPrivate(() => createFile(nativePath(this.#private.enter() + name)))
    this.#ownFiles.add(name)
    return file
  }

  listOwn(): string[] {
    return this.#inPrivate(() => readNames(this.#private.enter()).filter(name => !name.startsWith('.')))
  }

  mkdir(path: Path): void {
    const { native, dir } = this.#locateTree(path)
    fs.mkdirSync(native)
    this.#folders.confirm(dir)
  }

  rmdir(path: Path): void {
    const { native, dir } = this.#locateTree(path)
    fs.rmdirSync(native)
    this.#folders.forget(path)
    this.#folders.confirm(dir)
  }

  symlink(target: string, at: Place): void {
    this.#inPrivate(() => {
      const { native, dir } = this.#locate(at)
      fs.symlinkSync(nativePath(target), native)
      if (dir !== undefined) this.#folders.confirm(dir)
    })
  }

  link(from: Place, to: Place): void {
    this.#inPrivate(() => {
      const [source, target] = this.#locateBoth(from, to)
      if (from.area === 'own' && target.dir !== undefined) this.#adoptGroup(source.native, target.dir)
      fs.linkSync(source.native, target.native)
      if (target.dir !== undefined) this.#folders.confirm(target.dir)
    })
  }

  rename(from: Place, to: Place): void {
    this.#inPrivate(() => {
      const [source, target] = this.#locateBoth(from, to)
      const isFile = from.area === 'own' && this.#ownFiles.has(from.name)
      if (!isFile) this.#assertReplaceable(source.native, target.native)
      if (from.area === 'own' && target.dir !== undefined) this.#adoptGroup(source.native, target.dir)
      fs.renameSync(source.native, target.native)
      if (!isFile && from.area === 'tree') this.#folders.forget(from.path)
      if (target.dir !== undefined) this.#folders.confirm(target.dir)
    })
    if (from.area === 'own') this.#ownFiles.delete(from.name)
    if (to.area === 'own') this.#ownFiles.delete(to.name)
  }

  unlink(at: Place): void {
    const { native, dir } = this.#locate(at)
    fs.unlinkSync(native)
    if (at.area === 'own') this.#ownFiles.delete(at.name)
    if (dir !== undefined) this.#folders.confirm(dir)
  }

  sync(at: Place): void {
    const { native, prefix } = this.#locate(at)
    syncToDevice(native)
    syncToDevice(nativePath(prefix))
  }

  #locate(at: Place): Located {
    if (at.area === 'tree') return this.#locateTree(at.path)
    assertFlat(at.name)
    const prefix = this.#private.enter()
    return { prefix, native: nativePath(prefix + at.name), dir: undefined }
  }

  #locateTree(path: Path): Located & { dir: Path } {
    this.#assertNotPrivate(path)
    const dir = parentOf(path)
    const prefix = this.#folders.enter(dir)
    return { prefix, native: nativePath(prefix + nameOf(path)), dir }
  }

  #locateBoth(from: Place, to: Place): [Located, Located] {
    const source = this.#locate(from)
    if (to.area === 'tree' && source.dir !== undefined && source.dir === parentOf(to.path)) {
      this.#assertNotPrivate(to.path)
      return [source, { ...source, native: nativePath(source.prefix + nameOf(to.path)) }]
    }
    return [source, this.#locate(to)]
  }

  #enterFolder(dir: Path): { prefix: string } {
    this.#assertNotPrivate(dir)
    return { prefix: this.#folders.enter(dir) }
  }

  #assertNotPrivate(path: Path): void {
    if (isPrivate(path, this.privatePath, this.#foldsCase))
      throw systemError('ENOENT', 'the private folder has no path')
  }

  #isHidden(dir: Path, name: string): boolean {
    return name.length <= this.privatePath.length && isPrivate(joinPath(dir, name), this.privatePath, this.#foldsCase)
  }

  #isMount(path: Path, stat: fs.BigIntStats): boolean {
    if (this.#mounts.has(path)) return true
    return this.#rootDevice !== undefined && path !== '' && stat.isDirectory() && stat.dev !== this.#rootDevice
  }

  /** rename(2) would let a folder take the place of an empty one. */
  #assertReplaceable(source: NativePath, target: NativePath): void {
    if (!fs.lstatSync(source, { throwIfNoEntry: false })?.isDirectory()) return
    if (fs.lstatSync(target, { throwIfNoEntry: false })?.isDirectory()) {
      throw systemError('EEXIST', 'a folder is there')
    }
  }

  /** What is moved into a folder with the set-group-id bit keeps its group; what is made in it gets the folder's. */
  #adoptGroup(file: NativePath, dir: Path): void {
    const group = this.#folders.inheritedGroup(dir)
    if (group === undefined) return
    try {
      fs.lchownSync(file, -1, group)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
    }
  }

  /** Does it once more where our private folder was removed meanwhile (`git clean -dfx`, `rm -rf .??*`). */
  #inPrivate<T>(call: () => T): T {
    try {
      return call()
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || this.#private.stands()) throw error
    }
    this.#ownFiles.clear()
    this.#private.close()
    preparePrivateFolder(this.#folders, this.#mounts, this.#choice)
    this.#private = this.#folders.pin(this.privatePath)
    return call()
  }
}

interface Located {
  native: NativePath
  /** What stands before the name. */
  prefix: string
  /** The folder in the tree; undefined in the private folder. */
  dir: Path | undefined
}

const bigintOrNothing = { bigint: true, throwIfNoEntry: false } as const

/** Private names are ours to choose; those with a dot in front are kept by the disk itself. */
function assertFlat(name: string): void {
  if (name === '' || name.startsWith('.') || /[/\\\0]/.test(name)) {
    throw systemError('EINVAL', `not a private name: ${JSON.stringify(name)}`)
  }
}

function readNames(prefix: string): string[] {
  const names = fs.readdirSync(nativePath(prefix))
  if (!names.some(name => name.includes('\uFFFD'))) return names
  return fs.readdirSync(nativePath(prefix), 'buffer').map(decodePath)
}

function kindOfEntry(entry: fs.Dirent<string> | fs.Dirent<Buffer>): EntryKind {
  if (entry.isFile()) return 'file'
  if (entry.isDirectory()) return 'dir'
  return entry.isSymbolicLink() ? 'link' : 'other'
}

function syncToDevice(path: NativePath): void {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants
  let descriptor: number
  try {
    descriptor = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    // A link is kept by its folder; Windows opens no folders.
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
