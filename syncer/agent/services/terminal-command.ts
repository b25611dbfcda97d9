import { readdirSync, rmSync } from 'node:fs'
import { limits } from '../../base/limits.ts'
import { MessageStream } from '../../wire/message-stream.ts'
import type { MuxStream } from '../../wire/mux-stream.ts'
import { type ExecRequest, type TerminalExit, TerminalFrame } from '../../wire/services.ts'
import {
  decodeSize,
  splitTerminalMessage,
  type TerminalSize,
  terminalChunks,
  terminalMessage,
} from '../../wire/terminal-message.ts'
import type { AgentContext } from '../agent-context.ts'
import { isRunning, readCommandRecord, writeCommandRecord } from '../command-record.ts'
import { sendSignal, signalNumber, startTicks } from '../process-group.ts'
import { connectPty, type PtyConnection } from '../pty-connection.ts'
import { folderFailure, spawnFailure } from '../spawn-error.ts'
import { spawnPty, terminalEnvironment } from '../spawn-pty.ts'

type TerminalExec = ExecRequest & { terminal: TerminalSize & { term: string } }

const filePrefix = 'x-'
const recordSuffix = '.json'
/** Ctrl-D: how a terminal says that there is no more input. */
const endOfInput = Buffer.of(4)

/** A command on a terminal of its own. The end of its stream hangs up on it. */
export class TerminalCommand {
  private readonly context: AgentContext
  private readonly messages: MessageStream
  private readonly socket: string
  private pty: PtyConnection | undefined
  private holderPid: number | undefined
  private isDone = false

  /** `name` is this command's alone among those of the agent. */
  constructor(context: AgentContext, name: string, stream: MuxStream) {
    this.context = context
    this.socket = `${context.files.private}/${filePrefix}${name}.sock`
    stream.accept()
    this.messages = new MessageStream(
      stream,
      {
        message: bytes => this.receive(bytes),
        drain: () => this.pty?.resume(),
        close: () => this.letGo(),
      },
      limits.terminalMessageBytesMax,
    )
    this.messages.pause()
  }

  async run(request: TerminalExec): Promise<void> {
    const failure = folderFailure(request.cwd)
    if (failure) {
      this.finish(failure)
      return
    }
    try {
      this.finish({ code: await this.hold(request) })
    } catch (error) {
      this.finish(spawnFailure(this.context.files.init, error))
    } finally {
      removeFiles(this.socket)
    }
  }

  /** Resolves with the exit code when the command has ended and all of its output is here. */
  private async hold({ argv, cwd, env, terminal }: TerminalExec): Promise<number> {
    const { context, socket } = this
    const environment = terminalEnvironment(context, env, terminal.term)
    const holder = await spawnPty(context, { socket, size: terminal, argv, cwd, env: environment })
    this.holderPid = holder.pid
    const exit = new Promise<number>(resolve => holder.once('exit', code => resolve(code ?? 255)))
    writeCommandRecord(recordOf(socket), {
      pid: holder.pid,
      startTicks: startTicks(holder.pid) ?? 0,
      startedAtMs: context.clock.now(),
    })
    if (this.isDone) this.hangUp()
    else await this.connect(() => startTicks(holder.pid) !== undefined)
    return exit
  }

  /** Resolves when the connection to the terminal is over. */
  private connect(isThere: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const handlers = {
        output: (bytes: Buffer) => this.show(bytes),
        drain: () => this.messages.resume(),
        close: resolve,
      }
      connectPty(this.socket, handlers, { timers: this.context.timers, isThere }).then(pty => {
        if (!pty) return resolve()
        this.pty = pty
        if (this.isDone) this.hangUp()
        this.messages.resume()
      })
    })
  }

  private show(output: Buffer): void {
    let wantsMore = true
    for (const payload of terminalChunks(output)) {
      wantsMore = this.messages.send(terminalMessage(TerminalFrame.stdout, payload))
    }
    // the terminal fills up, and the program waits
    if (!wantsMore) this.pty?.pause()
  }

  private receive(message: Buffer): void {
    const { type, payload } = splitTerminalMessage(message)
    if (type === TerminalFrame.stdin) {
      if (this.pty && !this.pty.input(payload)) this.messages.pause()
    } else if (type === TerminalFrame.resize) this.pty?.resize(decodeSize(payload))
    else if (type === TerminalFrame.stdinEnd) this.pty?.input(endOfInput)
    else if (type === TerminalFrame.signal) this.signal(payload.toString())
  }

  private signal(name: string): void {
    const number = signalNumber(name)
    if (number !== undefined) this.pty?.signal(number)
  }

  private finish(exit: TerminalExit): void {
    if (this.isDone) return
    this.isDone = true
    this.messages.resume()
    this.messages.send(terminalMessage(TerminalFrame.exit, Buffer.from(JSON.stringify(exit))))
    this.messages.end()
  }

  private letGo(): void {
    if (this.isDone) return
    this.isDone = true
    this.hangUp()
  }

  /** `init pty` passes it on, and kills what does not go. */
  private hangUp(): void {
    if (this.holderPid !== undefined) sendSignal(this.holderPid, 'SIGHUP')
    this.pty?.close()
  }
}

/** Ends the commands whose agent was killed: nobody will ever come back for them. */
export function endLeftovers(context: AgentContext): void {
  for (const name of readdirSync(context.files.private)) {
    if (!name.startsWith(filePrefix) || !name.endsWith(recordSuffix)) continue
    const path = `${context.files.private}/${name}`
    const record = readCommandRecord(path)
    if (record && isRunning(record)) sendSignal(record.pid, 'SIGHUP')
    removeFiles(path.slice(0, -recordSuffix.length))
  }
}

function recordOf(socket: string): string {
  return socket + recordSuffix
}

function removeFiles(socket: string): void {
  for (const suffix of ['', '.exit', '.out', recordSuffix]) rmSync(socket + suffix, { force: true })
}
