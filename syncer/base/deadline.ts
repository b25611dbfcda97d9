import type { Timers } from './clock.ts'
import { UserError } from './errors.ts'

export interface Deadline extends Disposable {
  /** Fires after the time, or when one of the others does. */
  signal: AbortSignal
  /** Fires after the time alone. */
  late: AbortSignal
}

/**
 * A limit of time beside other signals; disposed of, it waits no more. To be used in place of `AbortSignal.timeout`: nobody
 * holds on to one of those within `AbortSignal.any`, and one that was collected as garbage never fires (Node.js 20).
 */
export function deadline(timers: Timers, timeoutMs: number, ...others: AbortSignal[]): Deadline {
  const late = new AbortController()
  const cancel = timers.after(timeoutMs, () => late.abort(new UserError('timeout', 'the pod does not answer in time')))
  return { signal: AbortSignal.any([late.signal, ...others]), late: late.signal, [Symbol.dispose]: cancel }
}
