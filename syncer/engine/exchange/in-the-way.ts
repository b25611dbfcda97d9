import { errnoOf } from '../../base/errors.ts'
import { folder } from '../../core/content.ts'
import type { Path } from '../../core/path.ts'
import { inTree, type Listed } from '../../disk/disk.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Exchange } from './exchange.ts'

/** Another file system is mounted on a folder that it is in, which is told of that folder: nothing in there is touched. */
export function isInMount(x: Exchange, { parent }: Entry): boolean {
  const { problems } = x
  if (problems.isEmpty) return false
  for (let at = parent; at !== null && at.parent !== null; at = at.parent) {
    const { path } = at
    if (problems.codeOf(path) === 'mount-point' && isMount(x, path)) return true
  }
  return false
}

/** What was told of it stays while the folder itself cannot be changed for another reason: it may be gone since. */
function isMount(x: Exchange, path: Path): boolean {
  try {
    if (x.replica.disk.stat(inTree(path))?.mount === true) return true
    x.problems.over(path)
    return false
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return true
  }
}

/** A folder that stayed for what does not travel; forgotten where somebody has removed it since. */
export function standsAsShadow(x: Exchange, entry: Entry): boolean {
  if (!entry.shadow) return false
  try {
    entry.shadow = x.replica.disk.stat(inTree(entry.path))?.kind === 'dir'
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
  }
  return entry.shadow
}

/** Its folder does, as far as is known; where it is not so any more the change fails and is judged again. */
export function parentStands(entry: Entry): boolean {
  const { parent } = entry
  return parent === null || parent.parent === null || (parent.current === folder && parent.agreed === folder)
}

/** `only-here`: nothing of it travels, so to the other end it is gone. A code: why nobody here can tell. */
export type Left = 'only-here' | 'more' | { code: string }

/** What is left in a folder. */
export function leftIn(x: Exchange, entry: Entry): Left {
  const path = entry.path
  try {
    const left = x.replica.disk.list(path)
    // What it stayed for may be gone since; to the other end it is gone all the same.
    if (left.length === 0) return entry.shadow ? 'only-here' : 'more'
    const stays = ({ name, kind }: Listed) => {
      if (x.rules.ignored(`${path}/${name}`, kind === 'dir')) return true
      const below = entry.children?.get(name)
      return kind === 'dir' && below?.shadow === true && leftIn(x, below) === 'only-here'
    }
    return left.every(stays) ? 'only-here' : 'more'
  } catch (error) {
    const code = errnoOf(error)
    if (code === undefined) throw error
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'more' : { code }
  }
}
