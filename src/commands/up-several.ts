import { UserError } from '../../syncer/base/errors.ts'
import type { Dev } from '../manifest/manifest.ts'
import { type OpenedSession, openSession } from '../session/open-session.ts'
import { followOutput } from '../session/program-output.ts'
import type { Outcome } from '../session/session-state.ts'
import type { Reporter } from '../ui/events.ts'
import { Beside } from './beside.ts'
import { exitCodeOfOutcome } from './exit-code.ts'
import type { Invocation } from './io.ts'
import { createReporter } from './reporter.ts'
import { sessionConfig } from './session-config.ts'
import type { UpOptions } from './up.ts'
import type { Workplace } from './workplace.ts'

interface Running extends OpenedSession {
  reporter: Reporter
}

/**
 * Several sessions in this process. Their programs share what is printed here, each line with its dev's name, and have no
 * terminal; Ctrl-C ends them all. Their services end with the last of them. Resolves with the first exit code that is not 0, when the last one has ended.
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
  const running: Running[] = []
  let beside: Beside | null = null
  let outcomes: Outcome[] = []
  const release = io.onSignal(signal => {
    for (const { session } of running) session.interrupt(signal)
    // what the devs come to decides about those
    if (outcomes.length > 0 || running.some(({ session }) => session.wasReady)) beside?.interrupt(signal)
  })
  try {
    // None starts where one of them is held by another process of this machine.
    for (const dev of devs) running.push(await open(invocation, workplace, dev))
    beside = await Beside.open(invocation, workplace, services, (reporter, event) => reporter.report(event))
    for (const { session } of running) session.start()
    beside.start()
    outcomes = await Promise.all(running.map(ended))
    return outcomes.map(exitCodeOfOutcome).find(code => code !== 0) ?? 0
  } finally {
    await beside?.end(outcomes)
    release()
    for (const { close, reporter } of running) {
      await close()
      reporter.close()
    }
  }
}

async function open(invocation: Invocation<UpOptions>, workplace: Workplace, dev: Dev): Promise<Running> {
  const { io, globals, options } = invocation
  const reporter = createReporter(io, globals, dev.name)
  const opened = await openSession({
    ...workplace,
    manifest: workplace.manifest!,
    config: sessionConfig(invocation, dev, { interactive: false, endsWithCommand: true }),
    who: io,
    system: io,
    takeOver: options.takeOver === true,
    log: null,
    report: event => reporter.report(event),
    signal: io.interrupted,
  })
  followOutput(opened.session, event => reporter.report(event))
  return { ...opened, reporter }
}

/** What one fails with is said at once: the others may go on for hours. Whoever had it end is not to wait for them. */
async function ended({ session, reporter, close }: Running): Promise<Outcome> {
  const outcome = await session.done
  await close()
  if (outcome.reason.kind === 'failed') {
    const { message, hint } = outcome.reason.error
    reporter.report({ type: 'warning', message, hint })
  }
  return outcome
}
