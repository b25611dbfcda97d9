import type { Duplex } from 'node:stream'
import type { Clock, Timers } from '../../syncer/base/clock.ts'
import { errnoOf } from '../../syncer/base/errors.ts'
import { AgentClient } from '../../syncer/wire/client.ts'
import { Mux } from '../../syncer/wire/mux.ts'
import { type AgentPortOptions, openAgentPort } from './agent-port.ts'

export interface ForwardLaneOptions extends AgentPortOptions {
  clock: Clock
  timers: Timers
  /** Fires when the connection that stands is gone. */
  signal: AbortSignal
  /** Port-forwards did not come through before: no forward waits for the lane's first attempt. */
  isDoubtful?: boolean
}

const attemptTimeoutMs = 10_000
const retryMsMin = 1_000
const retryMsMax = 60_000
/** So long a forward's connection waits for the lane's first attempt before it takes the other way. */
const patienceMs = 1_000

/**
 * A connection to the agent for forwards alone, by the API's port-forward: it is faster than exec, and what is on it
 * holds up neither a save nor a keystroke. Where it cannot be had (no right to it, a proxy or a sandbox in between),
 * and until it is there, forwards go over the connection that stands. One that breaks takes its connections with it,
 * and is made anew.
 */
export class ForwardLane {
  readonly #options: ForwardLaneOptions
  #lane: { mux: Mux; agent: AgentClient } | null = null
  #retryMs = retryMsMin
  #cancelRetry = () => {}
  readonly #firstAttempt: Promise<void>

  constructor(options: ForwardLaneOptions) {
    this.#options = options
    options.signal.addEventListener('abort', () => this.#close(), { once: true })
    this.#firstAttempt = this.#attempt()
  }

  /** What {@link AgentClient.dialTcp} does. */
  async dialTcp(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    if (!this.#lane && !this.#options.isDoubtful) await this.#awaitFirst()
    return (this.#lane?.agent ?? this.#options.agent).dialTcp(host, port, signal)
  }

  #awaitFirst(): Promise<void> {
    return new Promise(resolve => {
      const cancel = this.#options.timers.after(patienceMs, resolve)
      void this.#firstAttempt.finally(() => {
        cancel()
        resolve()
      })
    })
  }

  async #attempt(): Promise<void> {
    const { clock, timers, signal } = this.#options
    const late = new AbortController()
    const cancel = timers.after(attemptTimeoutMs, () => late.abort(new Error('no answer in time')))
    try {
      const carrier = await openAgentPort(this.#options, AbortSignal.any([signal, late.signal]))
      if (signal.aborted) return void carrier.destroy()
      const mux = new Mux({ carrier, side: 'laptop', clock, timers, afterEvents: setImmediate })
      this.#lane = { mux, agent: new AgentClient(mux) }
      const sinceMs = clock.monotonic()
      void mux.closed.then(() => this.#lost(clock.monotonic() - sinceMs))
    } catch (error) {
      // the connection that stands carries the forwards meanwhile, and says what is wrong with the pod
      if (!isLasting(error)) this.#retryLater()
    } finally {
      cancel()
    }
  }

  #lost(stoodMs: number): void {
    this.#lane = null
    if (stoodMs > retryMsMax) this.#retryMs = retryMsMin
    this.#retryLater()
  }

  #retryLater(): void {
    const { timers, signal } = this.#options
    if (signal.aborted) return
    this.#cancelRetry = timers.after(this.#retryMs, () => void this.#attempt())
    this.#retryMs = Math.min(retryMsMax, this.#retryMs * 2)
  }

  #close(): void {
    this.#cancelRetry()
    void this.#lane?.mux.close()
  }
}

/** No right to it, or an API server that has no such thing: asking again is of no use. */
function isLasting(error: unknown): boolean {
  const code = errnoOf(error)
  return code === 'forbidden' || code === 'rejected'
}
