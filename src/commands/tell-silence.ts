import type { Timers } from '../../syncer/base/clock.ts'
import type { Reporter } from '../ui/events.ts'

/** Waits that are over sooner are not worth a line. */
const silenceMs = 2_000

/** Says what a command is at, where nothing else has been said of it for 2 s. */
export class SilenceTeller {
  readonly #reporter: Pick<Reporter, 'report'>
  readonly #timers: Timers
  #cancel = () => {}

  constructor(reporter: Pick<Reporter, 'report'>, timers: Timers) {
    this.#reporter = reporter
    this.#timers = timers
  }

  /** From here on; what was before is over. */
  at(message: string): void {
    this.#cancel()
    this.#cancel = this.#timers.after(silenceMs, () => this.#reporter.report({ type: 'waiting', message }))
  }

  [Symbol.dispose](): void {
    this.#cancel()
  }
}
