import type { Clock } from '../base/clock.ts'

/** Writing all of it takes at most this part of the time: it is one long step, and a save has to wait for it. */
const costFactor = 300

/** When the index is worth writing: at a checkpoint with something new, and never so often that it costs much. */
export class IndexKeeper {
  readonly #clock: Clock
  readonly #save: () => boolean
  #saved: string | undefined
  #dueMs = Number.NEGATIVE_INFINITY

  /** @param save answers whether it was written */
  constructor(clock: Clock, save: () => boolean) {
    this.#clock = clock
    this.#save = save
  }

  /** @param state differs where something is new since it was written */
  checkpoint(state: string): void {
    const startedMs = this.#clock.monotonic()
    if (state === this.#saved || startedMs < this.#dueMs) return
    if (this.#save()) this.#saved = state
    const endedMs = this.#clock.monotonic()
    this.#dueMs = endedMs + (endedMs - startedMs) * costFactor
  }
}
