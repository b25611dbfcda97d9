import { setTimeout as pause } from 'node:timers/promises'
import { systemTimers } from '../../syncer/base/clock.ts'
import { deadline } from '../../syncer/base/deadline.ts'
import { UserError } from '../../syncer/base/errors.ts'
import type { HolderRecord } from '../home/holder-record.ts'
import { awaitStall, type Coming } from '../session/await-stall.ts'
import { askHolder } from '../session/control-client.ts'
import type { DevStatus } from '../session/status-report.ts'
import type { SilenceTeller } from './tell-silence.ts'

const ANSWER_MS = 6_000
/** Beyond that nobody waits, whatever comes. */
const FETCH_MS_MAX = 60 * 60_000
/** A connection, which may come back by itself, is tried so often, a pause apart. */
const cut = { tries: 4, pauseMs: 3_000 }
/**
 * What cannot be made here is tried by each question itself: once more each for a try that was on its way just then, and for
 * a disk that takes a moment to free what was removed.
 */
const refused = { tries: 3, pauseMs: 500 }

const goneText = 'the connection to it is gone'

export interface Fetching {
  silence: Pick<SilenceTeller, 'at'>
  signal: AbortSignal
  /** How often it is looked whether something comes. */
  lookMs?: number | undefined
  /** Beyond that a process that answers at all has answered. */
  answerMs?: number | undefined
}

/** A session whose pod holds what is not here. */
export interface Unfetched {
  record: HolderRecord
  /** `not-found`, `interrupted`: its process is gone, or nobody answers for it. */
  error: UserError
}

/**
 * What was written in pods comes to this laptop before they go, for as long as something comes.
 * @returns the sessions of which not all came, and why
 */
export async function fetchFromPods(holders: HolderRecord[], options: Fetching): Promise<Unfetched[]> {
  const { silence } = options
  if (holders.length === 0) return []
  silence.at(`waiting for what was written in ${holders.length === 1 ? 'the dev pod' : 'the dev pods'}`)
  const all = await Promise.all(holders.map(async record => ({ record, error: await fetchOne(record, options) })))
  return all.flatMap(({ record, error }) => (error === null ? [] : [{ record, error }]))
}

/** @returns why not all came; null also where there is no sync yet */
async function fetchOne(record: HolderRecord, how: Fetching): Promise<UserError | null> {
  if (record.fetches) return new UserError('held', `process ${record.pid} is fetching it just now`)
  for (let tries = 1; ; tries++) {
    const error = await askToFetch(record, how)
    const isCut = error?.code === 'sync-halted' && (await comingOf(record, how))?.isCut === true
    if (error === null || !(isCut || error.code === 'state')) return error
    const patience = isCut ? cut : refused
    if (tries >= patience.tries) return isCut ? new UserError('timeout', goneText) : error
    await pause(how.lookMs ?? patience.pauseMs, undefined, { signal: how.signal })
  }
}

/** Once: what is written while it waits, which may be for ever, is not waited for. */
async function askToFetch(record: HolderRecord, how: Fetching): Promise<UserError | null> {
  const { signal, lookMs } = how
  const stalled = new AbortController()
  const done = new AbortController()
  const ending = AbortSignal.any([signal, done.signal])
  const look = () => comingOf(record, { ...how, signal: ending })
  const watching = awaitStall({ look, timers: systemTimers, lookMs, signal: ending }).then(isStalled => {
    if (isStalled) stalled.abort()
  })
  try {
    const ended = AbortSignal.any([signal, stalled.signal])
    await askHolder(record, { method: 'fetch', timeoutMs: FETCH_MS_MAX }, { signal: ended })
    return null
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof UserError)) throw error
    if (stalled.signal.aborted) return await stallError(record, how)
    return error
  } finally {
    done.abort()
    await watching
  }
}

async function stallError(record: HolderRecord, how: Fetching): Promise<UserError> {
  const now = await comingOf(record, how)
  if (now?.isCut) return new UserError('sync-halted', goneText)
  if (now) return new UserError('timeout', 'nothing more came')
  return new UserError('timeout', `process ${record.pid}, which holds the session, does not answer`, {
    hint: `it is stopped, or hangs; after kill -9 ${record.pid} podswap down fetches what is there without it`,
  })
}

async function comingOf(record: HolderRecord, { signal, answerMs = ANSWER_MS }: Fetching): Promise<Coming | null> {
  try {
    using limit = deadline(systemTimers, answerMs, signal)
    const { sync } = (await askHolder(record, { method: 'status' }, { signal: limit.signal })) as DevStatus
    return { bytes: sync.bytes_received ?? 0, isCut: sync.state === 'paused' }
  } catch (error) {
    if (error instanceof UserError) return null
    throw error
  }
}
