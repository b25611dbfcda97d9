import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Clock, systemClock, systemTimers, type Timers } from '../../syncer/base/clock.ts'
import { errnoOf, UserError } from '../../syncer/base/errors.ts'
import { pause } from '../../syncer/base/pause.ts'
import { splice } from '../../syncer/wire/splice.ts'
import type { Forward } from '../manifest/manifest.ts'
import { type Listener, listen } from './listen.ts'

export interface LocalForwardOptions {
  forward: Forward
  /** Address that is listened on; `localhost` means both of its addresses. */
  interface: string
  /**
   * Opens one connection from inside the pod. A failure with code `unreachable` or `connection-lost` (there is no
   * connection to the pod just now) is tried again while the client can wait.
   */
  dial: (signal: AbortSignal) => Promise<Duplex>
  clock?: Clock
  timers?: Timers
}

export interface ForwardState {
  listening: boolean
  /** Open now, those that still wait for the pod included. */
  connections: number
  /** Why the last connection failed, where none has succeeded since. */
  lastError?: { code: string; message: string; atMs: number }
}

const connectionsMax = 512
const dialTimeoutMs = 10_000
const retryIntervalMs = 100

/** Listens for the forward. Throws what {@link listen} throws. */
export async function openLocalForward(options: LocalForwardOptions): Promise<LocalForward> {
  const forward = new LocalForward(options)
  await forward.open()
  return forward
}

/**
 * A port of the laptop that leads into the pod. Its listener lives until `close()`, whatever becomes of the connection
 * to the pod: what comes meanwhile waits, and what breaks is one connection, never the forward.
 */
export class LocalForward {
  private readonly options: LocalForwardOptions
  private readonly clock: Clock
  private readonly timers: Timers
  private readonly sockets = new Set<Socket>()
  private listener: Listener | undefined
  private lastError: ForwardState['lastError']

  constructor(options: LocalForwardOptions) {
    this.options = options
    this.clock = options.clock ?? systemClock
    this.timers = options.timers ?? systemTimers
  }

  /** The local port. */
  get port(): number {
    return this.listener?.port ?? this.options.forward.localPort
  }

  /** Called by {@link openLocalForward}. */
  async open(): Promise<void> {
    const { forward } = this.options
    this.listener = await listen({
      interface: this.options.interface,
      port: forward.localPort,
      at: forward.at,
      onConnection: socket => void this.serve(socket),
    })
    for (const server of this.listener.servers) server.on('error', error => this.failed(error))
  }

  state(): ForwardState {
    return {
      listening: this.listener?.servers.every(server => server.listening) ?? false,
      connections: this.sockets.size,
      ...(this.lastError && { lastError: this.lastError }),
    }
  }

  /** Stops listening and resets what is open. */
  async close(): Promise<void> {
    const closed = this.listener?.servers.map(server => new Promise(resolve => server.close(resolve))) ?? []
    for (const socket of this.sockets) socket.resetAndDestroy()
    await Promise.all(closed)
  }

  private async serve(socket: Socket): Promise<void> {
    socket.on('error', () => {})
    if (this.sockets.size >= connectionsMax) {
      this.failed(new UserError('unsupported', `${connectionsMax} connections are open, which is the most`))
      socket.resetAndDestroy()
      return
    }
    this.sockets.add(socket)
    const gone = new AbortController()
    socket.once('close', () => {
      this.sockets.delete(socket)
      gone.abort()
    })
    try {
      const remote = await this.dial(gone.signal)
      this.lastError = undefined
      remote.once('close', () => remote.errored && this.failed(remote.errored))
      splice(socket, remote, setImmediate)
    } catch (error) {
      if (gone.signal.aborted) return
      this.failed(error)
      // a client must see that it was cut off, not that the other end had nothing to say
      socket.resetAndDestroy()
    }
  }

  /** Dials, and dials again while the connection to the pod is being made anew. */
  private async dial(gone: AbortSignal): Promise<Duplex> {
    const late = new AbortController()
    const cancel = this.timers.after(dialTimeoutMs, () => late.abort())
    const signal = AbortSignal.any([gone, late.signal])
    let reason: unknown
    try {
      while (!signal.aborted) {
        try {
          const remote = await this.options.dial(signal)
          if (!signal.aborted) return remote
          remote.destroy()
        } catch (error) {
          if (!signal.aborted) reason = error
          if (!signal.aborted && !isPassing(error)) throw error
        }
        if (!signal.aborted) await pause(this.timers, retryIntervalMs, signal)
      }
      throw reason ?? new UserError('timeout', `no connection within ${dialTimeoutMs / 1000} s`)
    } finally {
      cancel()
    }
  }

  private failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    this.lastError = { code: errnoOf(error) ?? 'error', message, atMs: this.clock.now() }
  }
}

function isPassing(error: unknown): boolean {
  const code = errnoOf(error)
  return code === 'unreachable' || code === 'connection-lost'
}
