import type { Dev } from '../manifest/manifest.ts'
import type { SessionConfig } from '../session/config.ts'
import { type OpenedSession, openSession } from '../session/open-session.ts'
import { followOutput } from '../session/program-output.ts'
import type { Outcome } from '../session/session-state.ts'
import type { Reporter, UiEvent } from '../ui/events.ts'
import type { Invocation } from './io.ts'
import { createReporter } from './reporter.ts'
import type { UpOptions } from './up-options.ts'
import type { Workplace } from './workplace.ts'

/** One of several sessions in this process: its lines bear its dev's name, and its program has no terminal. */
export interface RunningDev extends OpenedSession {
  reporter: Reporter
}

/**
 * Not started yet. Throws `held` where another process of this machine holds it.
 * @param speak says what is to be shown of an event, and where
 */
export async function openDev(
  { io, globals, options }: Invocation<UpOptions>,
  workplace: Workplace,
  { dev, config }: { dev: Dev; config: SessionConfig },
  speak: (reporter: Reporter, event: UiEvent) => void,
): Promise<RunningDev> {
  const reporter = createReporter(io, globals, dev.name)
  const report = (event: UiEvent) => speak(reporter, event)
  const opened = await openSession({
    ...workplace,
    manifest: workplace.manifest!,
    config,
    who: io,
    system: io,
    takeOver: options.takeOver === true,
    log: null,
    report,
    signal: io.interrupted,
  })
  followOutput(opened.session, report)
  return { ...opened, reporter }
}

/** What one fails with is said at once: the others may go on for hours. Whoever had it end is not to wait for them. */
export async function ended({ session, reporter, close }: RunningDev): Promise<Outcome> {
  const outcome = await session.done
  await close()
  if (outcome.reason.kind === 'failed') {
    const { message, hint } = outcome.reason.error
    reporter.report({ type: 'warning', message, hint })
  }
  return outcome
}

export async function closeAll(running: RunningDev[]): Promise<void> {
  for (const { close, reporter } of running) {
    await close()
    reporter.close()
  }
}
