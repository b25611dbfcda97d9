import { UserError } from '../../syncer/base/errors.ts'
import type { Dev } from '../manifest/manifest.ts'
import type { Outcome } from '../session/session-state.ts'
import type { Reporter, UiEvent } from '../ui/events.ts'
import { Beside } from './beside.ts'
import { exitCodeOfOutcome } from './exit-code.ts'
import type { Invocation } from './io.ts'
import { closeAll, ended, openDev, type RunningDev } from './running-dev.ts'
import { sessionConfig } from './session-config.ts'
import type { UpOptions } from './up-options.ts'
import type { Workplace } from './workplace.ts'

/**
 * Several sessions in this process. Their programs share what is printed here, each line with its dev's name, and have no
 * terminal; Ctrl-C ends them all. Their services end with the last of them. Resolves with the first exit code that is not
 * 0, when the last one has ended.
 */
export async function upSeveral(
  invocation: Invocation<UpOptions>,
  workplace: Workplace,
  { devs, services }: { devs: Dev[]; services: Dev[] },
): Promise<number> {
  const { io, rest } = invocation
  if (rest !== null) {
    throw new UserError('usage', 'one command cannot be that of several devs', {
      hint: 'leave out what follows --, or name one dev',
    })
  }
  const running: RunningDev[] = []
  let beside: Beside | null = null
  let outcomes: Outcome[] = []
  const speak = (reporter: Reporter, event: UiEvent) => reporter.report(event)
  const release = io.onSignal(signal => {
    for (const { session } of running) session.interrupt(signal)
    // what the devs come to decides about those
    if (outcomes.length > 0 || running.some(({ session }) => session.wasReady)) beside?.interrupt(signal)
  })
  try {
    // None starts where one of them is held by another process of this machine.
    for (const dev of devs) {
      const config = sessionConfig(invocation, dev, { interactive: false, endsWithCommand: true })
      running.push(await openDev(invocation, workplace, { dev, config }, speak))
    }
    beside = await Beside.open(invocation, workplace, services, speak)
    for (const { session } of running) session.start()
    beside.start()
    outcomes = await Promise.all(running.map(ended))
    return outcomes.map(exitCodeOfOutcome).find(code => code !== 0) ?? 0
  } finally {
    await beside?.end(outcomes)
    release()
    await closeAll(running)
  }
}
