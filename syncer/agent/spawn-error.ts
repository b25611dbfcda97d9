import { mkdirSync, statSync } from 'node:fs'
import { errnoOf } from '../base/errors.ts'
import type { TerminalExit } from '../wire/services.ts'

/** How a shell names a program that cannot be started: 127 where it is not there, 126 otherwise. */
export function spawnFailure(program: string, error: unknown): TerminalExit {
  const errno = errnoOf(error)
  if (errno === 'ENOENT') return { code: 127, error: `${program}: not found` }
  if (errno === 'EACCES') return { code: 126, error: `${program}: permission denied` }
  return { code: 126, error: `${program}: cannot be run (${errno ?? error})` }
}

/** As a container's runtime makes a working directory that the image lacks. Where it cannot, {@link folderFailure} says. */
export function makeFolder(folder: string): void {
  // one by one: Node's own `recursive` never returns where the kernel makes the folders, as in /proc
  for (let end = folder.indexOf('/', 1); ; end = folder.indexOf('/', end + 1)) {
    try {
      mkdirSync(end < 0 ? folder : folder.slice(0, end))
    } catch (error) {
      // whoever looks next finds it missing, or no folder
      if (errnoOf(error) !== 'EEXIST') return
    }
    if (end < 0) return
  }
}

/** The failure of a working directory that is none; a spawn reports it as if the program were missing. */
export function folderFailure(folder: string | undefined): TerminalExit | undefined {
  if (folder === undefined) return undefined
  try {
    if (statSync(folder).isDirectory()) return undefined
    return { code: 126, error: `working directory ${folder}: not a folder` }
  } catch (error) {
    const text = errnoOf(error) === 'ENOENT' ? 'not found' : (errnoOf(error) ?? String(error))
    return { code: 126, error: `working directory ${folder}: ${text}` }
  }
}
