import fs from 'node:fs'
import { errnoOf } from '../base/errors.ts'
import type { Folders } from './folders.ts'
import { LinuxFolders } from './node-folders-linux.ts'
import { RealpathFolders } from './node-folders-realpath.ts'

/** @param root absolute real path */
export function openFolders(root: string, platform: NodeJS.Platform): Folders {
  const descriptors = platform === 'linux' ? openLinuxFolders(root) : undefined
  return descriptors ?? new RealpathFolders(root, { foldsCase: platform === 'darwin' || platform === 'win32' })
}

/** Undefined where no `/proc` is mounted, or a sandbox keeps it from us. */
function openLinuxFolders(root: string): Folders | undefined {
  let folders: Folders | undefined
  try {
    // Our process as this /proc numbers it: the number saves a link on each call.
    folders = new LinuxFolders(root, `/proc/${fs.readlinkSync('/proc/self')}/fd/`)
    fs.lstatSync(folders.enter(''))
    return folders
  } catch (error) {
    folders?.close()
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}
