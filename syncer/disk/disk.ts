import type { Path } from '../core/path.ts'

/**
 * The port through which the engine touches one synced folder. All calls are synchronous: each is one step that a
 * simulation can interleave with people, crash at, or make fail. Errors carry the system's `code` (`ENOENT`, `EEXIST`,
 * `EXDEV`, `ENOTEMPTY`, `EACCES`, `ENOSPC`, …); callers match that and nothing else.
 *
 * A disk has two areas. `tree` is the folder people see, addressed by {@link Path}. `own` is our private folder on the
 * same mount (so that link and rename work between the two), addressed by a flat name such as `stage-3f` or `trash-…`,
 * or, inside a private folder of {@link Disk.mkdirOwn}, by a longer one (`stage-3f/src/a.ts`); it never shows in
 * `list('')`.
 *
 * No call ever follows a symbolic link, in the last component or in one before it: a parent that is a link fails with
 * `ELOOP` or `ENOTDIR`.
 *
 * Names are exact: where `A` stands, nothing stands at `a`. A file system that takes the two for one is made exact by
 * `exact-names.ts`; there `a` cannot be made while `A` stands, which fails with `name-taken`, and a name that the system
 * does not know fails with `name-refused` or `EILSEQ`.
 */
export interface Disk {
  /** What identifies this folder's file system clock: the coarsest step of its time stamps, in nanoseconds. */
  readonly timestampGranuleNs: bigint
  /** Permission bits that new entries do without: a new file gets `0o666 & ~umask`, a program `0o777 & ~umask`. */
  readonly umask: number
  /** Whether files keep permission bits; where they do not (NTFS, FAT), what is shown says nothing of execution. */
  readonly modesKept: boolean

  /**
   * A turn of work of some milliseconds begins. Until the next one a disk may take it that folders stand where they
   * stood at their first use in this turn: what happens in one that is moved meanwhile happened before it was moved.
   */
  newTurn?(): void

  /**
   * Names in a folder, in no order; never our private folder.
   * @param unchecked for who has what is listed looked at by {@link listStats} before it counts: sooner done, and where a
   * link has taken the folder's place by now the names may be those of another
   */
  list(dir: Path, unchecked?: 'unchecked'): Listed[]
  /**
   * {@link list} with the {@link stat} of each entry, for scans: half the price of asking for each. What vanished
   * meanwhile is left out.
   * @param names of these only, which {@link list} has told: the folder is not asked what else is in it
   */
  listStats(dir: Path, names?: readonly string[]): ListedStat[]
  /** lstat; null where nothing is there (`ENOENT`, `ENOTDIR`). */
  stat(at: Place): Stat | null
  /** Opens a regular file for reading; anything else fails with `EINVAL` (never blocks on a FIFO). */
  open(at: Place): OpenFile
  /**
   * A regular file in one go: its first `length` bytes, and its stat after they were read. Whole and of one moment where
   * that equals the stat from before the call, and `length` is its size.
   * @throws EINVAL as {@link open}
   */
  read(at: Place, length: number): { bytes: Buffer; stat: Stat }
  /**
   * {@link read} into memory of the caller's, all of which it fills; undefined where the file has not so many bytes. What
   * it gives counts only where the stat is one that was seen at that place before: a folder on the way that is a link by
   * now may lead elsewhere, to a file that is another.
   */
  readInto(at: Place, target: Buffer): Stat | undefined
  /**
   * What stands at the path by its name alone, where that is quicker than `stat`: a link on the way may lead elsewhere. It
   * tells of another inode then, so what it says is good for a comparison with what is known, or before a `read`.
   */
  glance(path: Path): Stat | null
  /** Target of a symbolic link; `EINVAL` where something else is there. */
  readlink(at: Place): string

  /**
   * Creates a private file exclusively.
   * @param mode permission bits from the start, less the umask; 0600 when absent
   */
  create(name: string, mode?: number): NewFile
  /**
   * Opens a private file of ours to read and write anywhere in it.
   * @throws EINVAL as {@link open}
   */
  patch(name: string): PatchedFile
  /** Names of all private files and folders, those inside folders not counted. */
  listOwn(): string[]
  /** Makes a private folder; `EEXIST` where something is there. */
  mkdirOwn(name: string): void
  /** Removes a private folder with everything in it; nothing there is no error. */
  removeOwn(name: string): void
  /** Whether an entry made in a private folder gets the group that it would get in this folder of the tree. */
  groupsAlike(dir: Path): boolean

  mkdir(path: Path): void
  /** Removes an empty folder; `ENOTEMPTY` otherwise. */
  rmdir(path: Path): void
  /** Creates a link; `EEXIST` where something is there. */
  symlink(target: string, at: Place): void
  /**
   * Hard link; `EEXIST` where something is there; `EPERM` for a folder; `EPERM`, `EXDEV`, `ENOTSUP` where links do not
   * work.
   */
  link(from: Place, to: Place): void
  /**
   * Atomic rename; replaces a file or link that is there, fails (`EISDIR`, `ENOTEMPTY`, `EEXIST`) on a folder, an empty
   * one too. Two names of one inode: nothing happens and both stay (POSIX).
   */
  rename(from: Place, to: Place): void
  /**
   * Renames a private file or link over the one at `path`, if `isExpected` says so of what stands there: nothing but that
   * question comes between the look and the rename.
   * @returns false where something else stands there, or nothing
   */
  replace(own: string, path: Path, isExpected: (now: Stat) => boolean): boolean
  /**
   * Exchanges private files or links with whatever stands at their `path`s, each in one step, one after the other; absent
   * where the system has no such thing. No path may be there twice.
   * @returns for each, nothing where it was done, else a code: ENOENT where nothing stands there; ENOSYS, EINVAL, EPERM,
   *   EXDEV, ENOTSUP where it cannot be done (now, or here); ETIME where it is not known whether it was done
   */
  exchange?(pairs: readonly ExchangePair[]): (string | undefined)[]
  /**
   * {@link exchange}, begun: it goes on while other things are done, and each pair may have changed places or not until
   * what is returned was called. Nothing in the folders of these paths may be moved before.
   */
  beginExchange?(pairs: readonly ExchangePair[]): () => (string | undefined)[]
  /**
   * The whole change of a file's content, of many: for each one after the other a look at its path, {@link create},
   * {@link NewFile.finish}, {@link rename} to the private name `kept`, {@link exchange}, a {@link stat} of `kept` and one of
   * the path. It may go on until what is returned was called, as {@link beginExchange}. No path may be there twice.
   * @returns undefined where the system has no such thing, or not now: nothing was done
   */
  beginPlacing?(files: readonly Placing[]): (() => Placed[]) | undefined
  /**
   * Whether a file is still as its stat tells and nobody has it open for writing, or mapped; absent where the system does
   * not tell. Who opens it for writing in the very moment of the question waits for its end, some microseconds.
   * @returns undefined where it is not known: another user's file, one that changed
   */
  isAtRest?(path: Path, stat: Stat): boolean | undefined
  /**
   * Has whoever watches this very file (its inode, not its name) told that something happened to it, without changing
   * it; nothing for links and folders.
   */
  nudge(own: string): void
  /** Removes a file or link. */
  unlink(at: Place): void
  /** Makes the file's bytes and its folder's entry survive a power cut. */
  sync(at: Place): void
}

/** A private name, and the path of what changes places with it. */
export interface ExchangePair {
  own: string
  path: Path
}

/** A file to be made, and to change places with another one. */
export interface Placing {
  readonly path: Path
  /** What the disk showed of the file that stands there: with anything else it does not change places. */
  readonly before: Stat
  /** Private names: while it is made, and then until what stood there has it. */
  readonly fresh: string
  readonly kept: string
  readonly bytes: Uint8Array
  /** As in {@link NewFile.finish}. */
  readonly mode: number
  readonly mtimeMs: number
}

/**
 * How that went: `made` is the stat of the new file before it was moved, then come those of what came away and of what has
 * the path, null where nothing has. Or a code, where the path was not changed, and what was made is left only where it
 * could not be removed; but with ETIME it is not known how far it came.
 */
export type Placed = { made: Stat; kept: Stat | null; placed: Stat | null } | { code: string }

/** {@link Disk.timestampGranuleNs} in whole milliseconds. */
export function granuleMs(disk: Disk): number {
  return Number(disk.timestampGranuleNs / 1_000_000n)
}

/**
 * Whether a file that was just put there with a time stamp of ours could be written once more without showing it: where
 * that time could not be set, a write of the same moment would show the same one.
 */
export function isStampRacy(disk: Disk, { mtimeNs, ctimeNs }: Stat): boolean {
  return mtimeNs + disk.timestampGranuleNs >= ctimeNs
}

export type Place = { readonly area: 'tree'; readonly path: Path } | { readonly area: 'own'; readonly name: string }

export const inTree = (path: Path): Place => ({ area: 'tree', path })
export const inOwn = (name: string): Place => ({ area: 'own', name })

export type EntryKind = 'file' | 'dir' | 'link' | 'other'

export interface Listed {
  name: string
  kind: EntryKind
  /** Of a folder: see {@link Stat.mount}. */
  mount: boolean
}

export interface ListedStat extends Stat {
  name: string
}

export interface Stat {
  kind: EntryKind
  size: number
  mtimeNs: bigint
  ctimeNs: bigint
  ino: bigint
  /** Permission bits only (`& 0o7777`). */
  mode: number
  /** True where another file system is mounted here (a ConfigMap, a Secret, a volume): never synced, never replaced. */
  mount: boolean
}

/** An open regular file. The descriptor sees the same inode whatever happens to the name. */
export interface OpenFile {
  /** What it was when it was opened. */
  readonly opened: Stat
  stat(): Stat
  /**
   * Up to `length` bytes from `offset`; shorter only at the end of the file.
   * @param into memory of the caller's that it may put them in, at least as long
   */
  read(offset: number, length: number, into?: Buffer): Buffer
  close(): void
}

/** A private file that is being written. */
export interface NewFile {
  /** Appends. */
  write(bytes: Uint8Array): void
  /**
   * Sets permissions (exactly these, whatever the umask) and modification time and closes; the name stays. Trouble
   * with either is not an error (a container's user may not have the right).
   * @returns the file's stat through its own descriptor, after the change
   */
  finish(options: { mode: number; mtimeMs: number }): Stat
  /** Closes; the name stays until `unlink`. */
  close(): void
}

/** A private file that is read and written here and there. */
export interface PatchedFile extends NewFile {
  size(): number
  /** As {@link OpenFile.read}. */
  read(offset: number, length: number, into?: Buffer): Buffer
  /** Between the end and a later `offset` there are zeros, which take no room where the file system knows holes. */
  writeAt(offset: number, bytes: Uint8Array): void
  /** Cuts off what is more, or adds zeros, which take no room where the file system knows holes. */
  resize(size: number): void
}
