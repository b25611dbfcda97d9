import type { UiEvent } from '../ui/events.ts'

const KEPT_MAX = 1_000

/** What happened in a session, for those who come later to follow it. */
export class EventLog {
  readonly #kept: UiEvent[] = []
  readonly #followers = new Set<(event: UiEvent) => void>()

  push(event: UiEvent): void {
    if (!isMomentary(event)) {
      this.#kept.push(event)
      if (this.#kept.length > KEPT_MAX) this.#kept.shift()
    }
    for (const follower of [...this.#followers]) follower(event)
  }

  /** Gives what was kept, then what comes, until the returned function is called. */
  follow(on: (event: UiEvent) => void): () => void {
    for (const event of this.#kept) on(event)
    this.#followers.add(on)
    return () => this.#followers.delete(on)
  }
}

/** Means something only while it happens. */
function isMomentary(event: UiEvent): boolean {
  if (event.type === 'sync') return event.event.type === 'changes'
  return event.type === 'transfer' || event.type === 'output'
}
