import { initialState, step } from './machine.ts'
import type { Effect, Phase, SessionEvent, SessionOptions, SessionState } from './session-state.ts'

export interface CourseEvents {
  effect(effect: Effect): void
  /** @param wasReady it was just before */
  phase(phase: Phase, wasReady: boolean): void
}

/** Where a session is: takes events in their order, also those that come of an effect, and has the state machine decide. */
export class Course {
  /** Why the session is not ready, where something went wrong. */
  trouble: string | null = null
  readonly #on: CourseEvents
  readonly #events: SessionEvent[] = []
  #state: SessionState
  #draining = false

  constructor(options: SessionOptions, on: CourseEvents) {
    this.#state = initialState(options)
    this.#on = on
  }

  get state(): SessionState {
    return this.#state
  }

  dispatch(event: SessionEvent): void {
    this.#events.push(event)
    if (this.#draining) return
    this.#draining = true
    try {
      for (let next = this.#events.shift(); next; next = this.#events.shift()) this.#advance(next)
    } finally {
      this.#draining = false
    }
  }

  troubled(why: string, event: SessionEvent): void {
    this.trouble = why
    this.dispatch(event)
  }

  #advance(event: SessionEvent): void {
    const before = this.#state
    const { state, effects } = step(before, event)
    this.#state = state
    if (state.phase !== before.phase) this.#on.phase(state.phase, before.step === 'ready')
    for (const effect of effects) this.#on.effect(effect)
  }
}
