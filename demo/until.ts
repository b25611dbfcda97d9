import { setTimeout as pause } from 'node:timers/promises'
import { UserError } from '../syncer/base/errors.ts'

export interface UntilOptions {
  signal: AbortSignal
  deadlineMs?: number
  everyMs?: number
}

/**
 * Asks `probe` again until it answers with something other than undefined; a probe that throws counts as "not yet".
 * @throws UserError `timeout`, with what was seen last; the signal's reason
 */
export async function until<T>(
  what: string,
  probe: () => T | undefined | Promise<T | undefined>,
  { signal, deadlineMs = 120_000, everyMs = 50 }: UntilOptions,
): Promise<T> {
  const end = performance.now() + deadlineMs
  for (;;) {
    let trouble: unknown
    try {
      const answer = await probe()
      if (answer !== undefined) return answer
    } catch (error) {
      trouble = error
    }
    signal.throwIfAborted()
    if (performance.now() > end) {
      const last = trouble === undefined ? '' : `; last: ${trouble instanceof Error ? trouble.message : trouble}`
      throw new UserError('timeout', `not within ${deadlineMs / 1000} s: ${what}${last}`, { cause: trouble })
    }
    await pause(everyMs, undefined, { signal })
  }
}
