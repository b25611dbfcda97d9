import fs from 'node:fs'
import { errnoOf } from '../base/errors.ts'
import type { Path } from '../core/path.ts'
import type { Folders } from './folders.ts'
import type { NativePath } from './native-path.ts'

/** What is moved into a folder with the set-group-id bit keeps its group; what is made in it gets the folder's. */
export function adoptGroup(folders: Folders, file: NativePath, dir: Path): void {
  const group = folders.inheritedGroup(dir)
  if (group === undefined) return
  try {
    fs.lchownSync(file, -1, group)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
  }
}
