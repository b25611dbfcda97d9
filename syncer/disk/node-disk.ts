import fs from 'node:fs'
import { type Clock, systemClock } from '../base/clock.ts'
import { errnoOf } from '../base/errors.ts'
import { decodePath, type Path } from '../core/path.ts'
import { adoptGroup } from './adopt-group.ts'
import type { Disk, Listed, ListedStat, NewFile, OpenFile, PatchedFile, Place, Stat } from './disk.ts'
import { probeFileSystem } from './file-system-probe.ts'
import type { Folders } from './folders.ts'
import { Mounts } from './mounts.ts'
import { type NativePath, nativePath } from './native-path.ts'
import { type ExchangeNames, NodeExchange } from './node-exchange.ts'
import { createFile, openFile, patchFile, readFile, readFileInto, syncToDevice, toStat } from './node-file.ts'
import { openFolders } from './node-folders.ts'
import { readNames } from './node-listing.ts'
import { NodePlaces } from './node-places.ts'
import { NodePlacing, type PlaceFiles } from './node-placing.ts'
import { NodeRest } from './node-rest.ts'
import { bigintOrNothing, NodeStats } from './node-stats.ts'
import { explained, leavePrivateFolder, type PrivateFolderChoice } from './private-folder.ts'
import { realFolder } from './real-folder.ts'
import { spellingOf } from './spelling.ts'
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
  /** Exchanges two names, see {@link Disk.exchange}; what Node cannot. */
  exchange?: ExchangeNames
  /** Does that for many files that it makes, see {@link Disk.beginPlacing}, and tells of {@link Disk.isAtRest}. */
  place?: PlaceFiles
  openFolders?: (root: string, platform: NodeJS.Platform) => Folders
}

/** @throws UserError `not-found` without the folder, `state` where it cannot be used */
export function createNodeDisk(options: NodeDiskOptions): NodeDisk {
  return new NodeDisk(realFolder(options.root), options)
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
  readonly isAtRest: Disk['isAtRest']
  readonly #stats: NodeStats
  /** Private names that hold files of ours, so that moving them needs no look at what they are. */
  readonly #ownFiles = new Set<string>()

  /** @param root absolute real path */
  constructor(root: string, options: NodeDiskOptions) {
    const platform = options.platform ?? process.platform
    this.rootPath = root
    this.umask = process.umask()
    const { exchange, place } = options
    this.#mounts = new Mounts(root, options.clock ?? systemClock, options.readMountinfo)
    this.#folders = (options.openFolders ?? openFolders)(root, platform)
    try {
      const rootDevice = platform === 'linux' ? undefined : fs.statSync(nativePath(root), { bigint: true }).dev
      const foldsCase = platform === 'darwin' || platform === 'win32'
      const choice = options.privateFolder ?? 'in-root'
      this.#places = explained(root, () => new NodePlaces(this.#folders, this.#mounts, choice, { foldsCase }))
      this.#stats = new NodeStats(this.#folders, this.#places, this.#mounts, rootDevice)
      const released = (own: string) => this.#ownFiles.delete(own)
      const exchanging = exchange && new NodeExchange(this.#folders, this.#places, exchange, released)
      this.beginExchange = exchanging && (pairs => exchanging.begin(pairs))
      this.exchange = exchanging && (pairs => exchanging.begin(pairs)())
      const placing = place && new NodePlacing(this.#places, this.#mounts, place)
      this.beginPlacing = placing && (files => placing.begin(files))
      const rest =
        place && NodeRest.isKnownOn(this.#mounts.fileSystem) && new NodeRest(this.#places, this.#mounts, place)
      this.isAtRest = rest ? (path, stat) => rest.isAtRest(path, stat) : undefined
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
    return spellingOf(this, path)
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
    return this.#stats.list(dir, unchecked)
  }

  listStats(dir: Path, names?: readonly string[]): ListedStat[] {
    return this.#stats.listStats(dir, names)
  }

  stat(at: Place): Stat | null {
    return this.#stats.stat(at)
  }

  glance(path: Path): Stat | null {
    return this.#stats.glance(path)
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
      if (from.area === 'own' && target.dir !== undefined) adoptGroup(this.#folders, source.native, target.dir)
      fs.linkSync(source.native, target.native)
      if (target.dir !== undefined) this.#folders.confirm(target.dir)
    })
  }

  rename(from: Place, to: Place): void {
    const isFile = from.area === 'own' && this.#ownFiles.has(from.name)
    this.#places.withPrivate(() => {
      const [source, target] = this.#places.locateBoth(from, to)
      const isFolder = !isFile && isMovableFolder(source.native, target.native)
      if (from.area === 'own' && target.dir !== undefined) adoptGroup(this.#folders, source.native, target.dir)
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
      adoptGroup(this.#folders, source, dir)
      const now = fs.lstatSync(target, bigintOrNothing)
      if (now === undefined || !isExpected(toStat(now, this.#stats.isMount('', path, now)))) return false
      fs.renameSync(source, target)
      this.#folders.confirm(dir)
      return true
    })
    if (isDone) this.#ownFiles.delete(own)
    return isDone
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
}

/**
 * Whether a folder is about to be moved.
 * @throws EEXIST where it would take the place of another one, which rename(2) allows when that is empty
 */
function isMovableFolder(source: NativePath, target: NativePath): boolean {
  if (!fs.lstatSync(source, { throwIfNoEntry: false })?.isDirectory()) return false
  if (!fs.lstatSync(target, { throwIfNoEntry: false })?.isDirectory()) return true
  throw systemError('EEXIST', 'a folder is there')
}
