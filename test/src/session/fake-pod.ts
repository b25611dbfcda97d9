import type { Duplex } from 'node:stream'
import { readLine } from '../../../src/agent/read-line.ts'
import type { Clock, Timers } from '../../../syncer/base/clock.ts'
import type { UserError } from '../../../syncer/base/errors.ts'
import type { Lane } from '../../../syncer/engine/exchange/peer.ts'
import { MessageStream } from '../../../syncer/wire/message-stream.ts'
import { Mux } from '../../../syncer/wire/mux.ts'
import type { MuxStream } from '../../../syncer/wire/mux-stream.ts'
import { PackedStream } from '../../../syncer/wire/packed-stream.ts'
import {
  type AgentCall,
  type CommandState,
  type OpenedPort,
  type OpenRequest,
  type SecretRequest,
  type SyncRequest,
  type TerminalExit,
  TerminalFrame,
} from '../../../syncer/wire/services.ts'
import { terminalMessage } from '../../../syncer/wire/terminal-message.ts'
import { carrierPair } from '../../syncer/wire/carrier-pair.ts'

const openedPort: OpenedPort = { port: 4711, token: 'shown', answer: 'answered' }
/** Shown where what follows is packed. */
const packedToken = 'shown for a packed stream'

/** The agent's end, over real multiplexers: commands, a terminal with scrollback, ports, sync streams. */
export class FakePod {
  /** But for those that ask for a port. */
  readonly calls: AgentCall['method'][] = []
  readonly syncs: SyncRequest[] = []
  readonly keys: string[] = []
  readonly sizes: string[] = []
  /** Ports that answer. */
  readonly ports = new Set<string>()
  command: CommandState = { state: 'none' }
  /** Those that came, and how the command was then. */
  readonly secrets: { path: string; mode: number; content: string; command: CommandState['state'] }[] = []
  /** By path: the error that it meets. */
  readonly secretRefusals = new Map<string, string>()
  /** What the next attempts to attach fail with. */
  refusals: (UserError | null)[] = []
  /** Attempts wait until this resolves. */
  gate: Promise<void> = Promise.resolve()
  /** What connections to a port fail with. */
  portRefusal: UserError | null = null
  /** Those that stand. */
  readonly portCarriers = new Set<Duplex>()
  /** Calls stay without an answer, but for those that ask for a port. */
  silent = false
  /** Likewise those. */
  isStill = false
  readonly #time: Clock & Timers
  readonly #carriers = new Set<Duplex>()
  readonly #viewers = new Set<MessageStream>()
  #printed = Buffer.alloc(0)
  #exit: TerminalExit | null = null

  constructor(time: Clock & Timers) {
    this.#time = time
  }

  get openCarriers(): number {
    return this.#carriers.size
  }

  async attach(_lane: Lane, signal: AbortSignal): Promise<Duplex> {
    const refusal = this.refusals.shift()
    await this.gate
    signal.throwIfAborted()
    if (refusal) throw refusal
    const [laptop, agent] = this.#carrierPair()
    this.#run(agent)
    return laptop
  }

  execCarriers(): Duplex[] {
    return [...this.#carriers].filter(carrier => !this.portCarriers.has(carrier))
  }

  /** A connection to the port that `open-port` names. */
  async openPort(port: number, signal: AbortSignal): Promise<Duplex> {
    if (this.portRefusal) throw this.portRefusal
    if (port !== openedPort.port) throw new Error(`nothing listens on ${port}`)
    const [laptop, agent] = this.#carrierPair()
    this.portCarriers.add(laptop)
    laptop.once('close', () => this.portCarriers.delete(laptop))
    const serve = (token: string) => {
      if (token !== openedPort.token && token !== packedToken) return agent.destroy()
      agent.write(`${openedPort.answer}\n`)
      this.#run(token === packedToken ? new PackedStream(agent, { clock: this.#time }) : agent)
    }
    readLine(agent, 100, signal).then(serve, () => agent.destroy())
    return laptop
  }

  #carrierPair(): [Duplex, Duplex] {
    const [laptop, agent] = carrierPair()
    this.#carriers.add(laptop)
    laptop.once('close', () => this.#carriers.delete(laptop))
    return [laptop, agent]
  }

  #run(agent: Duplex): void {
    new Mux({
      carrier: agent,
      side: 'agent',
      clock: this.#time,
      timers: this.#time,
      onOpen: (request, stream) => this.#serve(request as OpenRequest, stream),
    })
  }

  /** Every connection goes. */
  cut(): void {
    for (const carrier of this.#carriers) carrier.destroy()
  }

  /** The container is another one: nothing runs in it. */
  restart(): void {
    this.command = { state: 'none' }
    this.#printed = Buffer.alloc(0)
    this.#exit = null
    this.cut()
  }

  print(text: string): void {
    const bytes = Buffer.from(text)
    this.#printed = Buffer.concat([this.#printed, bytes])
    for (const viewer of this.#viewers) viewer.send(terminalMessage(TerminalFrame.stdout, bytes))
  }

  exitCommand(exit: TerminalExit): void {
    this.command = { state: 'exited', exitCode: exit.code }
    this.#exit = exit
    for (const viewer of this.#viewers) this.#sendExit(viewer, exit)
  }

  #serve(request: OpenRequest, stream: MuxStream): void {
    stream.accept()
    switch (request.kind) {
      case 'call':
        if (request.call.method !== 'open-port') this.calls.push(request.call.method)
        if (this.isStill) break
        if (!this.silent || request.call.method === 'open-port')
          stream.end(JSON.stringify({ result: this.#answer(request.call) }))
        stream.resume()
        break
      case 'terminal':
        this.sizes.push(`${request.columns}x${request.rows}`)
        this.#show(stream)
        break
      case 'sync':
        this.syncs.push(request)
        break
      case 'tcp':
        if (this.ports.has(`${request.host}:${request.port}`)) stream.pipe(stream)
        else stream.reset('ECONNREFUSED', 'refused')
        break
      case 'secret':
        this.#take(request, stream)
        break
      case 'exec':
        stream.reset('refused', 'no exec here')
    }
  }

  #take({ path, mode }: SecretRequest, stream: MuxStream): void {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.once('end', () => {
      const code = this.secretRefusals.get(path)
      const content = Buffer.concat(chunks).toString()
      if (!code) this.secrets.push({ path, mode, content, command: this.command.state })
      stream.end(JSON.stringify(code ? { error: { code, message: code } } : { result: {} }))
    })
  }

  #answer(call: AgentCall): unknown {
    switch (call.method) {
      case 'start-command': {
        const started = this.command.state !== 'running'
        const { argv, cwd } = call
        if (started) this.command = { state: 'running', pid: 7, startedAtMs: this.#time.now(), argv, cwd }
        return { ...this.command, started }
      }
      case 'stop-command':
        this.command = { ...this.command, state: 'exited' }
        return this.command
      case 'command-state':
        return this.command
      case 'probe-tcp':
        return this.ports.has(`${call.host}:${call.port}`)
          ? { ok: true, elapsedMs: 1 }
          : { ok: false, error: 'ECONNREFUSED' }
      case 'open-port':
        return call.packed ? { ...openedPort, token: packedToken } : openedPort
      default:
        return {}
    }
  }

  #show(stream: MuxStream): void {
    const viewer: MessageStream = new MessageStream(stream, {
      message: bytes => {
        if (bytes[0] === TerminalFrame.stdin) this.keys.push(bytes.subarray(1).toString())
        if (bytes[0] === TerminalFrame.resize) this.sizes.push(`${bytes.readUInt16BE(1)}x${bytes.readUInt16BE(3)}`)
      },
      close: () => this.#viewers.delete(viewer),
    })
    this.#viewers.add(viewer)
    if (this.#printed.length > 0) viewer.send(terminalMessage(TerminalFrame.stdout, this.#printed))
    if (this.#exit) this.#sendExit(viewer, this.#exit)
  }

  #sendExit(viewer: MessageStream, exit: TerminalExit): void {
    viewer.send(terminalMessage(TerminalFrame.exit, Buffer.from(JSON.stringify(exit))))
    viewer.end()
  }
}
