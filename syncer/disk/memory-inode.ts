import type { EntryKind, Stat } from './disk.ts'

const empty = Buffer.alloc(0)

/** One file, folder, link or special file; names point at it. */
export class Inode {
  readonly ino: number
  /** {@link ino} as a stat gives it. */
  readonly inoInStat: bigint
  readonly kind: EntryKind
  mode: number
  bytes: Buffer = empty
  target = ''
  /** Names of a folder. */
  readonly entries: Map<string, Inode> | undefined
  links = 0
  opens = 0
  /** Programs other than the engine that have it open. */
  holders = 0
  mtimeNs = 0n
  ctimeNs = 0n
  mount = false
  /** Content that a power cut may bring back, since when; see `memory-power.ts`. */
  unsynced: { bytes: Buffer | undefined; sinceMs: number } | undefined

  constructor(ino: number, kind: EntryKind, mode: number, entries?: Map<string, Inode>) {
    this.ino = ino
    this.inoInStat = BigInt(ino)
    this.kind = kind
    this.mode = mode
    this.entries = entries
  }
}

export function statOf(inode: Inode): Stat {
  return {
    kind: inode.kind,
    size: inode.kind === 'link' ? Buffer.byteLength(inode.target) : inode.bytes.length,
    mtimeNs: inode.mtimeNs,
    ctimeNs: inode.ctimeNs,
    ino: inode.inoInStat,
    mode: inode.mode,
    mount: inode.mount,
  }
}

/** By what they are and not by their paths: a power cut may leave a folder with two names. */
export function holds(folder: Inode, dir: Inode): boolean {
  if (folder === dir) return true
  return [...(folder.entries?.values() ?? [])].some(inode => inode.kind === 'dir' && holds(inode, dir))
}
