import type { Duplex } from 'node:stream'
import type { Clock, Timers } from '../../syncer/base/clock.ts'
import type { Lane } from '../../syncer/session/peer.ts'
import { AgentClient } from '../../syncer/wire/client.ts'
import { Priority } from '../../syncer/wire/frame-payload.ts'
import { Mux, type MuxEnd } from '../../syncer/wire/mux.ts'
import type { SyncRequest } from '../../syncer/wire/services.ts'
import { openAgentPort } from '../forward/agent-port.ts'
import { ForwardLane } from '../forward/forward-lane.ts'
import { deadline } from './deadline.ts'

export interface LinkOptions {
  attach: (lane: Lane, signal: AbortSignal) => Promise<Duplex>
  /** A connection to a port of the pod, past exec. */
  openPort: (port: number, signal: AbortSignal) => Promise<Duplex>
  /** Bulk content is tried by `openPort` before `attach`. */
  bulkByPort: boolean
  /** There are forwards, which have a connection of their own. */
  forwards: boolean
  /** Cuts it, also once it stands. */
  signal: AbortSignal
  clock: Clock
  timers: Timers
}

const portTimeoutMs = 3_000

/** Attaches twice: one connection for decisions and everything a person waits for, one for bulk content. */
export async function openLink(options: LinkOptions): Promise<Link> {
  const { clock, timers } = options
  const mux = (carrier: Duplex) => new Mux({ carrier, side: 'laptop', clock, timers })
  const control = mux(await options.attach('control', options.signal))
  try {
    const byPort = options.bulkByPort ? await tryPort(options, new AgentClient(control)) : null
    const bulk = mux(byPort ?? (await options.attach('bulk', options.signal)))
    return new Link(control, { mux: bulk, isByPort: byPort !== null }, options)
  } catch (error) {
    // one of the two alone is of no use
    void control.close()
    throw error
  }
}

/** Null where it cannot be had: no right to it, a proxy or a sandbox in between. */
async function tryPort({ openPort, timers, signal }: LinkOptions, agent: AgentClient): Promise<Duplex | null> {
  using late = deadline(timers, portTimeoutMs, signal)
  try {
    return await openAgentPort({ agent, openPort }, late.signal)
  } catch {
    signal.throwIfAborted()
    return null
  }
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
  readonly #bulkByPort: boolean
  #portBroke = false

  constructor(
    control: Mux,
    bulk: { mux: Mux; isByPort: boolean },
    { openPort, forwards, clock, timers }: Omit<LinkOptions, 'attach' | 'bulkByPort' | 'signal'>,
  ) {
    this.#control = control
    this.#bulk = bulk.mux
    this.#bulkByPort = bulk.isByPort
    this.agent = new AgentClient(control)
    this.signal = this.#ended.signal
    const { agent, signal } = this
    this.#forwards = forwards ? new ForwardLane({ agent, openPort, clock, timers, signal }) : null
    this.closed = Promise.race([control.closed, bulk.mux.closed]).then(end => {
      this.close()
      return endText(end)
    })
  }

  /** It ended because the port-forward that carried bulk content did. */
  get portBroke(): boolean {
    return this.#portBroke
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
    if (this.#bulkByPort && this.#bulk.ended && !this.#control.ended && !this.signal.aborted) this.#portBroke = true
    this.#ended.abort()
    void this.#control.close()
    void this.#bulk.close()
  }
}

function endText(end: MuxEnd): string {
  return end.code === 'goodbye' ? `the agent ended it: ${end.message}` : end.message
}
