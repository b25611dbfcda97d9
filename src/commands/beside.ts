import type { Dev } from '../manifest/manifest.ts'
import type { Outcome } from '../session/session-state.ts'
import type { Reporter, UiEvent } from '../ui/events.ts'
import type { Invocation } from './io.ts'
import { closeAll, ended, openDev, type RunningDev } from './running-dev.ts'
import { sessionConfig } from './session-config.ts'
import type { UpOptions } from './up-options.ts'
import type { Workplace } from './workplace.ts'

/** The sessions of a dev's services, in its process: they begin with it and end with it. */
export class Beside {
  readonly #running: RunningDev[] = []
  #done: Promise<PromiseSettledResult<Outcome>[]> = Promise.resolve([])

  /** `speak` says what is to be shown of an event, and where. Throws `held` where another process holds one of them. */
  static async open(
    invocation: Invocation<UpOptions>,
    workplace: Workplace,
    services: Dev[],
    speak: (reporter: Reporter, event: UiEvent) => void,
  ): Promise<Beside> {
    const beside = new Beside()
    try {
      for (const dev of services) {
        // what follows `--` is the dev's
        const config = sessionConfig({ ...invocation, rest: null }, dev, { interactive: false, endsWithCommand: false })
        beside.#running.push(await openDev(invocation, workplace, { dev, config }, speak))
      }
    } catch (error) {
      await closeAll(beside.#running)
      throw error
    }
    return beside
  }

  start(): void {
    for (const { session } of this.#running) session.start()
    // nobody waits for it before the devs have ended: what goes wrong here is kept until then
    this.#done = Promise.allSettled(this.#running.map(ended))
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
    const settled = await this.#done
    await closeAll(this.#running)
    return settled.map(result => {
      if (result.status === 'rejected') throw result.reason
      return result.value
    })
  }
}
