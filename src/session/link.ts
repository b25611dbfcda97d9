import type { Duplex } from 'node:stream'
import type { Clock, Timers } from '../../syncer/base/clock.ts'
import { deadline } from '../../syncer/base/deadline.ts'
import type { Lane } from '../../syncer/engine/exchange/peer.ts'
import { AgentClient } from '../../syncer/wire/client.ts'
import { Priority } from '../../syncer/wire/frame-payload.ts'
import { Mux, type MuxEnd } from '../../syncer/wire/mux.ts'
import type { MuxStream } from '../../syncer/wire/mux-stream.ts'
import type { SyncRequest } from '../../syncer/wire/services.ts'
import { openAgentPort } from '../forward/agent-port.ts'
import { ForwardLane } from '../forward/forward-lane.ts'
import type { PortTrust } from './port-trust.ts'

export interface LinkOptions {
  attach: (lane: Lane, signal: AbortSignal) => Promise<Duplex>
  /** A connection to a port of the pod, past exec. */
  openPort: (port: number, signal: AbortSignal) => Promise<Duplex>
  /** Whether bulk content is tried by `openPort` before `attach`; learns from what becomes of that. */
  ports: PortTrust
  /** There are forwards, which have a connection of their own. */
  forwards: boolean
  /** What the agent asks for; absent: nothing is served. */
  serve?: (request: unknown, stream: MuxStream) => void
  /** Cuts it, also once it stands. */
  signal: AbortSignal
  clock: Clock
  timers: Timers
}

const portTimeoutMs = 3_000
/** So long exec has to show that it stands, when the port-forward has ended. */
const blameTimeoutMs = 2_000

/** Attaches twice: one connection for decisions and everything a person waits for, one for bulk content. */
export async function openLink(options: LinkOptions): Promise<Link> {
  const { clock, timers } = options
  const mux = (carrier: Duplex, onOpen?: LinkOptions['serve']) =>
    new Mux({ carrier, side: 'laptop', clock, timers, ...(onOpen && { onOpen }) })
  const control = mux(await options.attach('control', options.signal), options.serve)
  try {
    const byPort = options.ports.isUsable ? await tryPort(options, new AgentClient(control)) : null
    const bulk = mux(byPort ?? (await options.attach('bulk', options.signal)))
    return new Link(control, { mux: bulk, isByPort: byPort !== null }, options)
  } catch (error) {
    // one of the two alone is of no use
    void control.close()
    throw error
  }
}

/** Null where it cannot be had: no right to it, a proxy or a sandbox in between. */
async function tryPort(options: LinkOptions, agent: AgentClient): Promise<Duplex | null> {
  const { openPort, clock, timers, signal, ports } = options
  using late = deadline(timers, portTimeoutMs, signal)
  let isAsked = false
  const open = (port: number, signal: AbortSignal) => {
    // the agent has answered: from here on it is the port-forward that is slow
    isAsked = true
    return openPort(port, signal)
  }
  try {
    return await openAgentPort({ agent, openPort: open, packed: { clock } }, late.signal)
  } catch {
    signal.throwIfAborted()
    if (isAsked && late.signal.aborted) ports.failed()
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
  readonly #timers: Timers
  #portBroke = false
  #closing: Promise<void> | null = null

  constructor(
    control: Mux,
    bulk: { mux: Mux; isByPort: boolean },
    { openPort, forwards, clock, timers, ports }: Omit<LinkOptions, 'attach' | 'signal'>,
  ) {
    this.#control = control
    this.#bulk = bulk.mux
    this.#bulkByPort = bulk.isByPort
    this.#timers = timers
    this.agent = new AgentClient(control)
    this.signal = this.#ended.signal
    const { agent, signal } = this
    const isDoubtful = !ports.isUsable
    this.#forwards = forwards ? new ForwardLane({ agent, openPort, clock, timers, signal, isDoubtful }) : null
    const sinceMs = clock.monotonic()
    this.closed = Promise.race([control.closed, bulk.mux.closed]).then(async end => {
      const stoodMs = clock.monotonic() - sinceMs
      await this.#closeBoth()
      if (this.#portBroke) ports.cut(stoodMs)
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
    void this.#closeBoth()
  }

  #closeBoth(): Promise<void> {
    this.#closing ??= this.#blame().then(isPort => {
      this.#portBroke = isPort
      void this.#control.close()
      void this.#bulk.close()
    })
    this.#ended.abort()
    return this.#closing
  }

  /** Whether the port-forward ended alone. A pod that goes takes both, one of them first. */
  async #blame(): Promise<boolean> {
    const code = this.#bulk.ended?.code
    if (!this.#bulkByPort || code === undefined || code === 'goodbye' || code === 'closed') return false
    if (this.#control.ended) return false
    using late = deadline(this.#timers, blameTimeoutMs)
    try {
      await this.agent.call({ method: 'agent-state' }, late.signal)
      return true
    } catch {
      return false
    }
  }
}

function endText(end: MuxEnd): string {
  return end.code === 'goodbye' ? `the agent ended it: ${end.message}` : end.message
}
