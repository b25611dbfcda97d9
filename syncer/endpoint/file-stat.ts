import type { Stat } from '../disk/disk.ts'

/** Equal but for what a hard link or a rename of ours changes (ctime). Sound only where the look before was not racy. */
export function sameButLinks(a: Stat, b: Stat): boolean {
  return a.kind === b.kind && a.ino === b.ino && a.mtimeNs === b.mtimeNs && a.size === b.size && a.mode === b.mode
}

/** The permission bits with execute set where read is set, or with none. */
export function withExecutable(mode: number, executable: boolean): number {
  return executable ? mode | ((mode & 0o444) >> 2) : mode & ~0o111
}
