import fs from 'node:fs'
import { errnoOf } from '../base/errors.ts'
import type { Folders } from './folders.ts'
import { type KeptOpen, LinuxFolders } from './node-folders-linux.ts'
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
    const descriptors = `/proc/${fs.readlinkSync('/proc/self')}/fd/`
    folders = new LinuxFolders(root, descriptors, keptOpenWithin(fs.readFileSync('/proc/self/limits', 'latin1')))
    fs.lstatSync(folders.enter(''))
    return folders
  } catch (error) {
    folders?.close()
    if (errnoOf(error) === undefined) throw error
    return undefined
  }
}

/**
 * A burst of changes all over a tree comes to each folder several times: opening one costs more than all else there. There
 * may be a hundred synced folders in one process, each with its own.
 */
const keptOpen = { min: 128, max: 4_096, shareOfDescriptors: 1 / 4 }

/** @param limits what `/proc/self/limits` says; Node has raised the soft limit to the hard one */
function keptOpenWithin(limits: string): KeptOpen {
  const descriptors = Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? 0)
  const { min, max, shareOfDescriptors } = keptOpen
  return { min, max, descriptorsInUse: Math.floor(descriptors * shareOfDescriptors) }
}
