import { setTimeout } from 'node:timers/promises'
import type { DevStatus } from '../session/status-report.ts'

/** After it is ready: an app takes its time to listen, and some forwards are for later (a debugger). */
const answeringTimeoutMs = 20_000
/** Waits that are over sooner are not worth a line. */
const silenceMs = 2_000
const intervalMs = 100

export interface AnsweringOptions {
  ask: () => Promise<DevStatus>
  /** Called once, where it takes longer. */
  tell: (message: string) => void
  /** Milliseconds of a clock that only goes forward. */
  now?: () => number
  pause?: (ms: number) => Promise<unknown>
}

/** The first status in which every forward answers, or the command has ended; else the one after 20 s. */
export async function untilAnswering(options: AnsweringOptions): Promise<DevStatus> {
  const { ask, tell, now = () => performance.now(), pause = setTimeout } = options
  const begun = now()
  let told = false
  for (;;) {
    const status = await ask()
    const waitedMs = now() - begun
    const stands = status.state === 'ready' || status.state === 'syncing'
    const silent = silentForwards(status)
    const answers = stands && silent.length === 0
    if (answers || status.command.state === 'exited' || waitedMs > answeringTimeoutMs) return status
    if (!told && waitedMs >= silenceMs) {
      told = true
      tell(waitText(status, silent))
    }
    await pause(intervalMs)
  }
}

/** Why one from the pod, or its port, could not be had was said when it was tried. */
function silentForwards({ forwards }: DevStatus): DevStatus['forwards'] {
  return forwards.filter(
    ({ state, direction }) =>
      state !== 'ready' && state !== 'waiting' && !(direction === 'reverse' && state === 'failed'),
  )
}

function waitText({ name, state }: DevStatus, silent: DevStatus['forwards']): string {
  const what =
    silent.length === 0
      ? `${name}, which is ${state}`
      : `an answer of ${silent.map(({ local, remote }) => `${local} → ${remote}`).join(', ')}`
  return `waiting for ${what}, ${answeringTimeoutMs / 1000} s at most`
}
