import fs from 'node:fs'
import { joinPath, nameOf, type Path, parentOf } from '../core/path.ts'
import { type Disk, inTree } from './disk.ts'
import { nativePath } from './native-path.ts'

/** A path as the folders on it spell it; null where nothing stands. For systems whose real paths tell (macOS, Windows). */
export function spellingOf(disk: Pick<Disk, 'stat' | 'list'> & { rootPath: string }, path: Path): Path | null {
  if (path === '') return ''
  const stat = disk.stat(inTree(path))
  if (stat === null) return null
  const native = nativePath(joinPath(disk.rootPath, path))
  if (stat.kind !== 'link' && typeof native === 'string')
    return pathBelow(disk.rootPath, fs.realpathSync.native(native))
  const dir = spellingOf(disk, parentOf(path))
  const isListed = dir !== null && disk.list(dir).some(({ name }) => name === nameOf(path))
  return isListed ? joinPath(dir, nameOf(path)) : null
}

/** @param root as the system spells it; `/` and `D:\\` end in what parts names */
export function pathBelow(root: string, real: string): Path {
  return real.slice(/[\\/]$/.test(root) ? root.length : root.length + 1).replaceAll('\\', '/')
}
