import type { Timers } from '../../syncer/base/clock.ts'
import { UserError } from '../../syncer/base/errors.ts'

/** A signal that fires after `timeoutMs`, or when one of the others does; disposed of, it waits no more. */
export function deadline(
  timers: Timers,
  timeoutMs: number,
  ...others: AbortSignal[]
): Disposable & { signal: AbortSignal } {
  const late = new AbortController()
  const cancel = timers.after(timeoutMs, () => late.abort(new UserError('timeout', 'the pod does not answer in time')))
  return { signal: AbortSignal.any([late.signal, ...others]), [Symbol.dispose]: cancel }
}
