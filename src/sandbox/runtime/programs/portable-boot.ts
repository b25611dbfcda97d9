import { setTimeout as sleep } from 'node:timers/promises'
import { endingSignals, exitCodeOf, start } from './portable-child.ts'

/** As in `native/init.c`. */
const backoffMsMin = 100
const backoffMsMax = 2_000
const steadyMs = 10_000

/** Keeps the agent running; ends with it when it is told to. What it leaves is ended with the container. */
export async function boot(argv: string[]): Promise<number> {
  const ending = new AbortController()
  let running: ReturnType<typeof start> | undefined
  let code = 0
  for (const signal of endingSignals) {
    process.on(signal, () => {
      if (code === 0) code = exitCodeOf(signal)
      ending.abort()
      running?.child.kill(signal)
      if (signal !== 'SIGTERM') running?.child.kill('SIGTERM')
    })
  }
  // by this the holders of terminals know when the container has ended
  Object.assign(process.env, { PODSWAP_BOOT_PID: `${process.pid}` })
  for (let delayMs = backoffMsMin; ; delayMs = Math.min(2 * delayMs, backoffMsMax)) {
    const startedMs = performance.now()
    running = start(argv)
    const ended = await running.ended
    if (ending.signal.aborted) return code
    const ranMs = performance.now() - startedMs
    // starting again would not mend it
    if ((ended === 126 || ended === 127) && ranMs < 1_000) return ended
    if (ranMs > steadyMs) delayMs = backoffMsMin
    await sleep(delayMs, undefined, { signal: ending.signal }).catch(() => {})
    if (ending.signal.aborted) return code
  }
}
