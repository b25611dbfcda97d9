import { deadline } from '../../syncer/base/deadline.ts'
import type { UserError } from '../../syncer/base/errors.ts'
import type { Lane } from '../../syncer/engine/exchange/peer.ts'
import { asUserError } from './as-user-error.ts'
import { type Link, openLink } from './link.ts'
import type { SessionParts } from './parts.ts'
import { PortTrust } from './port-trust.ts'
import type { PodRef } from './session-state.ts'

const PROBE_TIMEOUT_MS = 3_000

export interface ConnectionEvents {
  /** The pod is at work for an attach: nothing is to be done here for a moment. */
  starting(): void
  attached(attempt: number): void
  failed(attempt: number, error: UserError): void
  lost(attempt: number, upMs: number, reason: string): void
}

/** The one connection that a session has to its pod, attempt by attempt. */
export class Connection {
  readonly #parts: SessionParts
  readonly #on: ConnectionEvents
  readonly #over: AbortSignal
  #attaching: AbortController | null = null
  readonly #ports = new PortTrust()
  #current: { link: Link; attempt: number } | null = null

  constructor(parts: SessionParts, over: AbortSignal, on: ConnectionEvents) {
    this.#parts = parts
    this.#over = over
    this.#on = on
  }

  get link(): Link | null {
    return this.#current?.link ?? null
  }

  /** The connection of this very attempt. */
  of(attempt: number): Link | null {
    return this.#current?.attempt === attempt ? this.#current.link : null
  }

  async open(attempt: number, pod: PodRef): Promise<void> {
    const attaching = new AbortController()
    this.#attaching = attaching
    const { clock, timers } = this.#parts
    const left = () => attaching.signal.aborted || this.#over.aborted
    // Stays with the connection once that stands: no deadline may be in it.
    const signal = AbortSignal.any([attaching.signal, this.#over])
    try {
      const attach = (lane: Lane, signal: AbortSignal) =>
        this.#parts.attach(pod, lane, signal, () => this.#on.starting())
      const { reverses } = this.#parts
      const openPort = this.#parts.openPort.bind(this.#parts, pod)
      const link = await openLink({
        clock,
        timers,
        attach,
        openPort,
        ports: this.#ports,
        forwards: this.#parts.forwards,
        ...(reverses && { serve: (request, stream) => reverses.serve(request, stream) }),
        signal,
      })
      if (left()) return link.close()
      const since = clock.monotonic()
      this.#current = { link, attempt }
      reverses?.attach(link.agent, link.signal)
      void link.closed.then(reason => {
        if (this.#current?.link === link) this.#on.lost(attempt, clock.monotonic() - since, reason)
      })
      this.#on.attached(attempt)
    } catch (error) {
      if (!left()) this.#on.failed(attempt, asUserError(error))
    }
  }

  /** Leaves whatever there is: an attempt under way, or a connection. */
  close(): void {
    this.#attaching?.abort()
    this.#attaching = null
    const link = this.link
    this.#current = null
    link?.close()
  }

  /** Whether a connection that seems to stand does: one that does not answer is cut, which counts as lost. */
  async probe(): Promise<void> {
    const { link } = this
    if (!link) return
    using late = deadline(this.#parts.timers, PROBE_TIMEOUT_MS, link.signal)
    try {
      await link.agent.call({ method: 'agent-state' }, late.signal)
    } catch {
      link.close()
    }
  }
}
