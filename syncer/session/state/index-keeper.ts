import type { Clock, Timers } from '../../base/clock.ts'
import type { IndexWriting } from './index-writing.ts'

/** Writing all of it takes at most this part of the time. */
const costFactor = 300
/** From one piece to the next, ms: a save waits for one piece at most, some milliseconds. */
const pieceEveryMs = 20

/** When the index is worth writing: at a checkpoint with something new, and never so often that it costs much. */
export class IndexKeeper {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #begin: () => Pick<IndexWriting, 'step' | 'close'>
  #writing: { index: Pick<IndexWriting, 'step' | 'close'>; state: string; costMs: number } | undefined
  #cancel: (() => void) | undefined
  #saved: string | undefined
  #dueMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, timers: Timers, begin: () => Pick<IndexWriting, 'step' | 'close'>) {
    this.#clock = clock
    this.#timers = timers
    this.#begin = begin
  }

  /** @param state differs where something is new since it was written */
  checkpoint(state: string): void {
    if (this.#writing !== undefined || state === this.#saved || this.#clock.monotonic() < this.#dueMs) return
    this.#writing = { index: this.#begin(), state, costMs: 0 }
    this.#step()
  }

  /** Writes all of it now. */
  save(): void {
    this.close()
    const index = this.#begin()
    while (index.step() === 'more');
  }

  /** Ends what is being written. */
  close(): void {
    this.#cancel?.()
    this.#writing?.index.close()
    this.#writing = undefined
  }

  #step(): void {
    const writing = this.#writing!
    const startedMs = this.#clock.monotonic()
    const result = writing.index.step()
    const endedMs = this.#clock.monotonic()
    writing.costMs += endedMs - startedMs
    if (result === 'more') {
      this.#cancel = this.#timers.after(pieceEveryMs, () => this.#step())
      return
    }
    if (result === 'written') this.#saved = writing.state
    this.#writing = undefined
    this.#dueMs = endedMs + writing.costMs * costFactor
  }
}
