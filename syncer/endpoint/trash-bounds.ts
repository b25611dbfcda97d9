import type { Path } from '../core/path.ts'

export interface TrashBounds {
  /** How long entries stay. */
  keepMs: number
  /** Above this the oldest go first, but not the newest of a path. */
  bytesMax: number
  /**
   * The newest of a path where nothing stands any more stays for longer than `keepMs`, and the newest of any path beyond
   * `bytesMax`, until all that was spared so is more than this: then the oldest go. None is spared when absent.
   */
  spared?: { bytesMax: number; entriesMax: number }
}

export interface BoundedEntry {
  path: Path
  atMs: number
  bytes: number
  /** It stays whatever the bounds say. */
  isNeeded: boolean
}

/**
 * What has to go.
 * @param stands whether something is at the path now; asked for few
 */
export function beyondBounds<Entry extends BoundedEntry>(
  entries: readonly Entry[],
  { keepMs, bytesMax, spared }: TrashBounds,
  nowMs: number,
  stands: (path: Path) => boolean,
): Entry[] {
  const seen = new Set<Path>()
  let bytes = 0
  let sparedBytes = 0
  let sparedEntries = 0
  const isSpared = (entry: Entry, isOld: boolean): boolean => {
    if (spared === undefined || (isOld && stands(entry.path))) return false
    sparedBytes += entry.bytes
    sparedEntries += 1
    return sparedBytes <= spared.bytesMax && sparedEntries <= spared.entriesMax
  }
  const newestFirst = entries.toSorted((a, b) => b.atMs - a.atMs)
  return newestFirst.filter(entry => {
    bytes += entry.bytes
    const isNewest = !seen.has(entry.path)
    seen.add(entry.path)
    const isOld = nowMs - entry.atMs > keepMs
    if (entry.isNeeded || !(isOld || bytes > bytesMax)) return false
    return !(isNewest && isSpared(entry, isOld))
  })
}
