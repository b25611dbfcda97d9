import type { Duplex } from 'node:stream'
import { drained } from './drained.ts'
import { readSpdyFrames, type SpdyFrame, spdyDataFrame, spdyPingFrame } from './spdy-server.ts'

/** Opens a TCP connection to a port of the pod. */
export type DialPod = (port: number, signal: AbortSignal) => Promise<Duplex>

/** The name that port-forwarding has inside of SPDY. */
export const portForwardProtocol = 'portforward.k8s.io'
const connectionsMax = 256

/**
 * The server's end of `pods/portforward` over SPDY: for each connection a stream for the bytes and one for what went
 * wrong, with back-pressure both ways. Resolves when the client is gone.
 */
export async function servePortForward(socket: Duplex, head: Buffer, dial: DialPod): Promise<void> {
  const forward = new PortForward(socket, dial)
  socket.on('error', () => socket.destroy())
  try {
    for await (const frame of readSpdyFrames(socket, head)) await forward.take(frame)
  } catch {
    // what it sends cannot be read: nothing more can be said to it
  } finally {
    forward.end()
    socket.destroy()
  }
}

class PortForward {
  readonly #socket: Duplex
  readonly #dial: DialPod
  readonly #gone = new AbortController()
  /** Of each request, its stream for errors. */
  readonly #errorStreams = new Map<string, number>()
  readonly #targets = new Map<number, Duplex>()

  constructor(socket: Duplex, dial: DialPod) {
    this.#socket = socket
    this.#dial = dial
  }

  async take(frame: SpdyFrame): Promise<void> {
    if (frame.type === 'ping') this.#socket.write(spdyPingFrame(frame.number))
    else if (frame.type === 'open') await this.#open(frame.stream, frame.headers)
    else if (frame.type === 'reset') this.#targets.get(frame.stream)?.destroy()
    else {
      const target = this.#targets.get(frame.stream)
      if (!target || target.destroyed) return
      if (!target.write(frame.piece)) await drained(target)
      if (frame.isLast) target.end()
    }
  }

  end(): void {
    this.#gone.abort()
    for (const target of this.#targets.values()) target.destroy()
  }

  async #open(stream: number, headers: Record<string, string>): Promise<void> {
    const { streamtype, requestid = '', port = '' } = headers
    if (streamtype === 'error') {
      this.#errorStreams.set(requestid, stream)
      return
    }
    const errorStream = this.#errorStreams.get(requestid)
    if (streamtype !== 'data' || errorStream === undefined) throw new Error('a data stream without its error stream')
    if (this.#targets.size >= connectionsMax) throw new Error('too many connections')
    try {
      const target = await this.#dial(Number(port), this.#gone.signal)
      this.#targets.set(stream, target)
      this.#carry(target, stream, errorStream)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      this.#close(stream, errorStream, `error forwarding port ${port}: ${why}`)
    }
  }

  /** From the pod to the client. */
  #carry(target: Duplex, stream: number, errorStream: number): void {
    const resume = () => target.resume()
    target.on('data', (chunk: Buffer) => {
      if (this.#socket.write(spdyDataFrame(stream, chunk))) return
      target.pause()
      this.#socket.once('drain', resume)
    })
    target.once('end', () => this.#close(stream, errorStream, ''))
    target.once('error', error => this.#close(stream, errorStream, `error forwarding: ${error.message}`))
    target.once('close', () => {
      this.#socket.removeListener('drain', resume)
      this.#targets.delete(stream)
    })
  }

  /** The complaint first, for the client takes the end of a stream for the end of all. */
  #close(stream: number, errorStream: number, complaint: string): void {
    if (this.#socket.destroyed) return
    this.#socket.write(spdyDataFrame(errorStream, Buffer.from(complaint), true))
    this.#socket.write(spdyDataFrame(stream, Buffer.alloc(0), true))
  }
}
