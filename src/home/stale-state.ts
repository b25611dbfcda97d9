import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../../syncer/base/errors.ts'
import { listHolders } from './holder-record.ts'
import type { Home } from './home.ts'
import { processStart } from './process-identity.ts'

/** `<record>.json.<pid>.<random>`: being written, or left by a process that died at it. */
const UNFINISHED = /^[0-9a-f]{16}\.json\.(\d+)\.[0-9a-f]+$/
/** See `freshLog`. */
const FRESH_LOG = /\.log\.(\d+)$/

/** Files in the state folder that belong to processes which are gone: absolute paths. */
export function staleFiles(home: Home, isAlive: (pid: number, start: string | null) => boolean): string[] {
  const records = listHolders(home)
  const alive = records.filter(record => isAlive(record.pid, record.processStart))
  const dead = records.filter(record => !alive.includes(record))
  const used = new Set(alive.map(record => record.socket))
  const names = namesIn(home.run)
  const unfinished = names.filter(name => isOfNobody(UNFINISHED.exec(name)?.[1]))
  const logs = namesIn(home.logs).filter(name => isOfNobody(FRESH_LOG.exec(name)?.[1]))
  const sockets = names.filter(name => name.endsWith('.sock') && !used.has(join(home.run, name)))
  const inRun = [...dead.map(record => `${record.id}.json`), ...unfinished, ...sockets].map(name =>
    join(home.run, name),
  )
  const elsewhere = dead.map(record => record.socket).filter(socket => !isPipe(socket) && !inRun.includes(socket))
  return [...new Set([...inRun, ...elsewhere, ...logs.map(name => join(home.logs, name))])].sort()
}

/** @param pid as a file's name has it; undefined where it has none */
function isOfNobody(pid: string | undefined): boolean {
  return pid !== undefined && processStart(Number(pid)) === null
}

export function removeStale(files: string[]): void {
  for (const file of files) rmSync(file, { force: true })
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

/** On Windows; it goes with its process. */
function isPipe(socket: string): boolean {
  return socket.startsWith('\\\\')
}
