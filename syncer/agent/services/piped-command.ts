import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
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
import { type ChildPipes, closeDescriptors, makeChildPipes } from '../child-pipes.ts'
import { endGroup, sendSignal, signalNumber } from '../process-group.ts'
import { folderFailure, spawnFailure } from '../spawn-error.ts'

/** What a command left running may hold its outputs open for ever: after this much silence they are let go. */
const quietMs = 500

interface Running {
  child: ChildProcess
  stdin: Writable
  outputs: Readable[]
}

/** A command with three pipes, in a process group of its own. The end of its stream is the end of the group. */
export class PipedCommand {
  private readonly context: AgentContext
  private readonly messages: MessageStream
  private running: Running | undefined
  private ended: TerminalExit | undefined
  private openOutputs = 0
  private isBlocked = false
  private isQuiet = false
  private isDone = false

  constructor(context: AgentContext, stream: MuxStream) {
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
    this.messages.pause()
  }

  async run(request: ExecRequest): Promise<void> {
    const failure = folderFailure(request.cwd)
    const pipes = failure ? undefined : await makeChildPipes(this.context)
    try {
      if (failure) this.finish(failure)
      else if (!this.isDone) this.start(request, pipes)
    } catch (error) {
      this.finish(spawnFailure(request.argv[0]!, error))
    } finally {
      if (pipes) closeDescriptors(pipes)
      if (pipes && !this.running) for (const end of [pipes.stdin, pipes.stdout, pipes.stderr]) end.destroy()
    }
  }

  private start({ argv, cwd, env }: ExecRequest, pipes: ChildPipes | undefined): void {
    const [program, ...rest] = argv as [string, ...string[]]
    const environment = { ...this.context.environment, ...env }
    const stdio = pipes?.descriptors ?? 'pipe'
    const child = spawn(program, rest, { cwd, env: environment, detached: true, stdio })
    const { stdin, stdout, stderr } = pipes ?? (child as { stdin: Writable; stdout: Readable; stderr: Readable })
    this.running = { child, stdin, outputs: [stdout, stderr] }
    child.once('error', error => this.finish(spawnFailure(program, error)))
    child.once('exit', (code, signal) => this.exited(code, signal))
    this.pass(stdout, TerminalFrame.stdout)
    this.pass(stderr, TerminalFrame.stderr)
    stdin.on('error', () => {})
    // whatever becomes of stdin, signals must still come through
    for (const event of ['drain', 'close']) stdin.on(event, () => this.messages.resume())
    this.messages.resume()
  }

  private pass(output: Readable, type: TerminalFrameType): void {
    this.openOutputs++
    output.on('error', () => {})
    output.once('close', () => {
      this.openOutputs--
      this.finishIfOver()
    })
    output.on('data', (chunk: Buffer) => {
      this.isQuiet = false
      let wantsMore = true
      for (const payload of terminalChunks(chunk)) wantsMore = this.messages.send(terminalMessage(type, payload))
      if (!wantsMore) this.block()
    })
  }

  private block(): void {
    this.isBlocked = true
    for (const output of this.running?.outputs ?? []) output.pause()
  }

  private unblock(): void {
    this.isBlocked = false
    for (const output of this.running?.outputs ?? []) output.resume()
  }

  private receive(message: Buffer): void {
    const { type, payload } = splitTerminalMessage(message)
    if (!this.running || this.isDone) return
    const { child, stdin } = this.running
    if (type === TerminalFrame.stdin) {
      if (stdin.writable && !stdin.write(payload)) this.messages.pause()
    } else if (type === TerminalFrame.stdinEnd) stdin.end()
    else if (type === TerminalFrame.signal) {
      const number = signalNumber(payload.toString())
      if (number !== undefined && child.pid !== undefined) sendSignal(-child.pid, number)
    }
  }

  private exited(code: number | null, signal: NodeJS.Signals | null): void {
    this.ended = { code: code ?? 128 + (signalNumber(signal ?? '') ?? 0), ...(signal && { signal }) }
    this.finishIfOver()
    this.awaitQuiet()
  }

  private finishIfOver(): void {
    if (this.ended && this.openOutputs === 0) this.finish(this.ended)
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
    this.closePipes()
  }

  private letGo(): void {
    if (this.isDone) return
    this.isDone = true
    const pid = this.running?.child.pid
    if (pid !== undefined) endGroup(pid, this.context.timers)
    this.closePipes()
  }

  private closePipes(): void {
    this.running?.stdin.destroy()
    for (const output of this.running?.outputs ?? []) output.destroy()
  }
}
