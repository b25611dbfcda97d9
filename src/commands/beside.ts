import type { Dev } from '../manifest/manifest.ts'
import { type OpenedSession, openSession } from '../session/open-session.ts'
import { followOutput } from '../session/program-output.ts'
import type { Outcome } from '../session/session-state.ts'
import type { Reporter, UiEvent } from '../ui/events.ts'
import type { Invocation } from './io.ts'
import { createReporter } from './reporter.ts'
import { sessionConfig } from './session-config.ts'
import type { UpOptions } from './up.ts'
import type { Workplace } from './workplace.ts'

interface Running extends OpenedSession {
  reporter: Reporter
}

/** The sessions of a dev's services, in its process: they begin with it and end with it. */
export class Beside {
  readonly #running: Running[] = []
  #done: Promise<Outcome[]> = Promise.resolve([])

  /** `speak` says what is to be shown of an event, and where. Throws `held` where another process holds one of them. */
  static async open(
    invocation: Invocation<UpOptions>,
    workplace: Workplace,
    services: Dev[],
    speak: (reporter: Reporter, event: UiEvent) => void,
  ): Promise<Beside> {
    const beside = new Beside()
    try {
      for (const dev of services) beside.#running.push(await openOne(invocation, workplace, dev, speak))
    } catch (error) {
      await beside.#close()
      throw error
    }
    return beside
  }

  start(): void {
    for (const { session } of this.#running) session.start()
    this.#done = Promise.all(this.#running.map(ended))
  }

  interrupt(signal: string): void {
    for (const { session } of this.#running) session.interrupt(signal)
  }

  /** Ends those that still run, as `devs` have ended: where nothing of those stays swapped, neither do these. */
  async end(devs: Outcome[]): Promise<Outcome[]> {
    const undo = devs.length > 0 && devs.every(({ cluster }) => cluster === 'reverted' || cluster === 'untouched')
    // told twice, a session that is being undone would not wait for that any more
    for (const { session } of this.#running) {
      const { phase } = session.snapshot()
      if (phase !== 'reverting' && phase !== 'ended') session.interrupt('SIGTERM', { undo })
    }
    const outcomes = await this.#done
    await this.#close()
    return outcomes
  }

  async #close(): Promise<void> {
    for (const { close, reporter } of this.#running) {
      await close()
      reporter.close()
    }
  }
}

async function openOne(
  invocation: Invocation<UpOptions>,
  workplace: Workplace,
  dev: Dev,
  speak: (reporter: Reporter, event: UiEvent) => void,
): Promise<Running> {
  const { io, globals, options } = invocation
  const reporter = createReporter(io, globals, dev.name)
  const report = (event: UiEvent) => speak(reporter, event)
  const opened = await openSession({
    ...workplace,
    manifest: workplace.manifest!,
    // what follows `--` is the dev's
    config: sessionConfig({ ...invocation, rest: null }, dev, { interactive: false, endsWithCommand: false }),
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

/** What one fails with is said at once: the dev goes on. Whoever had it end is not to wait for this process. */
async function ended({ session, reporter, close }: Running): Promise<Outcome> {
  const outcome = await session.done
  await close()
  if (outcome.reason.kind === 'failed') {
    const { message, hint } = outcome.reason.error
    reporter.report({ type: 'warning', message, hint })
  }
  return outcome
}
