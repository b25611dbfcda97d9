import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../../syncer/base/errors.ts'
import type { Dev, SyncFolder } from '../manifest/manifest.ts'
import type { Home } from './home.ts'

/**
 * Which folders a session syncs: whoever finds it gone fetches by that what its pod wrote since. The manifest may have
 * changed meanwhile, or be elsewhere.
 */
export interface LeftNote {
  version: 1
  dev: Pick<Dev, 'name' | 'selector'>
  /** `deployment/web` */
  workload: string
  folders: SyncFolder[]
}

/** @param session its name in the cluster. Throws `state`. */
export function writeLeftNote(home: Home, session: string, note: LeftNote): void {
  const path = pathOf(home, session)
  const own = `${path}.${randomBytes(4).toString('hex')}`
  try {
    writeFileSync(own, JSON.stringify(note), { mode: 0o600, flag: 'wx' })
    renameSync(own, path)
  } catch (error) {
    throw new UserError('state', `cannot write ${path}`, {
      hint: 'make room there, or set PODSWAP_HOME to a folder that you can write to',
      cause: error,
    })
  }
}

/** null: there is none that can be read. */
export function readLeftNote(home: Home, session: string): LeftNote | null {
  try {
    const value = JSON.parse(readFileSync(pathOf(home, session), 'utf8')) as LeftNote
    const isWhole = value.version === 1 && typeof value.dev.name === 'string' && value.folders.every(isFolder)
    return isWhole ? value : null
  } catch {
    return null
  }
}

function isFolder({ local, remote, mode }: SyncFolder): boolean {
  return [local, remote, mode].every(each => typeof each === 'string')
}

function pathOf(home: Home, session: string): string {
  return join(home.sync, `${session}.json`)
}
