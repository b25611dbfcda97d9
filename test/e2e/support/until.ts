import { setTimeout as pause } from 'node:timers/promises'

export interface UntilOptions {
  deadlineMs?: number
  everyMs?: number
}

/**
 * Asks `probe` again and again until it answers with something other than `undefined`, `null` or `false`, and gives
 * that answer. A probe that throws counts as "not yet". At the deadline it fails with what was seen last.
 */
export async function until<T>(
  what: string,
  probe: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  { deadlineMs = 30_000, everyMs = 50 }: UntilOptions = {},
): Promise<T> {
  const end = performance.now() + deadlineMs
  let last: unknown
  for (;;) {
    try {
      const answer = await probe()
      if (answer !== undefined && answer !== null && answer !== false) return answer
      last = answer
    } catch (error) {
      last = error
    }
    if (performance.now() > end) {
      throw new Error(`not within ${deadlineMs} ms: ${what}; last: ${String(last)}`, { cause: last })
    }
    await pause(everyMs)
  }
}

/** Like {@link until}, for an assertion: passes as soon as `check` does not throw, fails with its last complaint. */
export async function eventually(check: () => void | Promise<void>, options: UntilOptions = {}): Promise<void> {
  const end = performance.now() + (options.deadlineMs ?? 30_000)
  for (;;) {
    try {
      await check()
      return
    } catch (error) {
      if (performance.now() > end) throw error
    }
    await pause(options.everyMs ?? 50)
  }
}
