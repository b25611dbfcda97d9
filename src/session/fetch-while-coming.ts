import type { Timers } from '../../syncer/base/clock.ts'
import { UserError } from '../../syncer/base/errors.ts'
import { awaitStall } from './await-stall.ts'
import type { FolderSource } from './status-report.ts'

/** So many looks a connection that is gone may take to come back. */
const cutLooksMax = 6

/** What the fetching is asked of, and seen by. */
export interface FetchSource {
  readonly sources: FolderSource[]
  fetch(signal: AbortSignal): Promise<void>
}

export interface WhileComing {
  timers: Timers
  /** It cannot come any more. */
  isCut: () => boolean
  signal: AbortSignal
  lookMs?: number | undefined
}

/**
 * Resolves when what was written in the pod before the call is here; waits for as long as something comes. Throws
 * `timeout` where nothing does any more, and what `fetch` throws.
 */
export async function fetchWhileComing(from: FetchSource, how: WhileComing): Promise<void> {
  const { timers, isCut, signal, lookMs } = how
  const done = new AbortController()
  const stalled = new AbortController()
  const look = () => ({
    bytes: from.sources.reduce((sum, { status }) => sum + status.bytesReceived, 0),
    isCut: isCut(),
  })
  void awaitStall({ look, timers, lookMs, cutLooksMax, signal: AbortSignal.any([signal, done.signal]) }).then(is => {
    if (is) stalled.abort(new UserError('timeout', 'nothing more came'))
  })
  try {
    await from.fetch(AbortSignal.any([signal, stalled.signal]))
  } finally {
    done.abort()
  }
}
