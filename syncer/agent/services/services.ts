import { ProtocolError } from '../../base/errors.ts'
import type { MuxStream } from '../../wire/mux-stream.ts'
import { parseOpenRequest } from '../../wire/open-request.ts'
import type { AgentCall, AgentState, CallAnswer, ExecRequest, OpenedPort } from '../../wire/services.ts'
import { StreamError } from '../../wire/stream-error.ts'
import type { AgentContext } from '../agent-context.ts'
import { placeRequest } from '../place-request.ts'
import type { SyncHost } from '../sync-host.ts'
import { DevCommand } from './dev-command.ts'
import { PipedCommand } from './piped-command.ts'
import { type OpenToLaptop, ReverseListeners } from './reverse.ts'
import { takeSecret } from './secret-file.ts'
import { probeTcp, serveTcp } from './tcp.ts'
import { endLeftovers, TerminalCommand } from './terminal-command.ts'

/** Who this agent is; `AgentState` without what changes. */
export type AgentIdentity = Omit<AgentState, 'rssBytes'>

const commandsMax = 64

/** Everything that a connection may ask for. What belongs to a connection ends with its stream. */
export class Services {
  private readonly context: AgentContext
  private readonly identity: AgentIdentity
  private readonly syncHost: SyncHost
  private readonly devCommand: DevCommand
  private readonly reverse: ReverseListeners
  private readonly openPort: (isPacked: boolean) => Promise<OpenedPort>
  private commands = 0
  private commandName = 0

  constructor(
    context: AgentContext,
    identity: AgentIdentity,
    parts: { syncHost: SyncHost; openPort: (isPacked: boolean) => Promise<OpenedPort> },
  ) {
    this.context = context
    this.identity = identity
    this.syncHost = parts.syncHost
    this.openPort = parts.openPort
    this.devCommand = new DevCommand(context)
    this.reverse = new ReverseListeners(context.timers)
  }

  /** Takes up what an earlier agent left. */
  recover(): void {
    endLeftovers(this.context)
    this.devCommand.recover()
  }

  /** Serves one stream of a connection. */
  serve(value: unknown, stream: MuxStream, toLaptop: OpenToLaptop): void {
    try {
      this.open(value, stream, toLaptop)
    } catch (error) {
      if (error instanceof ProtocolError) stream.reset('bad-request', error.message)
      else this.fail(stream, error)
    }
  }

  /** The agent ends; the dev command does not. */
  close(): void {
    this.devCommand.close()
    this.reverse.close()
    this.syncHost.close()
  }

  private open(value: unknown, stream: MuxStream, toLaptop: OpenToLaptop): void {
    const request = placeRequest(this.context.root, parseOpenRequest(value))
    switch (request.kind) {
      case 'sync':
        stream.accept()
        this.syncHost.openLane(request, stream)
        break
      case 'tcp':
        serveTcp(this.context, request, stream).catch(error => this.fail(stream, error))
        break
      case 'listen':
        this.reverse.serve(request, stream, toLaptop).catch(error => this.fail(stream, error))
        break
      case 'exec':
        this.exec(request, stream)
        break
      case 'terminal':
        this.devCommand.view(request, stream)
        break
      case 'secret':
        takeSecret(this.context, request, stream)
        break
      case 'call':
        void this.call(request.call, stream)
        break
    }
  }

  private exec(request: ExecRequest, stream: MuxStream): void {
    if (this.commands >= commandsMax) {
      stream.reset('too-many-streams', `${commandsMax} commands run already`)
      return
    }
    this.commands++
    stream.once('close', () => this.commands--)
    const { terminal } = request
    if (terminal) {
      const command = new TerminalCommand(this.context, `${++this.commandName}`, stream)
      command.run({ ...request, terminal }).catch(error => this.fail(stream, error))
    } else {
      new PipedCommand(this.context, stream).run(request).catch(error => this.fail(stream, error))
    }
  }

  private async call(call: AgentCall, stream: MuxStream): Promise<void> {
    const gone = new AbortController()
    stream.once('close', () => gone.abort())
    stream.resume()
    const answer = await this.answer(call, gone.signal)
    if (!stream.destroyed) stream.end(JSON.stringify(answer))
  }

  private async answer(call: AgentCall, signal: AbortSignal): Promise<CallAnswer> {
    try {
      return { result: await this.result(call, signal) }
    } catch (error) {
      if (error instanceof StreamError) return { error: { code: error.code, message: error.message } }
      if (!signal.aborted) this.context.log.write(`${call.method}: ${describe(error)}`)
      return { error: { code: 'internal', message: String(error) } }
    }
  }

  private async result(call: AgentCall, signal: AbortSignal): Promise<unknown> {
    switch (call.method) {
      case 'start-command':
        return this.devCommand.start(call)
      case 'command-state':
        return this.devCommand.state
      case 'stop-command':
        return this.devCommand.stop()
      case 'probe-tcp':
        return probeTcp(this.context, call, signal)
      case 'open-port':
        return this.openPort(call.packed)
      case 'agent-state':
        return { ...this.identity, rssBytes: process.memoryUsage.rss() } satisfies AgentState
    }
  }

  /** A bug of ours ends one stream, not the agent. */
  private fail(stream: MuxStream, error: unknown): void {
    this.context.log.write(`stream ${stream.id}: ${describe(error)}`)
    stream.reset('internal', String(error))
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
