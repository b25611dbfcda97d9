import { UserError } from '../../syncer/base/errors.ts'
import type { HolderRecord } from '../home/holder-record.ts'
import { askHolder } from '../session/control-client.ts'
import type { DevStatus } from '../session/status-report.ts'
import type { SilenceTeller } from './tell-silence.ts'
import type { Workplace } from './workplace.ts'

const ROUND_MS = 5_000
/** Beyond that a process that answers at all has answered. */
const ANSWER_MS = 1_000

/**
 * What was written in pods comes to this laptop before they go, for as long as something comes. What does not is told: it
 * goes with its pod.
 */
export async function fetchFromPods(
  { reporter }: Pick<Workplace, 'reporter'>,
  holders: HolderRecord[],
  { silence, signal }: { silence: SilenceTeller; signal: AbortSignal },
): Promise<void> {
  if (holders.length === 0) return
  silence.at(`waiting for what was written in ${holders.length === 1 ? 'the dev pod' : 'the dev pods'}`)
  await Promise.all(
    holders.map(async record => {
      const error = await fetchOne(record, signal)
      if (error === null) return
      const message = `what was written last in the dev pod of ${record.dev} may not all be here, and goes with the pod: ${error.message}`
      reporter.report({ type: 'warning', message })
    }),
  )
}

/** @returns why not all came; null also where there is nobody to ask, or no sync yet */
async function fetchOne(record: HolderRecord, signal: AbortSignal): Promise<UserError | null> {
  for (let received = -1; ; ) {
    try {
      await ask(record, { method: 'fetch', timeoutMs: ROUND_MS }, signal)
      return null
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof UserError)) throw error
      // A process that hangs or goes is the matter of who asks it to end.
      if (error.code === 'not-found' || error.code === 'interrupted') return null
      if (error.code !== 'timeout') return error
      const now = await receivedBytes(record, signal)
      if (now === null || now <= received) return error
      received = now
    }
  }
}

async function receivedBytes(record: HolderRecord, signal: AbortSignal): Promise<number | null> {
  try {
    return ((await ask(record, { method: 'status' }, signal)) as DevStatus).sync.bytes_received
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof UserError) return null
    throw error
  }
}

function ask(record: HolderRecord, request: Parameters<typeof askHolder>[1], signal: AbortSignal): Promise<unknown> {
  return askHolder(record, request, { signal: AbortSignal.any([signal, AbortSignal.timeout(ROUND_MS + ANSWER_MS)]) })
}
