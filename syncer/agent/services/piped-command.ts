import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { limits } from '../../base/limits.ts'
import { MessageStream } from '../../wire/message-stream.ts'
import type { MuxStream } from '../../wire/mux-stream.ts'
import { type ExecRequest, type TerminalExit, TerminalFrame } from '../../wire/services.ts'
import {
  splitTerminalMessage,
  type TerminalFrameType,
  terminalChunks,
  terminalMessage,
} from '../../wire/terminal-message.ts'
import type { AgentContext } from '../agent-context.ts'
import { endGroup, sendSignal, signalNumber } from '../process-group.ts'
import { folderFailure, spawnFailure } from '../spawn-error.ts'

/** What a command left running may hold its outputs open for ever: after this much silence they are let go. */
const quietMs = 500

/** A command with three pipes, in a process group of its own. The end of its stream is the end of the group. */
export class PipedCommand {
  private readonly context: AgentContext
  private readonly messages: MessageStream
  private readonly child: ChildProcessWithoutNullStreams | undefined
  private ended: TerminalExit | undefined
  private isBlocked = false
  private isQuiet = false
  private isDone = false

  constructor(context: AgentContext, request: ExecRequest, stream: MuxStream) {
    this.context = context
    stream.accept()
    this.messages = new MessageStream(
      stream,
      {
        message: bytes => this.receive(bytes),
        drain: () => this.unblock(),
        close: () => this.letGo(),
      },
      limits.terminalMessageBytesMax,
    )
    this.child = this.spawn(request)
  }

  private spawn({ argv, cwd, env }: ExecRequest): ChildProcessWithoutNullStreams | undefined {
    const [program, ...rest] = argv as [string, ...string[]]
    const failure = folderFailure(cwd)
    if (failure) {
      this.finish(failure)
      return undefined
    }
    try {
      const environment = { ...this.context.environment, ...env }
      const child = spawn(program, rest, { cwd, env: environment, detached: true, stdio: 'pipe' })
      child.once('error', error => this.finish(spawnFailure(program, error)))
      child.once('exit', (code, signal) => this.exited(code, signal))
      child.once('close', () => this.ended && this.finish(this.ended))
      this.pass(child.stdout, TerminalFrame.stdout)
      this.pass(child.stderr, TerminalFrame.stderr)
      child.stdin.on('error', () => {})
      // whatever becomes of stdin, signals must still come through
      for (const event of ['drain', 'close']) child.stdin.on(event, () => this.messages.resume())
      return child
    } catch (error) {
      this.finish(spawnFailure(program, error))
      return undefined
    }
  }

  private pass(output: Readable, type: TerminalFrameType): void {
    output.on('error', () => {})
    output.on('data', (chunk: Buffer) => {
      this.isQuiet = false
      let wantsMore = true
      for (const payload of terminalChunks(chunk)) wantsMore = this.messages.send(terminalMessage(type, payload))
      if (!wantsMore) this.block()
    })
  }

  private block(): void {
    this.isBlocked = true
    this.child?.stdout.pause()
    this.child?.stderr.pause()
  }

  private unblock(): void {
    this.isBlocked = false
    this.child?.stdout.resume()
    this.child?.stderr.resume()
  }

  private receive(message: Buffer): void {
    const { type, payload } = splitTerminalMessage(message)
    const { child } = this
    if (!child || this.isDone) return
    if (type === TerminalFrame.stdin) {
      if (child.stdin.writable && !child.stdin.write(payload)) this.messages.pause()
    } else if (type === TerminalFrame.stdinEnd) child.stdin.end()
    else if (type === TerminalFrame.signal) this.signal(payload.toString())
  }

  private signal(name: string): void {
    const number = signalNumber(name)
    if (number !== undefined && this.child?.pid !== undefined) sendSignal(-this.child.pid, number)
  }

  private exited(code: number | null, signal: NodeJS.Signals | null): void {
    this.ended = { code: code ?? 128 + (signalNumber(signal ?? '') ?? 0), ...(signal && { signal }) }
    this.awaitQuiet()
  }

  private awaitQuiet(): void {
    if (this.isDone || !this.ended) return
    if (this.isQuiet && !this.isBlocked) {
      this.finish(this.ended)
    } else {
      this.isQuiet = true
      this.context.timers.after(quietMs, () => this.awaitQuiet())
    }
  }

  private finish(exit: TerminalExit): void {
    if (this.isDone) return
    this.isDone = true
    this.messages.resume()
    this.messages.send(terminalMessage(TerminalFrame.exit, Buffer.from(JSON.stringify(exit))))
    this.messages.end()
    for (const pipe of this.child?.stdio ?? []) pipe?.destroy()
  }

  private letGo(): void {
    if (this.isDone) return
    this.isDone = true
    if (this.child?.pid !== undefined) endGroup(this.child.pid, this.context.timers)
    for (const pipe of this.child?.stdio ?? []) pipe?.destroy()
  }
}
