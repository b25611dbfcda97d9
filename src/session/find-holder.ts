import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { systemTimers } from '../../syncer/base/clock.ts'
import { deadline } from '../../syncer/base/deadline.ts'
import { UserError } from '../../syncer/base/errors.ts'
import { claimHolder, type HolderRecord, listHolders, readHolder, releaseHolder } from '../home/holder-record.ts'
import type { Home } from '../home/home.ts'
import { homeIdentity } from '../home/identity.ts'
import { processStart } from '../home/process-identity.ts'
import { askHolder } from './control-client.ts'

const STOP_TIMEOUT_MS = 15_000
const TERM_TIMEOUT_MS = 10_000
const POLL_MS = 25

/** Names the session of one dev of one namespace of one cluster on this laptop: 16 hexadecimal digits. */
export function sessionId(
  { server, namespace }: { server: string; namespace: string },
  dev: { name: string; selector?: Record<string, string> | undefined },
): string {
  const selector = Object.entries(dev.selector ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  const text = JSON.stringify([server, namespace, dev.name, selector])
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** Names this laptop's session in the cluster: another laptop's, and another checkout's with a state folder of its own, differ. */
export function swapSessionId(home: Home, id: string): string {
  return createHash('sha256')
    .update(`${homeIdentity(home)} ${id}`)
    .digest('hex')
    .slice(0, 16)
}

/** Whether the process that wrote the record is still there; a later one with its number is not. */
export function isAlive(record: Pick<HolderRecord, 'pid' | 'processStart'>): boolean {
  const start = processStart(record.pid)
  if (start === null) return false
  return start === undefined || record.processStart === null || start === record.processStart
}

/** The live session of this id; what a dead one left behind is removed. */
export function findHolder(home: Home, id: string): HolderRecord | null {
  const record = readHolder(home, id)
  if (!record || isAlive(record)) return record
  removeDead(home, record)
  return null
}

function removeDead(home: Home, record: HolderRecord): void {
  releaseHolder(home, record)
  // A named pipe goes with its process.
  if (!record.socket.startsWith('\\\\')) rmSync(record.socket, { force: true })
}

/** All live sessions on this laptop. */
export function liveHolders(home: Home): HolderRecord[] {
  return listHolders(home).filter(record => findHolder(home, record.id) !== null)
}

/** Makes this process the one that holds the session. Throws `held` where another live one does. */
export function claimSession(home: Home, record: HolderRecord): void {
  for (let attempt = 0; attempt < 3; attempt++) {
    const claim = claimHolder(home, record)
    if (claim.claimed) return
    if (isAlive(claim.by)) throw heldHere(claim.by)
    removeDead(home, claim.by)
  }
  throw new UserError('state', 'another podswap process starts at the same moment', { hint: 'try once more' })
}

export function heldHere(by: HolderRecord): UserError {
  const since = new Date(by.startedAtMs).toLocaleTimeString()
  return new UserError('held', `process ${by.pid} on this machine holds ${by.dev} since ${since}`, {
    hint: [
      `podswap attach ${by.dev} takes its terminal, podswap status shows how it is`,
      `podswap up ${by.dev} --take-over takes it from there, podswap down ${by.dev} ends it`,
    ].join('\n'),
  })
}

/** A session that was asked to end. */
export interface Stopping {
  /** It begins nothing any more, or has ended. Rejects as `ended` does, where nobody answers. */
  heard: Promise<void>
  ended: Promise<void>
}

/**
 * Has a session end and leave the cluster as it is: its process may have others, which go on. A process that does not
 * answer gets SIGTERM, if it certainly is the one. `ended` rejects with `timeout` where it stays.
 */
export function beginStop(home: Home, record: HolderRecord, signal: AbortSignal): Stopping {
  let hear = () => {}
  const answered = new Promise<void>(resolve => {
    hear = resolve
  })
  const ended = seeEnd(home, record, signal, hear)
  const heard = Promise.race([answered, ended])
  // who waits for one of them hears of it
  for (const promise of [heard, ended]) promise.catch(() => {})
  return { heard, ended }
}

/** As {@link beginStop}, and waits for the end. */
export async function stopHolder(home: Home, record: HolderRecord, signal: AbortSignal): Promise<void> {
  await beginStop(home, record, signal).ended
}

async function seeEnd(home: Home, record: HolderRecord, signal: AbortSignal, hear: () => void): Promise<void> {
  using limit = deadline(systemTimers, STOP_TIMEOUT_MS, signal)
  try {
    // its only event: it stops
    await askHolder(record, { method: 'stop' }, { signal: limit.signal, onEvent: hear })
  } catch (error) {
    signal.throwIfAborted()
    // Gone in the middle of the answer is as good as an answer.
    if (!(error instanceof UserError)) throw error
  }
  if (await ends(home, record, limit.late.aborted ? 0 : 3_000, signal)) return removeDead(home, record)
  if (record.processStart !== null && processStart(record.pid) === record.processStart) {
    process.kill(record.pid, 'SIGTERM')
    if (await ends(home, record, TERM_TIMEOUT_MS, signal)) return removeDead(home, record)
  }
  throw new UserError('timeout', `process ${record.pid}, which holds ${record.dev}, does not end`, {
    hint: `look what it does, or end it: kill -9 ${record.pid}; then try again`,
  })
}

/** Its process is gone, or holds others and not this one any more. */
async function ends(home: Home, record: HolderRecord, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  const isLeft = () =>
    readHolder(home, record.id)?.token !== record.token && listHolders(home).some(({ pid }) => pid === record.pid)
  for (let waitedMs = 0; isAlive(record) && !isLeft(); waitedMs += POLL_MS) {
    if (waitedMs >= timeoutMs) return false
    await pause(POLL_MS, undefined, { signal })
  }
  return true
}
