import { type Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { ProtocolError, UserError } from '../../syncer/base/errors.ts'
import { ClusterError } from './cluster.ts'
import { readRefusal } from './read-refusal.ts'
import { dataHeader, finFrame, pingFrame, SpdyDecoder, synStreamFrames } from './spdy-frame.ts'

export interface PortStreamOptions {
  /** `http:` or `https:`: the pod's subresource `portforward`. */
  url: URL
  headers: Record<string, string | string[]>
  agent: Agent
  /** Port of the pod; the node connects to it as `localhost` of the pod. */
  port: number
  connectTimeoutMs: number
  /** Cuts the connection, also once it is open. */
  signal?: AbortSignal
  /** The error for an upgrade that was refused with this HTTP status and body. */
  refused(status: number, body: string): UserError
  /** The error for a connection that failed before it was open. */
  failed(error: unknown, timedOut: boolean): UserError
}

/** What port-forwarding is called inside of SPDY: two streams for each connection, bytes and the node's complaint. */
const protocol = 'portforward.k8s.io'
const errorStream = 1
const dataStream = 3

/** Small, so that what has to go first is decided above, not in a queue here. */
const highWaterMark = 64 * 1024
/** The node takes a frame whole before it passes anything of it on. */
const payloadBytesMax = 256 * 1024
const complaintBytesMax = 4 * 1024

/**
 * Opens one TCP connection to a port of a pod, by the API's port-forward. Resolves when the node has taken it over; a
 * port that refuses ends the stream in an error. As soon as one direction has ended the node cuts the other, within a
 * second: what runs over it must tell its own end.
 */
export function openPortStream(options: PortStreamOptions): Promise<Duplex> {
  const { url, signal } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw signal.reason
    const upgrade = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      // kubectl's verb: a Role that allows `kubectl port-forward` allows this
      method: 'POST',
      agent: options.agent,
      headers: {
        ...options.headers,
        'User-Agent': 'podswap',
        Connection: 'Upgrade',
        Upgrade: 'SPDY/3.1',
        'X-Stream-Protocol-Version': protocol,
      },
    })
    let timedOut = false
    const settle = (outcome: () => void) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      outcome()
    }
    const giveUp = (reason: unknown) =>
      settle(() => {
        upgrade.destroy()
        reject(reason)
      })
    const abort = () => giveUp(signal?.reason)
    const timer = setTimeout(() => {
      timedOut = true
      giveUp(options.failed(new Error('no answer in time'), timedOut))
    }, options.connectTimeoutMs)
    signal?.addEventListener('abort', abort, { once: true })
    upgrade.on('error', error => giveUp(options.failed(error, timedOut)))
    upgrade.on('response', (response: IncomingMessage) => {
      readRefusal(response).then(body => giveUp(options.refused(response.statusCode ?? 0, body)))
    })
    upgrade.on('upgrade', (response: IncomingMessage, socket: Socket, head: Buffer) => {
      if (signal?.aborted || timedOut) return socket.destroy()
      const agreed = response.headers['x-stream-protocol-version']
      if (agreed === protocol) settle(() => resolve(new PortDuplex(socket, head, options)))
      else giveUp(options.refused(502, `it speaks ${agreed ?? 'something else'} where ${protocol} was asked for`))
    })
    upgrade.end()
  })
}

class PortDuplex extends Duplex {
  readonly #socket: Socket
  readonly #signal: AbortSignal | undefined
  readonly #abort = () => this.destroy(asError(this.#signal?.reason))
  readonly #decoder: SpdyDecoder
  #complaint = ''
  #finSeen = false

  constructor(socket: Socket, head: Buffer, { port, signal }: PortStreamOptions) {
    super({ highWaterMark, allowHalfOpen: true })
    this.#socket = socket
    this.#signal = signal
    this.#decoder = new SpdyDecoder({
      data: (stream, piece) => this.#take(stream, piece),
      fin: stream => this.#ended(stream),
      reset: (_stream, status) => this.#lost(`the node gave it up (SPDY status ${status})`),
      ping: number => void socket.write(pingFrame(number)),
    })
    signal?.addEventListener('abort', this.#abort, { once: true })
    socket.setNoDelay(true).setKeepAlive(true, 15_000)
    socket.on('data', chunk => this.#receive(chunk))
    socket.on('error', error => this.#lost(error.message))
    socket.on('close', () => this.#lost('cut without a word'))
    const headers = { port: String(port), requestid: '0' }
    const streams = [
      { id: errorStream, headers: { streamtype: 'error', ...headers } },
      { id: dataStream, headers: { streamtype: 'data', ...headers } },
    ]
    socket.write(Buffer.concat(synStreamFrames(streams)))
    if (head.length > 0) this.#receive(head)
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send([chunk], done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      done,
    )
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.write(finFrame(dataStream), done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#signal?.removeEventListener('abort', this.#abort)
    this.#socket.destroy()
    done(error)
  }

  /** `done` when the operating system has taken it: that is the back-pressure. */
  #send(chunks: Buffer[], done: (error?: Error | null) => void): void {
    const frames = [...dataFrames(chunks)]
    this.#socket.cork()
    for (const [index, piece] of frames.entries()) {
      this.#socket.write(piece, index === frames.length - 1 ? done : undefined)
    }
    this.#socket.uncork()
  }

  #receive(chunk: Buffer): void {
    try {
      this.#decoder.push(chunk)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#lost(error.message)
    }
  }

  #take(stream: number, piece: Buffer): void {
    if (stream === errorStream) this.#complaint = (this.#complaint + piece).slice(0, complaintBytesMax)
    else if (stream === dataStream && !this.#finSeen && !this.push(piece)) this.#socket.pause()
  }

  #ended(stream: number): void {
    // the node closes both; its complaint, where there is one, comes first
    if (this.#complaint) this.#lost(this.#complaint.trim())
    else if (stream === dataStream && !this.#finSeen) {
      this.#finSeen = true
      this.push(null)
    }
  }

  #lost(why: string): void {
    if (this.destroyed || this.readableEnded) return
    const cause = new ClusterError(0, 'StreamClosed', this.#complaint.trim() || why)
    this.destroy(new UserError('unreachable', `the connection to the pod is gone: ${cause.message}`, { cause }))
  }
}

/** Merges small writes and splits large ones: each frame's header, and its payload in the pieces that it came in. */
function* dataFrames(chunks: Buffer[]): Generator<Buffer> {
  let leftBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  let roomBytes = 0
  for (const chunk of chunks) {
    let at = 0
    while (at < chunk.length) {
      if (roomBytes === 0) {
        roomBytes = Math.min(leftBytes, payloadBytesMax)
        leftBytes -= roomBytes
        yield dataHeader(dataStream, roomBytes)
      }
      const piece = chunk.subarray(at, at + roomBytes)
      at += piece.length
      roomBytes -= piece.length
      yield piece
    }
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason))
}
