import fs from 'node:fs'
import path from 'node:path'
import { errnoOf, UserError } from '../base/errors.ts'
import { nameOf, type Path, parentOf } from '../core/path.ts'
import type { OpenFile } from './disk.ts'
import type { Folders } from './folders.ts'
import type { Mounts } from './mounts.ts'
import { type NativePath, nativePath } from './native-path.ts'
import { openFile } from './node-file.ts'
import { systemError } from './system-error.ts'

/** `in-git`: `<root>/.git/podswap` where `.git` is a folder on the root's mount, else as `in-root`: `<root>/.podswap`. */
export type PrivateFolderChoice = 'in-git' | 'in-root'

export const privateFolderName = '.podswap'

/**
 * Makes our private folder, or finds the one of an earlier run. It is on the root's own mount, so that link and rename
 * work between the two.
 * @returns its place below the root
 * @throws UserError `state` where something that is not ours has its name; system errors, see {@link explained}
 */
export function preparePrivateFolder(folders: Folders, mounts: Mounts, choice: PrivateFolderChoice): Path {
  // One of an earlier run, before `git init`, may still hold what must not be lost.
  const inRoot = statIn(folders, '', privateFolderName)
  const inGit = choice === 'in-git' && inRoot === undefined ? prepareInGit(folders, mounts) : undefined
  return inGit ?? prepareInRoot(folders, mounts)
}

/**
 * Whether the private folder could be made, or written to, changing nothing. Says nothing of a folder that is not there.
 * @param root absolute path
 * @param access throws a system error where what is at the path, or the folder there, may not be written to
 * @throws UserError `state`
 */
export function checkPrivateFolder(root: string, choice: PrivateFolderChoice, access = mayWrite): void {
  const own = (name: string) => nativePath(path.join(root, name))
  const check = (dir: string, name: string) => {
    const place = own(path.join(dir, name))
    access(fs.existsSync(place) ? place : own(dir))
  }
  if (!fs.existsSync(nativePath(root))) return
  explained(root, () => {
    const mayBeInGit = choice === 'in-git' && !fs.existsSync(own(privateFolderName))
    try {
      if (mayBeInGit && fs.statSync(own('.git')).isDirectory()) return check('.git', 'podswap')
    } catch {
      // The root may be ours to write to.
    }
    check('', privateFolderName)
  })
}

function mayWrite(place: NativePath): void {
  fs.accessSync(place, fs.constants.W_OK | fs.constants.X_OK)
}

/** Turns a system error of a first use of the private folder into one for people. @param root absolute path */
export function explained<T>(root: string, use: () => T): T {
  try {
    return use()
  } catch (error) {
    const code = errnoOf(error)
    if (error instanceof UserError || code === undefined) throw error
    throw new UserError('state', `cannot use a private folder in ${root} (${code})`, {
      hint: hintFor(code),
      cause: error,
    })
  }
}

/** The same in the middle of a run, for those who match codes. @throws EEXIST where something that is not ours is there */
export function renewPrivateFolder(folders: Folders, mounts: Mounts, choice: PrivateFolderChoice): Path {
  try {
    return preparePrivateFolder(folders, mounts, choice)
  } catch (error) {
    if (error instanceof UserError) throw systemError('EEXIST', error.message)
    throw error
  }
}

/** Removes the private folder where it holds nothing but its own mark. @param prefix what stands before a private name */
export function leavePrivateFolder(folders: Folders, place: Path, prefix: string): void {
  const names = fs.readdirSync(nativePath(prefix))
  if (names.some(name => name !== '.gitignore')) return
  for (const name of names) fs.unlinkSync(nativePath(prefix + name))
  fs.rmdirSync(nativePath(folders.enter(parentOf(place)) + nameOf(place)))
}

function hintFor(code: string): string {
  if (code === 'EROFS') return 'The file system is read-only: sync a folder on a writable volume.'
  if (code === 'EACCES' || code === 'EPERM') {
    return `Sync needs the right to write into the folder and into ${privateFolderName} in it.`
  }
  return 'Sync keeps what it is working on in a folder of its own on the same file system.'
}

function prepareInGit(folders: Folders, mounts: Mounts): Path | undefined {
  const git = statIn(folders, '', '.git')
  const place = '.git/podswap'
  if (git === undefined || !git.isDirectory() || mounts.has('.git') || mounts.has(place)) return undefined
  if (git.dev !== deviceOfRoot(folders)) return undefined
  try {
    makePrivate(folders, '.git', 'podswap')
  } catch (error) {
    const code = errnoOf(error)
    // Not ours to write to: the root may be.
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return undefined
    throw error
  }
  const stat = statIn(folders, '.git', 'podswap')
  if (!stat?.isDirectory()) return undefined
  closeToOthers(folders, place, stat)
  return place
}

function prepareInRoot(folders: Folders, mounts: Mounts): Path {
  makePrivate(folders, '', privateFolderName)
  const stat = statIn(folders, '', privateFolderName)
  if (!stat?.isDirectory()) throw notOurs('is not a folder')
  if (stat.dev !== deviceOfRoot(folders) || mounts.has(privateFolderName)) {
    throw new UserError('state', `${privateFolderName} in the synced folder is on another file system`, {
      hint: 'Unmount it: what sync works on must be on the same file system as the folder.',
    })
  }
  claim(folders)
  closeToOthers(folders, privateFolderName, stat)
  return privateFolderName
}

/** A copy of the folder, as in an image, may have come with other permissions. */
function closeToOthers(folders: Folders, place: Path, stat: fs.Stats): void {
  if ((stat.mode & 0o077) === 0 || process.platform === 'win32' || stat.uid !== process.getuid?.()) return
  fs.chmodSync(nativePath(folders.enter(place)), (stat.mode & 0o7000) | 0o700)
}

/** Knows the folder by its `.gitignore`, or marks it as ours where an earlier run got no further than making it. */
function claim(folders: Folders): void {
  const prefix = folders.enter(privateFolderName)
  const names = fs.readdirSync(nativePath(prefix))
  if (names.includes('.gitignore')) {
    if (!isOurs(prefix)) throw notOurs('is a folder that podswap did not make')
  } else if (names.every(name => name === beginning)) {
    fs.rmSync(nativePath(prefix + beginning), { force: true })
    fs.writeFileSync(nativePath(prefix + beginning), ignoreText, { flag: 'wx', mode: 0o600 })
    fs.renameSync(nativePath(prefix + beginning), nativePath(`${prefix}.gitignore`))
  } else throw notOurs('is a folder that podswap did not make')
}

function notOurs(what: string): UserError {
  return new UserError('state', `${privateFolderName} in the synced folder ${what}`, {
    hint: `podswap needs that name for itself: move ${privateFolderName} away.`,
  })
}

// Git leaves the folder alone, and we know it again by this very text.
const ignoreText = '# Made by podswap for its work in progress.\n*\n'

const beginning = '.gitignore.new'

function isOurs(prefix: string): boolean {
  let file: OpenFile
  try {
    file = openFile(nativePath(`${prefix}.gitignore`))
  } catch (error) {
    if (errnoOf(error) === 'EINVAL') return false
    throw error
  }
  try {
    return file.read(0, ignoreText.length + 1).toString() === ignoreText
  } finally {
    file.close()
  }
}

function makePrivate(folders: Folders, dir: Path, name: string): void {
  try {
    // No chmod afterwards: it would take away the set-group-id bit that the folder inherits.
    fs.mkdirSync(nativePath(folders.enter(dir) + name), 0o700)
    folders.confirm(dir)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

function statIn(folders: Folders, dir: Path, name: string): fs.Stats | undefined {
  return fs.lstatSync(nativePath(folders.enter(dir) + name), { throwIfNoEntry: false })
}

function deviceOfRoot(folders: Folders): number {
  return fs.statSync(nativePath(folders.enter(''))).dev
}

/** True where the path is the private folder or below it, as the file system compares names. */
export function isPrivate(path: Path, place: Path, foldsCase: boolean): boolean {
  const inside = path.startsWith(place) || (foldsCase && path.slice(0, place.length).toLowerCase() === place)
  return inside && (path.length === place.length || path.charCodeAt(place.length) === 47)
}
