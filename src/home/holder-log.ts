import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../../syncer/base/errors.ts'
import type { Home } from './home.ts'

/**
 * Where the background process of a session writes what it does. The names are for people; two clusters may have a
 * namespace and a dev of the same names, and the id tells them apart.
 */
export function holderLog(home: Home, { id, namespace, dev }: { id: string; namespace: string; dev: string }): string {
  return join(home.logs, `${namespace}.${dev}.${id}.log`)
}

/**
 * Where it writes until it holds the session: the log of the process that holds it meanwhile stays.
 *
 * @param pid of the process that starts it
 */
export function freshLog(log: string, pid: number): string {
  return `${log}.${pid}`
}

/** Out of the way: who reads it, or still writes to it, keeps it. */
export function forgetLog(path: string): void {
  rmSync(path, { force: true })
}

/** Puts it in the place of the last one's. Does nothing where it is there already. */
export function placeLog(fresh: string, log: string): void {
  try {
    renameSync(fresh, log)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}
