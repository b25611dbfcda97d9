import fs from 'node:fs'
import { type Clock, systemClock } from '../base/clock.ts'
import { errnoOf, UserError } from '../base/errors.ts'
import { decodePath, joinPath, nameOf, type Path, parentOf } from '../core/path.ts'
import {
  type Disk,
  type ExchangePair,
  inTree,
  type Listed,
  type ListedStat,
  type NewFile,
  type OpenFile,
  type PatchedFile,
  type Place,
  type Stat,
} from './disk.ts'
import { probeFileSystem } from './file-system-probe.ts'
import type { Folders } from './folders.ts'
import { Mounts } from './mounts.ts'
import { type NativePath, nativePath } from './native-path.ts'
import {
  createFile,
  openFile,
  patchFile,
  readFile,
  readFileInto,
  syncToDevice,
  toListedStat,
  toStat,
} from './node-file.ts'
import { openFolders } from './node-folders.ts'
import { readEntries, readNames } from './node-listing.ts'
import { NodePlaces } from './node-places.ts'
import { NodePlacing, type PlaceFiles } from './node-placing.ts'
import { explained, leavePrivateFolder, type PrivateFolderChoice } from './private-folder.ts'
import { systemError } from './system-error.ts'
import { probeTimestampGranule } from './timestamp-granule.ts'

/**
 * Exchanges names, given as absolute paths, which goes on until what is returned was called.
 * @returns gives for each pair nothing, or a code, as {@link Disk.exchange} does
 */
export type ExchangeNames = (pairs: readonly NamePair[]) => () => (string | undefined)[]

/** Two absolute paths, as bytes. */
export type NamePair = readonly [one: Buffer, other: Buffer]

/** Fewer than folders stay open: until it is done each must. */
const exchangedAtOnceMax = 64

export interface NodeDiskOptions {
  /** An existing folder. */
  root: string
  /** Where what sync works on is kept; `in-root` when absent, which is right in a pod. */
  privateFolder?: PrivateFolderChoice
  clock?: Clock
  platform?: NodeJS.Platform
  /** Contents of `/proc/self/mountinfo`. */
  readMountinfo?: () => Buffer
  /** Exchanges two names, see {@link Disk.exchange}; what Node cannot. */
  exchange?: ExchangeNames
  /** Does that for many files that it makes, see {@link Disk.beginPlacing}. */
  place?: PlaceFiles
  openFolders?: (root: string, platform: NodeJS.Platform) => Folders
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
  throw new UserError('state', `the synced folder ${path} is not a folder`)
}

/** {@link Disk} over a real folder; see `node-folders.ts` for how calls are kept inside it. */
export class NodeDisk implements Disk {
  /** Absolute real path. */
  readonly rootPath: string
  readonly timestampGranuleNs: bigint
  readonly umask: number
  readonly modesKept: boolean
  /** `A` and `a` are one name in this folder: it needs `exactDisk`. */
  readonly foldsCase: boolean
  readonly #folders: Folders
  readonly #places: NodePlaces
  readonly #mounts: Mounts
  readonly exchange: Disk['exchange']
  readonly beginExchange: Disk['beginExchange']
  readonly beginPlacing: Disk['beginPlacing']
  /** Where the mount table cannot be read: another device below the root is a mount. */
  readonly #rootDevice: bigint | undefined
  /** Private names that hold files of ours, so that moving them needs no look at what they are. */
  readonly #ownFiles = new Set<string>()

  /** @param root absolute real path */
  constructor(root: string, options: NodeDiskOptions) {
    const platform = options.platform ?? process.platform
    this.rootPath = root
    this.umask = process.umask()
    const { exchange, place } = options
    this.beginExchange = exchange && (pairs => this.#beginExchange(pairs, exchange))
    this.exchange = exchange && (pairs => this.#beginExchange(pairs, exchange)())
    this.#mounts = new Mounts(root, options.clock ?? systemClock, options.readMountinfo)
    this.#folders = (options.openFolders ?? openFolders)(root, platform)
    try {
      this.#rootDevice = platform === 'linux' ? undefined : fs.statSync(nativePath(root), { bigint: true }).dev
      const foldsCase = platform === 'darwin' || platform === 'win32'
      const choice = options.privateFolder ?? 'in-root'
      this.#places = explained(root, () => new NodePlaces(this.#folders, this.#mounts, choice, { foldsCase }))
      const placing = place && new NodePlacing(this.#places, this.#mounts, place)
      this.beginPlacing = placing && (files => placing.begin(files))
      const prefix = this.#places.standingPrivatePrefix()
      this.timestampGranuleNs = explained(root, () => probeTimestampGranule(prefix, this.#mounts.fileSystem))
      const habits = explained(root, () => probeFileSystem(prefix))
      this.modesKept = habits.modesKept
      this.foldsCase = habits.foldsCase
    } catch (error) {
      this.#folders.close()
      throw error
    }
  }

  /** Our private folder's place below the root. */
  get privatePath(): Path {
    return this.#places.privatePath
  }

  /** A path as the folders on it spell it; null where nothing stands. For systems whose real paths tell (macOS, Windows). */
  spellingOf(path: Path): Path | null {
    if (path === '') return ''
    const stat = this.stat(inTree(path))
    if (stat === null) return null
    const native = nativePath(joinPath(this.rootPath, path))
    if (stat.kind !== 'link' && typeof native === 'string')
      return pathBelow(this.rootPath, fs.realpathSync.native(native))
    const dir = this.spellingOf(parentOf(path))
    const isListed = dir !== null && this.list(dir).some(({ name }) => name === nameOf(path))
    return isListed ? joinPath(dir, nameOf(path)) : null
  }

  /** Reads the mount table again; otherwise that is done every few seconds. */
  refreshMounts(): void {
    this.#mounts.refresh()
  }

  /** Removes our private folder where nothing is kept in it; the next run makes it again. */
  removeEmptyPrivateFolder(): void {
    try {
      leavePrivateFolder(this.#folders, this.privatePath, this.#places.standingPrivatePrefix())
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      // It stays: it only looks untidy.
    }
  }

  close(): void {
    this.#places.close()
    this.#folders.close()
  }

  newTurn(): void {
    this.#folders.newTurn?.()
  }

  list(dir: Path, unchecked?: 'unchecked'): Listed[] {
    this.#mounts.refreshIfOld()
    const prefix = (unchecked && this.#places.byName(dir)) ?? this.#places.enter(dir)
    return this.#places
      .shown(dir, readEntries(prefix), entry => entry.name)
      .map(({ name, kind }) => ({ name, kind, mount: kind === 'dir' && this.#isMountedFolder(dir, prefix, name) }))
  }

  #isMountedFolder(dir: Path, prefix: string, name: string): boolean {
    // The mount table knows; without one the folder itself is asked.
    if (this.#rootDevice === undefined) return !this.#mounts.isEmpty && this.#mounts.has(joinPath(dir, name))
    const stat = fs.lstatSync(nativePath(prefix + name), bigintOrNothing)
    return stat !== undefined && this.#isMount(dir, name, stat)
  }

  listStats(dir: Path, names?: readonly string[]): ListedStat[] {
    this.#mounts.refreshIfOld()
    // Once more where a folder kept open was replaced by another one of its name.
    for (let attempt = 0; attempt < 2; attempt++) {
      const listed = this.#readStats(dir, names)
      if (this.#folders.stands(dir)) {
        if (Array.isArray(listed)) return listed
        throw listed.error
      }
      this.#folders.enter(dir)
    }
    throw systemError('ENOTDIR', `${JSON.stringify(dir)} was moved while it was read`)
  }

  /** Of no value unless the folder stands afterwards; an error is kept until that is known. */
  #readStats(dir: Path, names?: readonly string[]): ListedStat[] | { error: unknown } {
    const { prefix, byName } = this.#places.peek(dir)
    const listed: ListedStat[] = []
    try {
      for (const name of names ?? this.#places.shown(dir, readNames(prefix), name => name)) {
        const stat = fs.lstatSync(nativePath(byName + name), bigintOrNothing)
        if (stat !== undefined) listed.push(toListedStat(name, stat, this.#isMount(dir, name, stat)))
      }
    } catch (error) {
      return { error }
    }
    return listed
  }

  stat(at: Place): Stat | null {
    return this.#statOf(at, () => this.#places.locate(at).native)
  }

  glance(path: Path): Stat | null {
    const at = inTree(path)
    return this.#statOf(at, () => this.#places.glance(at))
  }

  #statOf(at: Place, native: () => NativePath): Stat | null {
    try {
      const stat = fs.lstatSync(native(), bigintOrNothing)
      if (stat === undefined) return null
      this.#mounts.refreshIfOld()
      return toStat(stat, at.area === 'tree' && this.#isMount('', at.path, stat))
    } catch (error) {
      const code = errnoOf(error)
      if (code === 'ENOENT' || code === 'ENOTDIR') return null
      throw error
    }
  }

  open(at: Place): OpenFile {
    return openFile(this.#places.locate(at).native)
  }

  read(at: Place, length: number): { bytes: Buffer; stat: Stat } {
    return readFile(this.#places.locate(at).native, length)
  }

  readInto(at: Place, target: Buffer): Stat | undefined {
    return readFileInto(this.#places.glance(at), target)
  }

  readlink(at: Place): string {
    return decodePath(fs.readlinkSync(this.#places.locate(at).native, 'buffer'))
  }

  create(name: string, mode?: number): NewFile {
    const file = this.#places.withPrivate(() => createFile(this.#places.inOwn(name).native, mode))
    // What is inside a folder is moved with it.
    if (!name.includes('/')) this.#ownFiles.add(name)
    return file
  }

  patch(name: string): PatchedFile {
    return patchFile(this.#places.inOwn(name).native)
  }

  listOwn(): string[] {
    return readNames(this.#places.standingPrivatePrefix()).filter(name => !name.startsWith('.'))
  }

  mkdirOwn(name: string): void {
    this.#places.withPrivate(() => fs.mkdirSync(this.#places.inOwn(name).native))
  }

  removeOwn(name: string): void {
    fs.rmSync(this.#places.inOwn(name).native, { recursive: true, force: true })
  }

  groupsAlike(dir: Path): boolean {
    const [there, here] = [dir, this.privatePath].map(folder => {
      this.#folders.enter(folder)
      return this.#folders.inheritedGroup(folder)
    })
    return there === here
  }

  mkdir(path: Path): void {
    const { native, dir } = this.#places.inTree(path)
    fs.mkdirSync(native)
    this.#folders.confirm(dir)
  }

  rmdir(path: Path): void {
    const { native, dir } = this.#places.inTree(path)
    fs.rmdirSync(native)
    this.#folders.forget(path, true)
    this.#folders.confirm(dir)
  }

  symlink(target: string, at: Place): void {
    this.#places.withPrivate(() => {
      const { native, dir } = this.#places.locate(at)
      fs.symlinkSync(nativePath(target), native)
      if (dir !== undefined) this.#folders.confirm(dir)
    })
  }

  link(from: Place, to: Place): void {
    this.#places.withPrivate(() => {
      const [source, target] = this.#places.locateBoth(from, to)
      if (from.area === 'own' && target.dir !== undefined) this.#adoptGroup(source.native, target.dir)
      fs.linkSync(source.native, target.native)
      if (target.dir !== undefined) this.#folders.confirm(target.dir)
    })
  }

  rename(from: Place, to: Place): void {
    const isFile = from.area === 'own' && this.#ownFiles.has(from.name)
    this.#places.withPrivate(() => {
      const [source, target] = this.#places.locateBoth(from, to)
      const isFolder = !isFile && isMovableFolder(source.native, target.native)
      if (from.area === 'own' && target.dir !== undefined) this.#adoptGroup(source.native, target.dir)
      fs.renameSync(source.native, target.native)
      if (isFolder && from.area === 'tree') this.#folders.forget(from.path)
      if (target.dir !== undefined) this.#folders.confirm(target.dir)
    })
    if (from.area === 'own') this.#ownFiles.delete(from.name)
    if (to.area === 'own') this.#ownFiles.delete(to.name)
  }

  replace(own: string, path: Path, isExpected: (now: Stat) => boolean): boolean {
    this.#mounts.refreshIfOld()
    const isDone = this.#places.withPrivate(() => {
      const { native: source } = this.#places.inOwn(own)
      const { native: target, dir } = this.#places.inTree(path)
      this.#adoptGroup(source, dir)
      const now = fs.lstatSync(target, bigintOrNothing)
      if (now === undefined || !isExpected(toStat(now, this.#isMount('', path, now)))) return false
      fs.renameSync(source, target)
      this.#folders.confirm(dir)
      return true
    })
    if (isDone) this.#ownFiles.delete(own)
    return isDone
  }

  /** Of more than can be under way at once only the last ones are when it returns. */
  #beginExchange(pairs: readonly ExchangePair[], exchange: ExchangeNames): () => (string | undefined)[] {
    const codes: (string | undefined)[] = []
    let at = 0
    for (; pairs.length - at > exchangedAtOnceMax; at += exchangedAtOnceMax)
      codes.push(...this.#beginExchangeAtOnce(pairs.slice(at, at + exchangedAtOnceMax), exchange)())
    const end = this.#beginExchangeAtOnce(pairs.slice(at), exchange)
    return () => [...codes, ...end()]
  }

  #beginExchangeAtOnce(pairs: readonly ExchangePair[], exchange: ExchangeNames): () => (string | undefined)[] {
    const entered = new Map<Path, string>()
    const located: NamePair[] = []
    const codes = pairs.map(({ own, path }): string | undefined => {
      try {
        const { native: source } = this.#places.inOwn(own)
        const { native: target, dir } = this.#places.inTree(path, entered)
        this.#adoptGroup(source, dir)
        located.push([Buffer.from(source), Buffer.from(target)])
        return 'located'
      } catch (error) {
        const code = errnoOf(error)
        if (code === undefined) throw error
        return code
      }
    })
    const release = this.#folders.hold?.()
    const end = exchange(located)
    return () => {
      const results = end()
      release?.()
      let at = 0
      for (const [i, { own, path }] of pairs.entries()) {
        if (codes[i] !== 'located') continue
        codes[i] = results[at++]
        // What stood there may be anything.
        this.#ownFiles.delete(own)
        this.#folders.confirm(parentOf(path))
      }
      return codes
    }
  }

  nudge(own: string): void {
    const { native } = this.#places.inOwn(own)
    const stat = fs.lstatSync(native)
    // The permissions that it has: inotify tells of that as a change of attributes.
    if (stat.isFile()) fs.chmodSync(native, stat.mode & 0o7777)
  }

  unlink(at: Place): void {
    const { native, dir } = this.#places.locate(at)
    fs.unlinkSync(native)
    if (at.area === 'own') this.#ownFiles.delete(at.name)
    if (dir !== undefined) this.#folders.confirm(dir)
  }

  sync(at: Place): void {
    const { native, prefix } = this.#places.locate(at)
    syncToDevice(native)
    syncToDevice(nativePath(prefix))
  }

  #isMount(dir: Path, name: string, stat: fs.BigIntStats): boolean {
    if (!this.#mounts.isEmpty && this.#mounts.has(joinPath(dir, name))) return true
    return this.#rootDevice !== undefined && name !== '' && stat.isDirectory() && stat.dev !== this.#rootDevice
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
}

const bigintOrNothing = { bigint: true, throwIfNoEntry: false } as const

/**
 * Whether a folder is about to be moved.
 * @throws EEXIST where it would take the place of another one, which rename(2) allows when that is empty
 */
function isMovableFolder(source: NativePath, target: NativePath): boolean {
  if (!fs.lstatSync(source, { throwIfNoEntry: false })?.isDirectory()) return false
  if (!fs.lstatSync(target, { throwIfNoEntry: false })?.isDirectory()) return true
  throw systemError('EEXIST', 'a folder is there')
}

/** @param root as the system spells it; `/` and `D:\\` end in what parts names */
export function pathBelow(root: string, real: string): Path {
  return real.slice(/[\\/]$/.test(root) ? root.length : root.length + 1).replaceAll('\\', '/')
}
