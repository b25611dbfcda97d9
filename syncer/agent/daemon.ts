import { randomBytes, randomUUID } from 'node:crypto'
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock, Timers } from '../base/clock.ts'
import { makePrivateFolder, writeWhole } from '../pod/pod-files.ts'
import type { PodRoot } from '../pod/pod-root.ts'
import { Priority } from '../wire/frame-payload.ts'
import { Mux } from '../wire/mux.ts'
import { PackedStream } from '../wire/packed-stream.ts'
import type { ReverseRequest } from '../wire/services.ts'
import type { AgentContext, AgentFiles } from './agent-context.ts'
import { AgentLog } from './agent-log.ts'
import { type Greeting, isSameToken, readGreeting } from './handshake.ts'
import { openHoldOn, openPipesOf } from './joined-pipes.ts'
import { PortEntrance } from './port-entrance.ts'
import { Services } from './services/services.ts'
import type { SyncHost } from './sync-host.ts'

export interface DaemonOptions {
  files: AgentFiles
  /** Where the container's paths are. */
  root: PodRoot
  /** sha256 (hex) of the bundle that runs. */
  bundle: string
  /** The container's own environment. */
  environment: Record<string, string>
  /** Makes the pod's end of sync; `log` takes what it has to tell. */
  syncHost: (log: (text: string) => void) => SyncHost
  clock: Clock
  timers: Timers
  /** Ends the process. */
  exit: (code: number) => void
}

const attachmentsMax = 64

/**
 * The agent: takes attachments on its unix socket and serves what they ask. A connection that goes takes with it what
 * was its own, and nothing else.
 */
export class Daemon {
  private readonly options: DaemonOptions
  private readonly context: AgentContext
  private readonly services: Services
  private readonly entrance: PortEntrance
  private readonly server: Server
  private readonly token = randomBytes(32).toString('hex')
  /** What holds each attachment: it ends with that, and that with it. */
  private readonly sockets = new Set<Duplex>()
  private readonly connections = new Set<Mux>()
  private isClosing = false

  constructor(options: DaemonOptions) {
    this.options = options
    const { files, root, environment, clock, timers } = options
    makePrivateFolder(files)
    this.context = { files, root, environment, clock, timers, log: new AgentLog(files.log, clock) }
    const identity = {
      bundle: options.bundle,
      pid: process.pid,
      uid: process.getuid?.() ?? -1,
      startedAtMs: clock.now(),
      boot: randomUUID(),
    }
    this.entrance = new PortEntrance({
      timers,
      onConnection: (socket, isPacked) => this.enter(socket, isPacked),
      log: text => this.log(text),
    })
    this.services = new Services(this.context, identity, {
      syncHost: options.syncHost(text => this.log(text)),
      openPort: isPacked => this.entrance.open(isPacked),
    })
    this.server = createServer(socket => void this.take(socket))
  }

  /** Resolves when attachments can come. */
  async start(): Promise<void> {
    const { socket, token } = this.options.files
    this.services.recover()
    writeWhole(token, this.token)
    // an agent before this one may have been killed
    rmSync(socket, { force: true })
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject)
      // nobody may connect before the mode is right
      const umask = process.umask(0o177)
      this.server.listen(socket, () => resolve())
      process.umask(umask)
    })
    chmodSync(socket, 0o600)
    this.server.on('error', error => this.log(`socket: ${error.message}`))
    this.log(`started: pid ${process.pid}, bundle ${this.options.bundle}`)
  }

  /** Ends every connection with a word; the dev command goes on. */
  async close(reason: string): Promise<void> {
    if (this.isClosing) return
    this.isClosing = true
    this.log(`ends: ${reason}`)
    this.server.close()
    this.entrance.close()
    this.services.close()
    await Promise.all([...this.connections].map(mux => mux.close(reason)))
    for (const socket of this.sockets) socket.destroy()
  }

  /** A bug of ours: said in the agent's log and the container's. `init boot` starts the agent again. */
  crash(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.log(`crashed: ${text}`)
    console.error(`podswap agent: ${text}`)
    this.options.exit(1)
  }

  private async take(socket: Socket): Promise<void> {
    socket.on('error', () => {})
    if (this.sockets.size >= attachmentsMax || this.isClosing) {
      socket.end(`${JSON.stringify({ error: `${attachmentsMax} attachments are here already` })}\n`)
      return
    }
    this.sockets.add(socket)
    socket.once('close', () => this.sockets.delete(socket))
    try {
      const greeting = await readGreeting(socket, this.options.timers)
      if (!isSameToken(greeting.token, this.token)) throw new Error('the token is not the right one')
      if (greeting.pid === undefined) await this.retire(socket)
      else this.attach(socket, greeting.pid, greeting)
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error)
      this.log(`attachment refused: ${text}`)
      socket.end(`${JSON.stringify({ error: text })}\n`)
      socket.destroySoon()
    }
  }

  private attach(socket: Socket, pid: number, { held, hello }: Greeting): void {
    const pipes = openPipesOf(pid)
    const hold = pipes && held ? openHoldOn(pid) : undefined
    socket.write(`${JSON.stringify({ ok: hold ? 'held' : pipes ? 'fd' : 'relay' })}\n`)
    this.log(`attached: pid ${pid}, ${pipes ? 'its own pipes' : 'relayed'}, ${JSON.stringify(hello)}`)
    if (hold) {
      this.sockets.add(hold)
      hold.once('close', () => this.sockets.delete(hold)).once('error', () => {})
      hold.once('end', () => hold.destroy())
    }
    const holder = hold ?? socket
    if (pipes) {
      // the attaching process is the hold on the pipes: where it goes, the connection goes, and the other way round
      holder.once('close', () => pipes.destroy())
      holder.resume()
      if (hold) socket.resume()
    }
    this.serve(pipes ?? socket, `pid ${pid}`, () => holder.destroy())
  }

  /** By {@link PortEntrance}. */
  private enter(socket: Socket, isPacked: boolean): void {
    if (this.sockets.size >= attachmentsMax || this.isClosing) {
      socket.destroy()
      return
    }
    this.sockets.add(socket)
    socket.once('close', () => this.sockets.delete(socket))
    this.log('attached: by port')
    const { clock } = this.options
    this.serve(isPacked ? new PackedStream(socket, { clock }) : socket, 'by port', () => {})
  }

  private serve(carrier: Duplex, name: string, ended: () => void): void {
    const toLaptop = (request: ReverseRequest) => mux.open(request, { priority: Priority.interactive })
    const mux = new Mux({
      carrier,
      side: 'agent',
      clock: this.options.clock,
      timers: this.options.timers,
      afterEvents: setImmediate,
      onOpen: (request, stream) => this.services.serve(request, stream, toLaptop),
    })
    this.connections.add(mux)
    void mux.closed.then(end => {
      this.log(`detached: ${name}: ${end.code}: ${end.message}`)
    })
    carrier.once('close', () => {
      this.connections.delete(mux)
      ended()
    })
  }

  private async retire(socket: Socket): Promise<void> {
    socket.write(`${JSON.stringify({ ok: 'retired' })}\n`)
    await this.close('another version of podswap takes over')
    this.options.exit(0)
  }

  private log(text: string): void {
    this.context.log.write(text)
  }
}
