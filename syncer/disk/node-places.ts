import { errnoOf } from '../base/errors.ts'
import { hasOnlyNames, joinPath, nameOf, type Path, parentOf } from '../core/path.ts'
import type { Place } from './disk.ts'
import type { Folders, PinnedFolder } from './folders.ts'
import type { Mounts } from './mounts.ts'
import { type NativePath, nativePath } from './native-path.ts'
import { isPrivate, type PrivateFolderChoice, preparePrivateFolder, renewPrivateFolder } from './private-folder.ts'
import { systemError } from './system-error.ts'

/** Where a place is for the next system call; see {@link Folders.enter}. */
export interface Located {
  native: NativePath
  /** What stands before the name. */
  prefix: string
  /** The folder in the tree; undefined in the private folder. */
  dir: Path | undefined
}

/** Finds the places of both areas of a disk: the tree without the private folder, and the private folder. */
export class NodePlaces {
  readonly folders: Folders
  readonly #mounts: Mounts
  readonly #choice: PrivateFolderChoice
  readonly #foldsCase: boolean
  #privatePath: Path
  #private: PinnedFolder

  constructor(folders: Folders, mounts: Mounts, choice: PrivateFolderChoice, options: { foldsCase: boolean }) {
    this.folders = folders
    this.#mounts = mounts
    this.#choice = choice
    this.#foldsCase = options.foldsCase
    this.#privatePath = preparePrivateFolder(folders, mounts, choice)
    this.#private = folders.pin(this.#privatePath)
  }

  close(): void {
    this.#private.close()
  }

  /** Our private folder's place below the root. */
  get privatePath(): Path {
    return this.#privatePath
  }

  /** What stands before a name in a folder of the tree. */
  enter(dir: Path): string {
    this.#assertNotPrivate(dir)
    return this.folders.enter(dir)
  }

  /** See {@link Folders.peek}. */
  peek(dir: Path): { prefix: string; byName: string } {
    this.#assertNotPrivate(dir)
    return this.folders.peek(dir)
  }

  locate(at: Place): Located {
    return at.area === 'tree' ? this.inTree(at.path) : this.inOwn(at.name)
  }

  /** Where a file is that is looked at by its name alone, see {@link Folders.byName}. */
  glance(at: Place): NativePath {
    if (at.area === 'own') return this.inOwn(at.name).native
    const prefix = this.byName(parentOf(at.path))
    if (prefix === undefined) return this.inTree(at.path).native
    this.#assertNotPrivate(at.path)
    return nativePath(prefix + nameOf(at.path))
  }

  /** See {@link Folders.byName}. */
  byName(dir: Path): string | undefined {
    this.#assertNotPrivate(dir)
    return this.folders.byName?.(dir)
  }

  /** Two places that are used together. */
  locateBoth(from: Place, to: Place): [Located, Located] {
    const source = this.locate(from)
    // One folder is entered once: entering it again may end what the first time gave.
    if (to.area === 'tree' && source.dir !== undefined && source.dir === parentOf(to.path)) {
      this.#assertNotPrivate(to.path)
      return [source, { ...source, native: nativePath(source.prefix + nameOf(to.path)) }]
    }
    return [source, this.locate(to)]
  }

  /**
   * @param entered of places that are used at once: each folder is entered once, for entering it again may end what the
   *   first time gave
   */
  inTree(path: Path, entered?: Map<Path, string>): Located & { dir: Path } {
    this.#assertNotPrivate(path)
    const dir = parentOf(path)
    const prefix = entered?.get(dir) ?? this.folders.enter(dir)
    entered?.set(dir, prefix)
    return { prefix, native: nativePath(prefix + nameOf(path)), dir }
  }

  inOwn(name: string): Located {
    assertOwnName(name)
    const prefix = this.#private.enter()
    return { prefix, native: nativePath(prefix + name), dir: undefined }
  }

  /** Those of a folder's names that people may see. */
  shown<T>(dir: Path, entries: T[], name: (entry: T) => string): T[] {
    if (dir !== '' && !isPrivate(this.#privatePath, dir, this.#foldsCase)) return entries
    return entries.filter(entry => !isPrivate(joinPath(dir, name(entry)), this.#privatePath, this.#foldsCase))
  }

  /** Does it once more where our private folder was removed meanwhile (`git clean -dfx`, `rm -rf .??*`). */
  withPrivate<T>(call: () => T): T {
    try {
      return call()
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || this.#private.stands()) throw error
    }
    this.#renew()
    return call()
  }

  /** What stands before a private name, in a folder that is surely there: one that was removed still lists as empty. */
  standingPrivatePrefix(): string {
    if (!this.#private.stands()) this.#renew()
    return this.#private.enter()
  }

  #renew(): void {
    const place = renewPrivateFolder(this.folders, this.#mounts, this.#choice)
    const renewed = this.folders.pin(place)
    this.#private.close()
    this.#private = renewed
    this.#privatePath = place
  }

  /** True where the path is our private folder, or below it. */
  isPrivate(path: Path): boolean {
    return isPrivate(path, this.#privatePath, this.#foldsCase)
  }

  #assertNotPrivate(path: Path): void {
    if (this.isPrivate(path)) throw systemError('ENOENT', 'the private folder has no path')
  }
}

/** Private names are ours to choose, those with a dot in front are kept by the disk itself; in a folder any name goes. */
function assertOwnName(name: string): void {
  const backslash = name.indexOf('\\')
  const slash = backslash < 0 ? -1 : name.indexOf('/')
  const isPlain = backslash < 0 || (slash >= 0 && slash < backslash)
  if (!isPlain || name.startsWith('.') || !hasOnlyNames(name)) {
    throw systemError('EINVAL', `not a private name: ${JSON.stringify(name)}`)
  }
}
