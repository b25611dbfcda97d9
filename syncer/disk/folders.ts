import type { Path } from '../core/path.ts'

/** Reaches the folders below a root so that no link on the way is ever followed. */
export interface Folders {
  /**
   * Checks that the folder stands at its path below the root, with no link on the way.
   * @returns what to put in front of a name in it, `/` at the end, for the next system call only
   * @throws ENOENT; ENOTDIR or ELOOP where a link or a file is in the way; ESTALE where the root itself has moved
   */
  enter(dir: Path): string
  /** See `Disk.newTurn`. */
  newTurn?(): void
  /**
   * For reading a whole folder: `prefix` as from {@link enter} but not checked, and `byName`, its absolute path, which
   * is quicker for many looks. What was read counts only if the folder {@link stands} afterwards.
   */
  peek(dir: Path): { prefix: string; byName: string }
  /**
   * What to put in front of a name to look at it without any check, where that is much quicker: a link on the way may lead
   * elsewhere. Undefined where it cannot be done.
   */
  byName?(dir: Path): string | undefined
  /** Whether a folder just entered or peeked into stands at its path. */
  stands(dir: Path): boolean
  /** To be called after a change that went through `enter`. @throws ESTALE where the folder was swapped meanwhile */
  confirm(dir: Path): void
  /** Every folder that is open now stays so until what is returned was called: another program uses them. */
  hold?(): () => void
  /** A folder of ours that nobody else changes. */
  pin(dir: Path): PinnedFolder
  /** Group that new entries of a folder just entered must get, where it has the set-group-id bit. */
  inheritedGroup(dir: Path): number | undefined
  /** The folder was moved with all below it, or, `alone`, removed when nothing was in it. */
  forget(dir: Path, alone?: boolean): void
  close(): void
}

export interface PinnedFolder {
  enter(): string
  /** False once it is no longer where it was. */
  stands(): boolean
  close(): void
}
