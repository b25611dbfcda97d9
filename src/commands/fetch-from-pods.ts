import { setTimeout as pause } from 'node:timers/promises'
import { UserError } from '../../syncer/base/errors.ts'
import type { HolderRecord } from '../home/holder-record.ts'
import { askHolder } from '../session/control-client.ts'
import type { DevStatus } from '../session/status-report.ts'
import type { SilenceTeller } from './tell-silence.ts'
import type { Workplace } from './workplace.ts'

/** How often it is looked whether something comes. */
const LOOK_MS = 5_000
/** So often nothing may come: the pod may be reading a file of many gigabytes before it sends any of it. */
const LOOKS_IN_VAIN = 12
/** More than signs of life take between two looks. */
const IDLE_BYTES = 4 * 1024
/** Beyond that a process that answers at all has answered. */
const STATUS_MS = 6_000
/** Beyond that nobody waits, whatever comes. */
const FETCH_MS_MAX = 60 * 60_000

/**
 * What was written in pods comes to this laptop before they go, for as long as something comes. What does not is told: it
 * goes with its pod.
 */
export async function fetchFromPods(
  { reporter }: Pick<Workplace, 'reporter'>,
  holders: HolderRecord[],
  options: { silence: Pick<SilenceTeller, 'at'>; signal: AbortSignal; lookMs?: number },
): Promise<void> {
  const { silence, signal, lookMs = LOOK_MS } = options
  if (holders.length === 0) return
  silence.at(`waiting for what was written in ${holders.length === 1 ? 'the dev pod' : 'the dev pods'}`)
  await Promise.all(
    holders.map(async record => {
      const error = await fetchOne(record, signal, lookMs)
      if (error === null) return
      const message = `what was written last in the dev pod of ${record.dev} may not all be here, and goes with the pod: ${error.message}`
      reporter.report({ type: 'warning', message })
    }),
  )
}

/**
 * Asked once: what is written while it waits, which may be for ever, is not waited for.
 * @returns why not all came; null also where there is nobody to ask, or no sync yet
 */
async function fetchOne(record: HolderRecord, signal: AbortSignal, lookMs: number): Promise<UserError | null> {
  const stalled = new AbortController()
  const done = new AbortController()
  const watching = awaitStall(record, AbortSignal.any([signal, done.signal]), lookMs).then(isStalled => {
    if (isStalled) stalled.abort()
  })
  try {
    const ended = AbortSignal.any([signal, stalled.signal])
    await askHolder(record, { method: 'fetch', timeoutMs: FETCH_MS_MAX }, { signal: ended })
    return null
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof UserError)) throw error
    if (stalled.signal.aborted) return new UserError('timeout', 'nothing more came')
    // A process that hangs or goes is the matter of who asks it to end.
    return error.code === 'not-found' || error.code === 'interrupted' ? null : error
  } finally {
    done.abort()
    await watching
  }
}

/** Resolves with true when nothing comes from the pod any more, with false when `signal` says so. */
async function awaitStall(record: HolderRecord, signal: AbortSignal, lookMs: number): Promise<boolean> {
  let received = 0
  for (let vain = 0; vain < LOOKS_IN_VAIN; ) {
    await pause(lookMs, undefined, { signal }).catch(() => {})
    if (signal.aborted) return false
    const sync = await syncOf(record, signal)
    // The connection is gone, and may not come back.
    if (sync === null || sync.state === 'paused') break
    const now = sync.bytes_received ?? 0
    vain = now - received > IDLE_BYTES ? 0 : vain + 1
    received = now
  }
  return !signal.aborted
}

async function syncOf(record: HolderRecord, signal: AbortSignal): Promise<DevStatus['sync'] | null> {
  try {
    const inTime = AbortSignal.any([signal, AbortSignal.timeout(STATUS_MS)])
    return ((await askHolder(record, { method: 'status' }, { signal: inTime })) as DevStatus).sync
  } catch (error) {
    if (error instanceof UserError) return null
    throw error
  }
}
