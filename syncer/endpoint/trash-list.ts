import { errnoOf } from '../base/errors.ts'
import type { Path } from '../core/path.ts'
import { type Disk, inOwn } from '../disk/disk.ts'
import { parseTrashName, type TrashReason } from './trash-name.ts'
import { TrashPlaces } from './trash-places.ts'

/** A version of a file or link that gave way. */
export interface TrashedFile {
  /** Its private name. */
  name: string
  owner: string
  /** Where it was; its bare name where that is not known. */
  path: Path
  isPathKnown: boolean
  /** When it gave way, wall clock. */
  atMs: number
  /** When its content was written last, by the file system; of a copy that keeps times, earlier than it came here. */
  writtenMs: number
  reason: TrashReason
  kind: 'file' | 'link'
  sizeBytes: number
  /** Permission bits. */
  mode: number
}

/** What is in the trash of a folder, whoever put it there; newest first. */
export function listTrash(disk: Disk): TrashedFile[] {
  const places = new Map<string, TrashPlaces>()
  const found: TrashedFile[] = []
  for (const name of disk.listOwn()) {
    const parsed = parseTrashName(name)
    if (parsed === undefined) continue
    const stat = statOf(disk, name)
    if (stat?.kind !== 'file' && stat?.kind !== 'link') continue
    const { owner, atMs, reason, base } = parsed
    const ofOwner = places.get(owner) ?? new TrashPlaces(disk, owner)
    places.set(owner, ofOwner)
    const path = ofOwner.pathOf(parsed)
    found.push({
      name,
      owner,
      path: path ?? base,
      isPathKnown: path !== undefined,
      atMs,
      writtenMs: Number(stat.mtimeNs / 1_000_000n),
      reason,
      kind: stat.kind,
      sizeBytes: stat.size,
      mode: stat.mode,
    })
  }
  return found.sort((a, b) => b.atMs - a.atMs || (a.path < b.path ? -1 : 1))
}

/**
 * One version of each path: the first to give way since `atMs`; the newest without a time. That is what stood there then,
 * unless it was written later: what a person replaces is in no trash, nor is it known when a file was made.
 */
export function chooseVersions(trashed: readonly TrashedFile[], atMs?: number): TrashedFile[] {
  const chosen = new Map<string, TrashedFile>()
  for (const each of trashed) {
    // Those of unknown place may be of different files.
    const key = each.isPathKnown ? `/${each.path}` : each.name
    const other = chosen.get(key)
    if (atMs !== undefined && each.atMs < atMs) continue
    const isBetter = other === undefined || (atMs === undefined ? each.atMs > other.atMs : each.atMs < other.atMs)
    if (isBetter) chosen.set(key, each)
  }
  return [...chosen.values()]
}

function statOf(disk: Disk, name: string) {
  try {
    return disk.stat(inOwn(name))
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return null
  }
}
