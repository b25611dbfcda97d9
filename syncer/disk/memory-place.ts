import type { Path } from '../core/path.ts'
import type { Place } from './disk.ts'
import type { Inode } from './memory-inode.ts'
import type { MemoryVolume } from './memory-volume.ts'
import { systemError } from './system-error.ts'

const badOwnName = /(?:^|\/)\.{0,2}(?:\/|$)|\0/

/** The place's folder, and below it its path. */
export function rootOf(volume: MemoryVolume, at: Place): Inode {
  return at.area === 'tree' ? volume.tree : volume.own
}

/** @throws EINVAL for what is no name in the private folder */
export function pathOf(at: Place): Path {
  if (at.area === 'tree') return at.path
  const { name } = at
  if (badOwnName.test(name)) throw systemError('EINVAL', name)
  return name
}
