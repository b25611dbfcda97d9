import { nameOf, type Path, parentOf } from '../core/path.ts'
import {
  type Disk,
  inTree,
  type Listed,
  type ListedStat,
  type NewFile,
  type OpenFile,
  type PatchedFile,
  type Place,
  type Stat,
} from './disk.ts'
import { systemError } from './system-error.ts'

export interface ExactNamesOptions {
  /**
   * The path as the folders on it spell it; null where nothing stands. What a system knows at once; names are looked for
   * in their folders where it is absent.
   */
  spellingOf?(path: Path): Path | null
  /** Wall clock, ms: what was listed longer than a tick after the folder changed last need not be listed again. */
  now?(): number
  /** Names that may not be made, whatever the system would make of them. */
  refuses?(name: string): boolean
}

/** What a folder held when it was listed, and its stat from before that. */
interface Names {
  stat: Stat
  names: Set<string>
}

/** Folders whose names are remembered at most. */
const foldersMax = 512

/**
 * A {@link Disk} whose names are exact over one whose file system takes several spellings for one name (APFS, NTFS).
 *
 * Without it `a` would be read, replaced and deleted where `A` stands: a rename of the case alone, which is a new name
 * and then a removal of the old one, would remove the only file there is, at both ends.
 */
export class ExactNames implements Disk {
  readonly timestampGranuleNs: bigint
  readonly umask: number
  readonly modesKept: boolean
  readonly #disk: Disk
  readonly #options: ExactNamesOptions
  /** Those that were listed while they did not change, oldest first. */
  readonly #listed = new Map<Path, Names>()

  constructor(disk: Disk, options: ExactNamesOptions = {}) {
    this.#disk = disk
    this.#options = options
    this.timestampGranuleNs = disk.timestampGranuleNs
    this.umask = disk.umask
    this.modesKept = disk.modesKept
  }

  newTurn(): void {
    this.#disk.newTurn?.()
  }

  list(dir: Path, unchecked?: 'unchecked'): Listed[] {
    this.#assertThere(inTree(dir))
    return this.#disk.list(dir, unchecked)
  }

  listStats(dir: Path, names?: readonly string[]): ListedStat[] {
    this.#assertThere(inTree(dir))
    return this.#disk.listStats(dir, names)
  }

  glance(path: Path): Stat | null {
    return this.stat(inTree(path))
  }

  stat(at: Place): Stat | null {
    const stat = this.#disk.stat(at)
    return stat === null || this.#isSpelled(at) ? stat : null
  }

  open(at: Place): OpenFile {
    this.#assertThere(at)
    return this.#disk.open(at)
  }

  read(at: Place, length: number): { bytes: Buffer; stat: Stat } {
    this.#assertThere(at)
    return this.#disk.read(at, length)
  }

  readInto(at: Place, target: Buffer): Stat | undefined {
    this.#assertThere(at)
    return this.#disk.readInto(at, target)
  }

  readlink(at: Place): string {
    this.#assertThere(at)
    return this.#disk.readlink(at)
  }

  create(name: string, mode?: number): NewFile {
    return this.#disk.create(name, mode)
  }

  patch(name: string): PatchedFile {
    return this.#disk.patch(name)
  }

  listOwn(): string[] {
    return this.#disk.listOwn()
  }

  mkdirOwn(name: string): void {
    this.#disk.mkdirOwn(name)
  }

  removeOwn(name: string): void {
    this.#disk.removeOwn(name)
  }

  groupsAlike(dir: Path): boolean {
    return this.#disk.groupsAlike(dir)
  }

  mkdir(path: Path): void {
    this.#make(inTree(path), () => this.#disk.mkdir(path))
  }

  rmdir(path: Path): void {
    this.#assertThere(inTree(path))
    this.#disk.rmdir(path)
  }

  symlink(target: string, at: Place): void {
    this.#make(at, () => this.#disk.symlink(target, at))
  }

  link(from: Place, to: Place): void {
    this.#assertThere(from)
    this.#make(to, () => this.#disk.link(from, to))
  }

  rename(from: Place, to: Place): void {
    this.#assertThere(from)
    if (to.area === 'tree' && this.#disk.stat(to) !== null && !this.#isSpelled(to)) throw taken(to.path)
    this.#make(to, () => this.#disk.rename(from, to))
  }

  replace(own: string, path: Path, isExpected: (now: Stat) => boolean): boolean {
    return this.stat(inTree(path)) !== null && this.#disk.replace(own, path, isExpected)
  }

  nudge(own: string): void {
    this.#disk.nudge(own)
  }

  unlink(at: Place): void {
    this.#assertThere(at)
    this.#disk.unlink(at)
  }

  sync(at: Place): void {
    this.#assertThere(at)
    this.#disk.sync(at)
  }

  /** Does what puts something at a place, where it can bear that name. */
  #make(at: Place, call: () => void): void {
    if (at.area === 'tree') {
      this.#assertThere(inTree(parentOf(at.path)))
      const name = nameOf(at.path)
      if (this.#options.refuses?.(name)) throw systemError('name-refused', `${name} is no name here`)
    }
    try {
      call()
    } catch (error) {
      if (at.area === 'tree' && this.#disk.stat(at) !== null && !this.#isSpelled(at)) throw taken(at.path)
      throw error
    }
  }

  #assertThere(at: Place): void {
    // Where nothing stands the call itself says why.
    if (this.#disk.stat(at) !== null && !this.#isSpelled(at))
      throw systemError('ENOENT', 'it stands here in another spelling')
  }

  #isSpelled(at: Place): boolean {
    if (at.area === 'own' || at.path === '') return true
    const { spellingOf } = this.#options
    if (spellingOf !== undefined) return spellingOf(at.path) === at.path
    for (let path = at.path; path !== ''; path = parentOf(path)) {
      if (!this.#isListed(parentOf(path), nameOf(path))) return false
    }
    return true
  }

  #isListed(dir: Path, name: string): boolean {
    const stat = this.#disk.stat(inTree(dir))
    if (stat === null) return false
    const known = this.#listed.get(dir)
    if (known !== undefined && isUnchanged(known.stat, stat)) return known.names.has(name)
    const names = new Set(this.#disk.list(dir).map(listed => listed.name))
    this.#listed.delete(dir)
    if (this.#isSettled(stat)) {
      if (this.#listed.size >= foldersMax) this.#listed.delete(this.#listed.keys().next().value!)
      this.#listed.set(dir, { stat, names })
    }
    return names.has(name)
  }

  /** A change in the same tick of the file system's clock as the one before would not show. */
  #isSettled({ mtimeNs, ctimeNs }: Stat): boolean {
    const nowMs = this.#options.now?.()
    if (nowMs === undefined) return false
    const tickOverNs = BigInt(Math.floor(nowMs)) * 1_000_000n - this.timestampGranuleNs
    return mtimeNs < tickOverNs && ctimeNs < tickOverNs
  }
}

function isUnchanged(before: Stat, now: Stat): boolean {
  return before.ino === now.ino && before.mtimeNs === now.mtimeNs && before.ctimeNs === now.ctimeNs
}

function taken(path: Path): Error {
  return systemError('name-taken', `${path} differs in spelling only from what is there`)
}
