import type { Duplex } from 'node:stream'
import { dial } from '../../syncer/agent/services/dial.ts'
import { type Clock, systemClock, systemTimers, type Timers } from '../../syncer/base/clock.ts'
import { errnoOf, ProtocolError } from '../../syncer/base/errors.ts'
import { pause } from '../../syncer/base/pause.ts'
import type { AgentClient } from '../../syncer/wire/client.ts'
import type { MuxStream } from '../../syncer/wire/mux-stream.ts'
import { parseReverseRequest } from '../../syncer/wire/open-request.ts'
import { splice } from '../../syncer/wire/splice.ts'
import type { Reverse } from '../manifest/manifest.ts'

export interface ReverseOptions {
  reverse: Reverse[]
  /** A port is open in the pod, for the first time. */
  onOpen: (line: { local: string; remote: string }) => void
  warn: (warning: { message: string; hint: string }) => void
  clock?: Clock
  timers?: Timers
}

export interface ReverseState {
  /** `localhost:9003` of the laptop. */
  local: string
  /** `localhost:9003` of the pod. */
  remote: string
  /** `ready`: the pod listens. Whether the laptop does is not asked: a debugger takes each connection for a program. */
  state: 'ready' | 'failed' | 'reconnecting'
  error: string | null
}

const connectionsMax = 512
const dialTimeoutMs = 5_000
const retryMsMin = 500
const retryMsMax = 10_000

/**
 * Ports of the pod that lead to ports of this machine: asked for on each connection to the agent, and again where they
 * cannot be had. The pod reaches the ports that the manifest names and no other.
 */
export class ReverseForwards {
  readonly #options: ReverseOptions
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #states = new Map<Reverse, ReverseState>()
  readonly #told = new Set<string>()
  #connections = 0

  constructor(options: ReverseOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#timers = options.timers ?? systemTimers
    for (const reverse of options.reverse) this.#turn(reverse, 'reconnecting', null)
  }

  /** In the order of the manifest. */
  get states(): ReverseState[] {
    return [...this.#states.values()]
  }

  /** Has the pod listen, for as long as the connection to the agent stands. */
  attach(agent: AgentClient, signal: AbortSignal): void {
    for (const reverse of this.#options.reverse) void this.#keepOpen(reverse, agent, signal)
  }

  /** Takes what the agent opens: a connection that came to one of the ports. */
  serve(value: unknown, stream: MuxStream): void {
    stream.on('error', () => {})
    try {
      const { port } = parseReverseRequest(value)
      const reverse = this.#options.reverse.find(({ remotePort }) => remotePort === port)
      if (!reverse) stream.reset('refused', `nobody asked for the port ${port}`)
      else if (this.#connections >= connectionsMax) stream.reset('too-many-streams', 'too many connections')
      else void this.#carry(reverse, stream)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      stream.reset('bad-request', error.message)
    }
  }

  async #carry({ localPort: port }: Reverse, stream: MuxStream): Promise<void> {
    this.#connections += 1
    const gone = new AbortController()
    stream.once('close', () => {
      this.#connections -= 1
      gone.abort()
    })
    try {
      const { signal } = gone
      const [clock, timers] = [this.#clock, this.#timers]
      const about = { host: 'localhost', port, timeoutMs: dialTimeoutMs, isPatient: false }
      const socket = await dial({ ...about, signal, clock, timers })
      if (stream.destroyed) return void socket.destroy()
      socket.setNoDelay(true)
      stream.accept()
      splice(stream, socket, setImmediate)
    } catch (error) {
      if (!stream.destroyed) stream.reset(errnoOf(error) ?? 'ECONNREFUSED', `nothing answers on port ${port}`)
    }
  }

  async #keepOpen(reverse: Reverse, agent: AgentClient, signal: AbortSignal): Promise<void> {
    for (let retryMs = retryMsMin; !signal.aborted; retryMs = Math.min(retryMsMax, retryMs * 2)) {
      try {
        const stream = await agent.listen(reverse.remotePort, signal)
        retryMs = retryMsMin
        const line = this.#turn(reverse, 'ready', null)
        if (this.#isNews(`open ${reverse.remotePort}`)) this.#options.onOpen(line)
        await ended(stream)
        this.#turn(reverse, 'reconnecting', null)
      } catch (error) {
        if (!signal.aborted) this.#refused(reverse, errnoOf(error) ?? String(error))
      }
      await pause(this.#timers, retryMs, signal)
    }
    this.#turn(reverse, 'reconnecting', null)
  }

  #refused(reverse: Reverse, code: string): void {
    const { remotePort, at } = reverse
    const { remote, local } = this.#turn(reverse, 'failed', code)
    if (!this.#isNews(`${code} ${remotePort}`)) return
    const why = reasons[code] ?? code
    const hint = `${at.file}:${at.line}:${at.column}: it is tried again; or choose another port before the colon`
    this.#options.warn({ message: `${remote} of the pod does not lead to ${local}: ${why}`, hint })
  }

  #isNews(what: string): boolean {
    const isNews = !this.#told.has(what)
    this.#told.add(what)
    return isNews
  }

  #turn(reverse: Reverse, state: ReverseState['state'], error: string | null): ReverseState {
    const { localPort, remotePort } = reverse
    const line = { local: `localhost:${localPort}`, remote: `localhost:${remotePort}`, state, error }
    this.#states.set(reverse, line)
    return line
  }
}

const reasons: Record<string, string> = {
  EADDRINUSE: 'a program of the pod listens there',
  EACCES: 'the container’s user may not listen below 1024',
}

function ended(stream: Duplex): Promise<void> {
  return new Promise(resolve => {
    if (stream.destroyed) return resolve()
    stream.once('close', resolve)
    stream.on('error', () => {})
    stream.resume()
  })
}
