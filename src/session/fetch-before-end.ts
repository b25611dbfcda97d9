import type { Timers } from '../../syncer/base/clock.ts'
import type { UiEvent } from '../ui/events.ts'
import { asUserError } from './as-user-error.ts'
import { fetchWhileComing } from './fetch-while-coming.ts'
import type { PodWork } from './pod-work.ts'

export interface FetchBeforeEndOptions {
  timers: Timers
  /** There is no connection. */
  isCut: () => boolean
  /** Aborted when the session ends. */
  signal: AbortSignal
}

/**
 * An end that takes the pod away waits for what was written there, and says what may not have come; the second one waits
 * for nothing.
 */
export class FetchBeforeEnd {
  readonly #pod: PodWork
  readonly #timers: Timers
  readonly #isCut: () => boolean
  readonly #signal: AbortSignal
  readonly #report: (event: UiEvent) => void
  #isFetching = false

  constructor(pod: PodWork, { timers, isCut, signal }: FetchBeforeEndOptions, report: (event: UiEvent) => void) {
    this.#pod = pod
    this.#timers = timers
    this.#isCut = isCut
    this.#signal = signal
    this.#report = report
  }

  /** Calls `end` then, unless the session has ended. */
  run(end: () => void): void {
    if (this.#isFetching) {
      end()
      return
    }
    this.#isFetching = true
    void this.#fetchAll().then(() => {
      if (!this.#signal.aborted) end()
    })
  }

  async #fetchAll(): Promise<void> {
    try {
      const isCut = this.#isCut
      await fetchWhileComing(this.#pod, { timers: this.#timers, isCut, signal: this.#signal })
    } catch (error) {
      const why = asUserError(error).message
      const message = `what was written last in the dev pod may not all be here, and goes with the pod: ${why}`
      if (!this.#signal.aborted) this.#report({ type: 'warning', message })
    }
  }
}
