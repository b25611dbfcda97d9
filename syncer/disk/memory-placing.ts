import { errnoOf, unlessRefused } from '../base/errors.ts'
import { type Disk, inOwn, inTree, type Placed, type Placing, type Stat } from './disk.ts'

/** What {@link Disk.beginPlacing} is made of, for one file: step by step. */
export function placeInSteps(disk: Disk, file: Placing): Placed {
  let left: string | undefined
  try {
    const there = disk.stat(inTree(file.path))
    if (there === null || !isSame(there, file.before)) return { code: there === null ? 'ENOENT' : 'ESTALE' }
    const made = disk.create(file.fresh, file.mode)
    left = file.fresh
    made.write(file.bytes)
    const stat = made.finish(file)
    disk.rename(inOwn(file.fresh), inOwn(file.kept))
    left = file.kept
    const [code] = disk.exchange!([{ own: file.kept, path: file.path }])
    if (code === 'ETIME') return { code }
    if (code === undefined) {
      const kept = unlessRefused(null, () => disk.stat(inOwn(file.kept)))
      return { made: stat, kept, placed: unlessRefused(null, () => disk.stat(inTree(file.path))) }
    }
    unlessRefused(null, () => disk.unlink(inOwn(file.kept)))
    return { code }
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    const unused = left
    if (unused !== undefined) unlessRefused(null, () => disk.unlink(inOwn(unused)))
    return { code }
  }
}

export function isSame(a: Stat, b: Stat): boolean {
  const isAsOld = a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs
  return isAsOld && a.kind === b.kind && a.ino === b.ino && a.size === b.size && a.mode === b.mode
}
