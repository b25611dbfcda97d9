import {
  chmodSync,
  copyFileSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { errnoOf } from '../base/errors.ts'

export interface Fill {
  /** Folder of the image. */
  from: string
  /** Folder of the volume, relative to its root. */
  to: string
}

/** Beside the folders that the container sees. */
const marksFolder = '.podswap-filled'

/**
 * Copies what the image has and this user may read at a path into the volume that will be mounted there, once in the volume's life. A folder that
 * holds something already is left as it is: what was deleted there does not come back. May be cut off at any point: the
 * next call goes on, and no file is ever there in part.
 */
export function fillVolume(volume: string, { from, to }: Fill): void {
  const target = join(volume, to)
  const marks = join(volume, marksFolder)
  const name = to.replaceAll('%', '%25').replaceAll('/', '%2F')
  const [begun, done] = [join(marks, `${name}.begun`), join(marks, `${name}.done`)]
  makeOpen(marks, volume)
  if (existsSync(done)) return
  if (!existsSync(begun)) {
    const isWanted = isEmpty(target) && isFolder(from)
    writeFileSync(isWanted ? begun : done, '')
    if (!isWanted) return
  }
  makeOpen(target, volume)
  const part = join(marks, `${name}.part`)
  copyInto(from, target, part)
  rmSync(part, { force: true })
  renameSync(begun, done)
}

/** As the kubelet makes a `subPath`: whoever may write to the volume may write there. */
function makeOpen(folder: string, volume: string): void {
  if (existsSync(folder)) return
  makeOpen(dirname(folder), volume)
  mkdirSync(folder)
  chmodSync(folder, statSync(volume).mode & 0o7777)
}

function copyInto(from: string, to: string, part: string): void {
  const folder = readable(() => opendirSync(from))
  if (!folder) return
  try {
    for (let entry = folder.readSync(); entry; entry = folder.readSync()) {
      copy(join(from, entry.name), join(to, entry.name), part)
    }
  } finally {
    folder.closeSync()
  }
}

function copy(from: string, to: string, part: string): void {
  const stat = lstatSync(from)
  if (stat.isDirectory()) {
    if (!existsSync(to)) mkdirSync(to, { mode: 0o700 })
    copyInto(from, to, part)
    // last, for it may take the right to write away
    if (isFolder(to)) dress(to, stat)
    return
  }
  if (isThere(to)) return
  if (stat.isSymbolicLink()) symlinkSync(readlinkSync(from), to)
  else if (stat.isFile()) {
    rmSync(part, { force: true })
    const isRead = readable(() => {
      copyFileSync(from, part)
      return true
    })
    if (!isRead) return
    dress(part, stat)
    linkOrRename(part, to)
  }
  // sockets, pipes and devices are nothing to keep
}

/** What this user may not read in the image is nothing that it had. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error
    return undefined
  }
}

/** As far as this user may: one that is not root owns what it copies. */
function dress(path: string, { uid, gid, mode, atime, mtime }: Stats): void {
  try {
    lchownSync(path, uid, gid)
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error
  }
  chmodSync(path, mode & 0o7777)
  utimesSync(path, atime, mtime)
}

function linkOrRename(part: string, to: string): void {
  try {
    linkSync(part, to)
  } catch {
    // a file system without hard links; nobody else is in the volume yet
    renameSync(part, to)
  }
}

function isEmpty(folder: string): boolean {
  return !existsSync(folder) || readdirSync(folder).length === 0
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory()
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}
