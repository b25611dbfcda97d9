import { randomBytes } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'
import type { Timers } from '../base/clock.ts'
import { type OpenedPort, openPortMs } from '../wire/services.ts'
import { StreamError } from '../wire/stream-error.ts'
import { isSameToken, readFirstLine } from './handshake.ts'

export interface PortEntranceOptions {
  timers: Timers
  /** A connection that showed the token, and was answered. */
  onConnection: (socket: Socket, isPacked: boolean) => void
  log: (text: string) => void
}

/** Ports that wait at once, and connections to one of them that have not said who they are. */
const waitingMax = 8
const strangersMax = 8

/**
 * A second way into the agent: over a port of the pod's loopback, where the node connects for the API's port-forward.
 * That spares the bytes the exec's pipes. Each port is open for a moment, for whoever shows the token that went over
 * the connection which asked for it.
 */
export class PortEntrance {
  private readonly options: PortEntranceOptions
  /** Each with what cancels its end. */
  private readonly waiting = new Map<Server, () => void>()

  constructor(options: PortEntranceOptions) {
    this.options = options
  }

  /** @param isPacked handed on to whoever takes the connection */
  async open(isPacked: boolean): Promise<OpenedPort> {
    if (this.waiting.size >= waitingMax) throw new StreamError('too-many-streams', `${waitingMax} ports wait already`)
    const [token, answer] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')]
    const server = createServer(
      { noDelay: true },
      socket => void this.take(server, socket, { token, answer, isPacked }),
    )
    server.maxConnections = strangersMax
    this.waiting.set(
      server,
      this.options.timers.after(openPortMs, () => this.shut(server)),
    )
    try {
      return { port: await listen(server), token, answer }
    } catch (error) {
      this.shut(server)
      throw error
    }
  }

  close(): void {
    for (const server of this.waiting.keys()) this.shut(server)
  }

  /** Takes no more connections; those that it took go on. */
  private shut(server: Server): void {
    this.waiting.get(server)?.()
    this.waiting.delete(server)
    server.close()
  }

  private async take(server: Server, socket: Socket, { token, answer, isPacked }: Expected): Promise<void> {
    socket.on('error', () => {})
    try {
      const shown = await readFirstLine(socket, this.options.timers)
      if (!this.waiting.has(server) || !isSameToken(shown, token)) throw new Error('the token is not the right one')
      this.shut(server)
      socket.write(`${answer}\n`)
      this.options.onConnection(socket, isPacked)
    } catch (error) {
      this.options.log(`connection refused: ${error instanceof Error ? error.message : error}`)
      socket.destroy()
    }
  }
}

interface Expected extends Omit<OpenedPort, 'port'> {
  isPacked: boolean
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
  })
}
