import { randomBytes } from 'node:crypto'
import { linkSync, readdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, UserError } from '../../syncer/base/errors.ts'
import type { Home } from './home.ts'
import { placeOnce } from './place-once.ts'

/** The process on this laptop that holds a session, as another podswap process finds it. */
export interface HolderRecord {
  version: 1
  /** Names the session on this laptop: the same workload always gets the same one. */
  id: string
  pid: number
  /** See `processStart`; null where the system does not say. */
  processStart: string | null
  /** Wall clock, milliseconds. */
  startedAtMs: number
  user: string
  host: string
  /** Shown with each request over the socket. */
  token: string
  socket: string
  server: string
  context: string
  namespace: string
  dev: string
  /** `deployment/web`, once it is known. */
  workload: string | null
  manifest: string
  /** Where a background process writes what it does; null in the foreground. */
  log: string | null
  /** It holds the session only to fetch what was written in the pod of one that is gone, and answers nobody. */
  fetches?: true
}

const NAME = /^[0-9a-f]{16}\.json$/

/** What `claim` found: the session is now ours, or somebody's record is in the way. */
export type Claim = { claimed: true } | { claimed: false; by: HolderRecord }

/** Writes the record if there is none, in one step: of two processes exactly one succeeds. */
export function claimHolder(home: Home, record: HolderRecord): Claim {
  const path = recordPath(home, record.id)
  for (let attempt = 0; attempt < 3; attempt++) {
    if (placeOnce(path, JSON.stringify(record))) return { claimed: true }
    const by = readHolder(home, record.id)
    if (by) return { claimed: false, by }
    // Unreadable, or gone just now: out of the way, and once more.
    removeFile(path)
  }
  throw new UserError('state', `cannot claim ${path}: it keeps changing`)
}

/** Puts a newer version of our own record in place of the older one. */
export function updateHolder(home: Home, record: HolderRecord): void {
  const path = recordPath(home, record.id)
  if (readHolder(home, record.id)?.token !== record.token) return
  const own = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  writeFileSync(own, JSON.stringify(record), { mode: 0o600, flag: 'wx' })
  renameSync(own, path)
}

/** Removes this very record: one that somebody else wrote meanwhile under the same name stays. */
export function releaseHolder(home: Home, record: HolderRecord): void {
  const path = recordPath(home, record.id)
  const grabbed = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  // Looking first and unlinking then would let another process's fresh record go: take it away, look, put it back.
  try {
    renameSync(path, grabbed)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return
    throw error
  }
  const found = parseRecord(grabbed)
  if (found && found.token !== record.token) {
    try {
      linkSync(grabbed, path)
    } catch {
      // A third one has claimed it: its record is the truth.
    }
  }
  removeFile(grabbed)
}

export function readHolder(home: Home, id: string): HolderRecord | null {
  return parseRecord(recordPath(home, id))
}

/** All records on this laptop, of live sessions and of dead ones. */
export function listHolders(home: Home): HolderRecord[] {
  let names: string[]
  try {
    names = readdirSync(home.run)
  } catch {
    return []
  }
  return names
    .filter(name => NAME.test(name))
    .sort()
    .map(name => parseRecord(join(home.run, name)))
    .filter(record => record !== null)
}

function recordPath(home: Home, id: string): string {
  return join(home.run, `${id}.json`)
}

function parseRecord(path: string): HolderRecord | null {
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as HolderRecord
    const whole =
      value.version === 1 &&
      Number.isSafeInteger(value.pid) &&
      [value.id, value.token, value.socket, value.server, value.namespace, value.dev].every(t => typeof t === 'string')
    return whole ? value : null
  } catch {
    return null
  }
}

function removeFile(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}
