import type { Stat } from '../disk/disk.ts'

/** How long a change is held back until it is taken for whole, in ms (sync-findings A.7, measured on torn saves). */
const quietMs = { inPlace: 5, large: 25, shrunk: 50, emptied: 200, removed: 100 }
const largeBytes = 1024 * 1024
/** A file that never comes to rest is looked at after this long all the same; one that was cut short by then, after that. */
const heldMsMax = { written: 1_000, cut: 5_000 }

export type HintKind = 'rename' | 'change'

/** 0: go at once. `before` is the stat under which the entry was last known. */
export function quietTime(before: Stat | null, now: Stat | null, kind: HintKind): number {
  if (now === null) return before === null ? 0 : quietMs.removed
  if (now.kind !== 'file') return 0
  const moved = kind === 'rename' && (before === null || before.ino !== now.ino)
  if (moved && now.size > 0) return 0
  if (now.size === 0 && before !== null && before.size > 0) return quietMs.emptied
  if (isCut(before, now)) return quietMs.shrunk
  return Math.max(now.size, before?.size ?? 0) > largeBytes ? quietMs.large : quietMs.inPlace
}

/** Half of it or more is gone: it is most likely being written anew. */
function isCut(before: Stat | null, now: Stat | null): boolean {
  return now?.kind === 'file' && before !== null && before.size > 0 && now.size * 2 <= before.size
}

/** Until it comes to rest, ms from its first change on. */
export function heldMax(before: Stat | null, now: Stat | null): number {
  return isCut(before, now) ? heldMsMax.cut : heldMsMax.written
}

/** Whether a {@link quietTime} is that of a file that was written in place, about as large as it was. */
export function isPlainSave(waitMs: number): boolean {
  return waitMs === quietMs.inPlace
}
