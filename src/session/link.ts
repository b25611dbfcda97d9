import type { Duplex } from 'node:stream'
import type { Clock, Timers } from '../../syncer/base/clock.ts'
import type { Lane } from '../../syncer/session/peer.ts'
import { AgentClient } from '../../syncer/wire/client.ts'
import { Priority } from '../../syncer/wire/frame-payload.ts'
import { Mux, type MuxEnd } from '../../syncer/wire/mux.ts'
import type { SyncRequest } from '../../syncer/wire/services.ts'
import { ForwardLane } from '../forward/forward-lane.ts'

export interface LinkOptions {
  attach: (lane: Lane, signal: AbortSignal) => Promise<Duplex>
  /** A connection to a port of the pod, past exec; absent where there is nothing to forward. */
  openPort?: (port: number, signal: AbortSignal) => Promise<Duplex>
  signal: AbortSignal
  clock: Clock
  timers: Timers
}

/** Attaches twice: one connection for decisions and everything a person waits for, one for bulk content. */
export async function openLink(options: LinkOptions): Promise<Link> {
  // One of the two alone is of no use: the other attempt is given up.
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  const attach = async (lane: Lane) => {
    try {
      return await options.attach(lane, signal)
    } catch (error) {
      failed.abort(error)
      throw error
    }
  }
  const [control, bulk] = await Promise.allSettled([attach('control'), attach('bulk')])
  if (control.status === 'fulfilled' && bulk.status === 'fulfilled') {
    const mux = (carrier: Duplex) => new Mux({ carrier, side: 'laptop', clock: options.clock, timers: options.timers })
    return new Link(mux(control.value), mux(bulk.value), options)
  }
  for (const opened of [control, bulk]) if (opened.status === 'fulfilled') opened.value.destroy()
  throw failed.signal.reason
}

/** A connection to the agent in the pod; it stands as long as both of its halves do. */
export class Link {
  /** Resolves, never rejects, with why it ended. */
  readonly closed: Promise<string>
  /** Fires when it ends. */
  readonly signal: AbortSignal
  readonly agent: AgentClient
  readonly #control: Mux
  readonly #bulk: Mux
  readonly #ended = new AbortController()
  readonly #forwards: ForwardLane | null

  constructor(control: Mux, bulk: Mux, { openPort, clock, timers }: Omit<LinkOptions, 'attach' | 'signal'>) {
    this.#control = control
    this.#bulk = bulk
    this.agent = new AgentClient(control)
    this.signal = this.#ended.signal
    const { agent, signal } = this
    this.#forwards = openPort ? new ForwardLane({ agent, openPort, clock, timers, signal }) : null
    this.closed = Promise.race([control.closed, bulk.closed]).then(end => {
      this.close()
      return endText(end)
    })
  }

  /** A forward's connection, see {@link AgentClient.dialTcp}. */
  dialTcp(host: string, port: number, signal: AbortSignal): Promise<Duplex> {
    return (this.#forwards ?? this.agent).dialTcp(host, port, signal)
  }

  /** The two streams of one synced folder. */
  openSync(request: Omit<SyncRequest, 'kind' | 'lane'>): { control: Duplex; bulk: Duplex } {
    return {
      control: this.#control.open({ kind: 'sync', lane: 'control', ...request }, { priority: Priority.interactive }),
      bulk: this.#bulk.open({ kind: 'sync', lane: 'bulk', ...request }, { priority: Priority.bulk }),
    }
  }

  close(): void {
    this.#ended.abort()
    void this.#control.close()
    void this.#bulk.close()
  }
}

function endText(end: MuxEnd): string {
  return end.code === 'goodbye' ? `the agent ended it: ${end.message}` : end.message
}
