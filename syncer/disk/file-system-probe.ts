import fs from 'node:fs'
import { errnoOf } from '../base/errors.ts'
import { nativePath } from './native-path.ts'

export interface FileSystemHabits {
  /** See `Disk.modesKept`. */
  modesKept: boolean
  /** `A` and `a` are one name. */
  foldsCase: boolean
}

/** Finds out by trying. @param prefix a folder of ours, `/` at the end */
export function probeFileSystem(prefix: string): FileSystemHabits {
  const [probe, other] = [nativePath(`${prefix}.habits`), nativePath(`${prefix}.HABITS`)]
  try {
    fs.rmSync(probe, { force: true })
    fs.writeFileSync(probe, '', { flag: 'wx', mode: 0o600 })
    const isPlain = !isExecutable(fs.lstatSync(probe))
    const foldsCase = fs.lstatSync(other, { throwIfNoEntry: false }) !== undefined
    return { foldsCase, modesKept: isPlain && canBeExecutable(probe) }
  } finally {
    fs.rmSync(probe, { force: true })
  }
}

function canBeExecutable(path: fs.PathLike): boolean {
  try {
    fs.chmodSync(path, 0o700)
    return isExecutable(fs.lstatSync(path))
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return false
  }
}

function isExecutable({ mode }: fs.Stats): boolean {
  return (mode & 0o100) !== 0
}
