import { createServer, type Server, type Socket } from 'node:net'
import type { Timers } from '../../base/clock.ts'
import { errnoOf } from '../../base/errors.ts'
import type { MuxStream } from '../../wire/mux-stream.ts'
import type { ListenRequest, ReverseRequest } from '../../wire/services.ts'
import { splice } from '../../wire/splice.ts'
import { StreamError } from '../../wire/stream-error.ts'

/** Opens a stream to the laptop over the connection that asked for the port. */
export type OpenToLaptop = (request: ReverseRequest) => MuxStream

const listenersMax = 128
/** Of one port, open or waiting for the laptop. */
const connectionsMax = 512
/** So long a connection waits for the laptop, which may be reconnecting. */
const patienceMs = 10_000
/** So long a port stays open while no laptop asks for it. */
const keepMs = 30_000
/** With less a stream at full speed stops after every piece. */
const highWaterMark = 128 * 1024

/**
 * Ports of the pod's loopback that lead to the laptop. Each belongs to the connection that asked for it last; while the
 * laptop is away it stays open for a while, and what comes meanwhile waits.
 */
export class ReverseListeners {
  readonly #timers: Timers
  readonly #listeners = new Map<number, ReverseListener>()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** The stream is accepted when the port is open, and reset with the system's error code where it cannot be. */
  async serve({ port }: ListenRequest, stream: MuxStream, open: OpenToLaptop): Promise<void> {
    let listener = this.#listeners.get(port)
    if (!listener) {
      if (this.#listeners.size >= listenersMax) {
        return stream.reset('too-many-streams', `${listenersMax} ports lead to the laptop already`)
      }
      listener = new ReverseListener(port, this.#timers, () => {
        if (this.#listeners.get(port) === listener) this.#listeners.delete(port)
      })
      this.#listeners.set(port, listener)
    }
    try {
      await listener.listening
    } catch (error) {
      listener.close()
      return stream.reset(errnoOf(error) ?? 'internal', `cannot listen on ${port}`)
    }
    if (stream.destroyed) {
      if (!listener.isOwned) listener.close()
      return
    }
    // Whoever asked at the same time and went has closed it.
    if (this.#listeners.get(port) !== listener) return await this.serve({ kind: 'listen', port }, stream, open)
    listener.give(stream, open)
  }

  close(): void {
    for (const listener of this.#listeners.values()) listener.close()
  }
}

class ReverseListener {
  readonly listening: Promise<void>
  readonly #port: number
  readonly #timers: Timers
  readonly #onClosed: () => void
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()
  /** Connections that wait for an owner. */
  readonly #waiting = new Set<() => void>()
  #owner: { stream: MuxStream; open: OpenToLaptop } | null = null
  #cancelEnd = () => {}
  #isClosed = false

  constructor(port: number, timers: Timers, onClosed: () => void) {
    this.#port = port
    this.#timers = timers
    this.#onClosed = onClosed
    this.listening = this.#listen()
  }

  get isOwned(): boolean {
    return this.#owner !== null
  }

  give(stream: MuxStream, open: OpenToLaptop): void {
    const before = this.#owner
    this.#cancelEnd()
    this.#owner = { stream, open }
    before?.stream.reset('replaced', 'another connection has the port now')
    stream.once('close', () => {
      if (this.#owner?.stream !== stream) return
      this.#owner = null
      this.#cancelEnd = this.#timers.after(keepMs, () => this.close())
    })
    stream.on('error', () => {})
    stream.accept()
    stream.resume()
    for (const wake of [...this.#waiting]) wake()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#cancelEnd()
    for (const server of this.#servers) server.close()
    for (const socket of this.#sockets) socket.resetAndDestroy()
    for (const wake of [...this.#waiting]) wake()
    this.#owner?.stream.reset('cancelled', 'the port is closed')
    this.#onClosed()
  }

  async #listen(): Promise<void> {
    await this.#listenOn('127.0.0.1')
    // a pod may have no IPv6
    await this.#listenOn('::1').catch(() => {})
    if (this.#isClosed) for (const server of this.#servers) server.close()
  }

  #listenOn(host: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const options = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true, highWaterMark }
      const server = createServer(options, socket => void this.#take(socket))
      server.once('error', reject)
      server.listen({ host, port: this.#port }, () => {
        server.off('error', reject)
        server.on('error', () => {})
        this.#servers.push(server)
        resolve()
      })
    })
  }

  async #take(socket: Socket): Promise<void> {
    socket.on('error', () => {})
    if (this.#isClosed || this.#sockets.size >= connectionsMax) return void socket.resetAndDestroy()
    this.#sockets.add(socket)
    const gone = new AbortController()
    const cancel = this.#timers.after(patienceMs, () => gone.abort())
    socket.once('close', () => {
      this.#sockets.delete(socket)
      gone.abort()
    })
    const stream = await this.#reach(gone.signal)
    cancel()
    if (stream && !socket.destroyed) {
      splice(socket, stream, setImmediate)
      socket.resume()
    } else {
      stream?.destroy()
      // a client must see that it was cut off, not that the other end had nothing to say
      socket.resetAndDestroy()
    }
  }

  /** A stream that the laptop accepted; null where it did not, or nobody came in time. */
  async #reach(signal: AbortSignal): Promise<MuxStream | null> {
    while (!signal.aborted && !this.#isClosed) {
      if (!this.#owner) await this.#ownerOr(signal)
      const owner = this.#owner
      if (!owner || signal.aborted) continue
      let stream: MuxStream | undefined
      const abort = () => stream?.destroy()
      signal.addEventListener('abort', abort, { once: true })
      try {
        stream = owner.open({ kind: 'reverse', port: this.#port })
        return await stream.opened()
      } catch (error) {
        // lost with its connection: the next one is waited for
        const isPassing = error instanceof StreamError && error.code === 'connection-lost'
        if (!isPassing) return null
        if (this.#owner === owner) this.#owner = null
      } finally {
        signal.removeEventListener('abort', abort)
      }
    }
    return null
  }

  #ownerOr(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        this.#waiting.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.#waiting.add(done)
      signal.addEventListener('abort', done)
    })
  }
}
