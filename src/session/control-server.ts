import { chmodSync, unlinkSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { errnoOf, UserError } from '../../syncer/base/errors.ts'
import {
  type ControlReply,
  type ControlRequest,
  decodeRequest,
  encodeReply,
  LINE_BYTES_MAX,
  REQUEST_BYTES_MAX,
  toWireError,
} from './control-protocol.ts'
import { LineReader } from './line-reader.ts'

const CONNECTIONS_MAX = 32
/** A client that opens a connection says what it wants. */
const REQUEST_TIMEOUT_MS = 5_000
/** What a client that does not read may leave waiting here. */
const UNREAD_BYTES_MAX = 2 * LINE_BYTES_MAX
/** At the end. */
const LAST_WORDS_MS = 500

/** Answers one request; `emit` sends an event before the result. The signal fires when the client is gone. */
export type ControlHandler = (
  request: ControlRequest,
  emit: (event: unknown) => void,
  signal: AbortSignal,
) => Promise<unknown>

/** Listens for other podswap processes of this person: a unix socket (0600), or a named pipe on Windows. */
export class ControlServer {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #answers = new Set<Promise<void>>()
  readonly #path: string

  private constructor(path: string, token: string, handler: ControlHandler) {
    this.#path = path
    this.#server = createServer(socket => this.#accept(socket, token, handler))
    this.#server.maxConnections = CONNECTIONS_MAX
  }

  /** The caller holds the session's claim: a socket that lies there is a dead process's. Throws `state`. */
  static async listen(path: string, token: string, handler: ControlHandler): Promise<ControlServer> {
    const server = new ControlServer(path, token, handler)
    if (!isPipe(path)) removeSocket(path)
    try {
      await new Promise<void>((resolve, reject) => {
        server.#server.once('error', reject)
        server.#server.listen(path, () => {
          server.#server.off('error', reject)
          resolve()
        })
      })
      if (!isPipe(path)) chmodSync(path, 0o600)
    } catch (error) {
      throw new UserError('state', `cannot listen on ${path}`, {
        hint: 'set PODSWAP_HOME to a folder on a local disk',
        cause: error,
      })
    }
    return server
  }

  /** Ends every connection and removes the socket. */
  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    // Answers that are on their way still get out; who does not read, or waits for something else, is cut.
    await Promise.race([Promise.allSettled(this.#answers), pause(LAST_WORDS_MS, undefined, { ref: false })])
    for (const socket of this.#sockets) {
      socket.end()
      setTimeout(() => socket.destroy(), LAST_WORDS_MS).unref()
    }
    await closed
    if (!isPipe(this.#path)) removeSocket(this.#path)
  }

  #accept(socket: Socket, token: string, handler: ControlHandler): void {
    this.#sockets.add(socket)
    const gone = new AbortController()
    const reader = new LineReader(REQUEST_BYTES_MAX)
    const hurry = setTimeout(() => socket.destroy(), REQUEST_TIMEOUT_MS)
    let asked = false
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      clearTimeout(hurry)
      this.#sockets.delete(socket)
      gone.abort()
    })
    socket.on('data', chunk => {
      if (asked) return
      const lines = reader.push(chunk)
      if (lines === null) return void socket.destroy()
      const [line] = lines
      if (line === undefined) return
      asked = true
      clearTimeout(hurry)
      const answering = answer(socket, line, token, handler, gone.signal)
      this.#answers.add(answering)
      void answering.finally(() => this.#answers.delete(answering))
    })
  }
}

async function answer(socket: Socket, line: string, token: string, handler: ControlHandler, signal: AbortSignal) {
  try {
    const request = decodeRequest(line, token)
    const result = await handler(request, event => send(socket, { kind: 'event', event }), signal)
    send(socket, { kind: 'result', result })
  } catch (error) {
    send(socket, { kind: 'error', error: toWireError(error) })
  }
  socket.end()
}

function send(socket: Socket, reply: ControlReply): void {
  if (!socket.writable) return
  if (socket.writableLength > UNREAD_BYTES_MAX) return void socket.destroy()
  socket.write(encodeReply(reply))
}

function isPipe(path: string): boolean {
  return path.startsWith('\\\\')
}

function removeSocket(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
}
