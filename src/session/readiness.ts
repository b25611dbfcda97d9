import type { Clock } from '../../syncer/base/clock.ts'
import type { UiEvent } from '../ui/events.ts'
import type { Link } from './link.ts'
import type { BoundForwards } from './parts.ts'

/** `isSame`: the command is the one that ran before the connection was lost. */
export type LinkReader = (link: Link | null, isSame: boolean) => void

/** What is told when a session is ready for the first time. */
export interface ReadyFacts {
  dev: string
  forwards: BoundForwards['lines']
  terminal: boolean
  /** Paths that cannot travel. */
  problems: number
}

/** Tells when a session is ready, is so no more, and is so again; and how long that took. */
export class Readiness {
  readonly #clock: Clock
  readonly #report: (event: UiEvent) => void
  readonly #readers = new Set<LinkReader>()
  readonly #startedAt: number
  #lostAt = 0

  constructor(clock: Clock, report: (event: UiEvent) => void) {
    this.#clock = clock
    this.#report = report
    this.#startedAt = clock.monotonic()
  }

  /** Calls `on` with each connection on which the command runs, and with null when it goes. */
  onLink(on: LinkReader): void {
    this.#readers.add(on)
  }

  first({ dev, forwards, terminal, problems }: ReadyFacts): void {
    const elapsedMs = this.#clock.monotonic() - this.#startedAt
    const lines = forwards.map(({ local, remote }) => ({ local, remote }))
    this.#report({ type: 'ready', dev, elapsedMs, forwards: lines, terminal, problems })
  }

  again(): void {
    this.#report({ type: 'reconnected', elapsedMs: this.#clock.monotonic() - this.#lostAt })
  }

  /** The command runs on this connection. */
  linked(link: Link | null, isSame: boolean): void {
    for (const reader of this.#readers) reader(link, isSame)
  }

  unlinked(): void {
    for (const reader of this.#readers) reader(null, true)
  }

  lost(reason: string): void {
    this.#lostAt = this.#clock.monotonic()
    this.#report({ type: 'connection-lost', reason })
  }
}
