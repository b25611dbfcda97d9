/** How a file system deals with names, modes and open files, where that is not as on Linux. */
export interface MemorySystem {
  /** Names with one key are one name; it is kept as it was written. */
  nameKey(name: string): string
  /** Code with which the system refuses a new name. */
  refuses(name: string): string | undefined
  /** No permission bits: every file shows the same. */
  readonly modesKept: boolean
  /** What a program holds open can be neither replaced nor moved nor removed. */
  readonly locksOpenFiles: boolean
}

/** APFS as macOS formats it: case and normal form do not count, and are kept; names are UTF-8. */
export const macos: MemorySystem = {
  nameKey: name => name.normalize('NFD').toLowerCase(),
  refuses: name => (escapedByte.test(name) ? 'EILSEQ' : undefined),
  modesKept: true,
  locksOpenFiles: false,
}

/** NTFS: case does not count, and is kept; normal form counts. */
export const windows: MemorySystem = {
  nameKey: name => name.toUpperCase(),
  refuses: name => (/[<>:"\\|?*\p{Cc}\p{Cs}]|[ .]$/u.test(name) ? 'EINVAL' : undefined),
  modesKept: false,
  locksOpenFiles: true,
}

// A byte that is not UTF-8 is half of a pair, see `core/path.ts`.
const escapedByte = /\p{Cs}/u
