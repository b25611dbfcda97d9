import type { Agent, IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { WebSocket } from 'ws'
import { UserError } from '../../syncer/base/errors.ts'
import { limits } from '../../syncer/base/limits.ts'
import { ClusterError, type ExecExit, type ExecStream } from './cluster.ts'
import { readRefusal } from './read-refusal.ts'

/**
 * Kubernetes' exec over a WebSocket (`v5.channel.k8s.io`, else `v4`): binary messages, whose first byte is the channel.
 * v5 alone can half-close: `[255, 0]` ends stdin.
 */
const Channel = { stdin: 0, stdout: 1, stderr: 2, status: 3, close: 255 } as const

export interface ExecSocketOptions {
  /** `ws:` or `wss:`, with the command in its query. */
  url: URL
  headers: Record<string, string | string[]>
  agent: Agent
  connectTimeoutMs: number
  /** Cuts the connection, also once it is open. */
  signal?: AbortSignal
  /** The error for an upgrade that was refused with this HTTP status and body. */
  refused(status: number, body: string): UserError
  /** The error for a connection that failed before it was open. */
  failed(error: unknown, timedOut: boolean): UserError
}

/** Small, so that what has to go first is decided above, not in a queue here. */
const highWaterMark = 64 * 1024
const stderrBytesMax = 16 * 1024
/** The server closes right after the status; if it does not, the command has ended all the same. */
const closeTimeoutMs = 2_000
/** A message from the server; it copies in pieces of 32 KiB. */
const receivedBytesMax = 4 * 1024 * 1024

/** Resolves when the connection is upgraded; fails with the errors that the options make. */
export function openExecSocket(options: ExecSocketOptions): Promise<ExecStream> {
  const { url, signal } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw signal.reason
    const socket = new WebSocket(url, ['v5.channel.k8s.io', 'v4.channel.k8s.io'], {
      headers: options.headers,
      agent: options.agent,
      perMessageDeflate: false,
      skipUTF8Validation: true,
      maxPayload: receivedBytesMax,
      // the mask guards plain-text proxies; inside TLS a zero mask saves a pass over every byte (ws then skips it)
      ...(url.protocol === 'wss:' && { generateMask: (mask: Buffer) => void mask.fill(0) }),
    })
    let timedOut = false
    const settle = (outcome: () => void) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      socket.removeAllListeners()
      outcome()
    }
    const giveUp = (reason: unknown) =>
      settle(() => {
        // a socket that is terminated while it connects says so in an error
        socket.on('error', () => {})
        socket.terminate()
        reject(reason)
      })
    const abort = () => giveUp(signal?.reason)
    const timer = setTimeout(() => {
      timedOut = true
      giveUp(options.failed(new Error('no answer in time'), timedOut))
    }, options.connectTimeoutMs)
    signal?.addEventListener('abort', abort, { once: true })
    socket.on('error', error => giveUp(options.failed(error, timedOut)))
    socket.on('upgrade', (response: IncomingMessage) => response.socket.setKeepAlive(true, 15_000))
    socket.on('unexpected-response', (_request, response: IncomingMessage) => {
      readRefusal(response).then(body => giveUp(options.refused(response.statusCode ?? 0, body)))
    })
    socket.on('open', () => settle(() => resolve(new ExecDuplex(socket, signal).stream)))
  })
}

class ExecDuplex extends Duplex {
  readonly stream: ExecStream
  readonly #socket: WebSocket
  readonly #signal: AbortSignal | undefined
  readonly #abort: () => void
  #settleExit: (exit: ExecExit) => void = () => {}
  #stderr = Buffer.alloc(0)
  #status: ExecExit | undefined
  #error: Error | undefined
  #isOver = false
  #closeTimer: NodeJS.Timeout | undefined

  constructor(socket: WebSocket, signal: AbortSignal | undefined) {
    super({ highWaterMark, allowHalfOpen: true })
    this.#socket = socket
    this.#signal = signal
    this.#abort = () => this.destroy(asError(signal?.reason))
    const exit = new Promise<ExecExit>(resolve => {
      this.#settleExit = resolve
    })
    const protocol = socket.protocol as ExecStream['protocol']
    this.stream = { io: this, stderr: () => this.#stderr.toString('utf8'), exit, protocol }
    signal?.addEventListener('abort', this.#abort, { once: true })
    socket.on('message', (data: Buffer) => this.#receive(data))
    socket.on('error', error => {
      this.#error = error
    })
    socket.on('close', (code: number, reason: Buffer) => this.#closed(code, reason.toString('utf8')))
  }

  override _read(): void {
    if (this.#socket.isPaused) this.#socket.resume()
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
    if (this.#isOver || this.#socket.protocol !== 'v5.channel.k8s.io') done()
    else this.#socket.send(Buffer.of(Channel.close, Channel.stdin), error => done(this.#isOver ? null : error))
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#finish(this.#status ?? { code: null, message: error?.message ?? 'the connection was closed here' })
    this.#socket.terminate()
    done(error)
  }

  /** The next message goes out when the operating system has taken the one before: `done` is the back-pressure. */
  #send(chunks: Buffer[], done: (error?: Error | null) => void): void {
    const messages = stdinMessages(chunks)
    const next = (error?: Error | null): void => {
      // the command does not read any more: how it ended is in `exit`, and what it printed can still be read
      const isRead = !this.#isOver && !this.#status
      const message = isRead && !error ? messages.next() : undefined
      if (message && !message.done) this.#socket.send(message.value, next)
      else done(isRead ? error : null)
    }
    next()
  }

  #receive(data: Buffer): void {
    const channel = data[0]
    const payload = data.subarray(1)
    if (payload.length === 0) return
    if (channel === Channel.stdout) {
      if (!this.push(payload)) this.#socket.pause()
    } else if (channel === Channel.stderr) {
      this.#stderr = Buffer.concat([this.#stderr, payload]).subarray(-stderrBytesMax)
    } else if (channel === Channel.status && !this.#status) {
      this.#status = readExit(payload.toString('utf8'))
      this.#closeTimer = setTimeout(() => {
        this.#closed(1000, '')
        this.#socket.terminate()
      }, closeTimeoutMs)
    }
  }

  #closed(code: number, reason: string): void {
    if (this.#isOver) return
    if (this.#status) {
      this.#finish(this.#status)
      this.push(null)
      return
    }
    const why = this.#error?.message || reason || (code === 1006 ? 'cut without a word' : `closed with ${code}`)
    const cause = this.#error ?? new ClusterError(0, 'StreamClosed', why)
    this.destroy(new UserError('unreachable', `the connection to the pod is gone: ${why}`, { cause }))
  }

  #finish(exit: ExecExit): void {
    this.#isOver = true
    clearTimeout(this.#closeTimer)
    this.#signal?.removeEventListener('abort', this.#abort)
    this.#settleExit(exit)
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason))
}

/** Merges small writes and splits large ones: each message is at most a frame's payload and the channel byte. */
function* stdinMessages(chunks: Buffer[]): Generator<Buffer> {
  const payloadMax = limits.framePayloadBytesMax
  let left = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  let index = 0
  let offset = 0
  while (left > 0) {
    const message = Buffer.allocUnsafe(1 + Math.min(left, payloadMax))
    message[0] = Channel.stdin
    let filled = 1
    while (filled < message.length) {
      const chunk = chunks[index] as Buffer
      const copied = chunk.copy(message, filled, offset)
      filled += copied
      offset += copied
      if (offset === chunk.length) {
        index += 1
        offset = 0
      }
    }
    left -= filled - 1
    yield message
  }
}

/** The status channel's document: `Success`, or `Failure` with the exit code among its causes, or why it did not run. */
function readExit(text: string): ExecExit {
  try {
    const status = JSON.parse(text) as {
      status?: string
      reason?: string
      message?: string
      details?: { causes?: { reason?: string; message?: string }[] }
    }
    if (status.status === 'Success') return { code: 0 }
    const cause = status.details?.causes?.find(({ reason }) => reason === 'ExitCode')
    const code = Number(cause?.message)
    if (cause && Number.isInteger(code)) return { code }
    return { code: null, message: status.message ?? status.reason ?? text }
  } catch {
    return { code: null, message: text.slice(0, 500) }
  }
}
