import { rmSync } from 'node:fs'
import { errnoOf } from '../../base/errors.ts'
import type { MuxStream } from '../../wire/mux-stream.ts'
import type { AgentCall, CommandState, StartedCommand, TerminalExit, TerminalRequest } from '../../wire/services.ts'
import { StreamError } from '../../wire/stream-error.ts'
import type { TerminalSize } from '../../wire/terminal-message.ts'
import type { AgentContext } from '../agent-context.ts'
import {
  type CommandRecord,
  isRunning,
  readCommandRecord,
  readExitCode,
  readLastOutput,
  writeCommandRecord,
} from '../command-record.ts'
import { placeCommand } from '../place-request.ts'
import { sendSignal, signalNumber, startTicks } from '../process-group.ts'
import { connectPty, type PtyConnection } from '../pty-connection.ts'
import { Scrollback } from '../scrollback.ts'
import { folderFailure, makeFolder } from '../spawn-error.ts'
import { spawnPty, terminalEnvironment } from '../spawn-pty.ts'
import { Viewer } from './viewer.ts'

type StartCall = Extract<AgentCall, { method: 'start-command' }>

const viewersMax = 32
/** `init pty` has its own patience (7 s to SIGKILL, 5 s for the last output). */
const stopTimeoutMs = 15_000
const reconnectIntervalMs = 20
const holderTurnsMax = 100
/** `init pty` keeps this much of the last output; less is all that there was. */
const lastOutputBytes = 64 * 1024
const unknownExit: TerminalExit = { code: 255, error: 'its terminal was killed, so how it ended is not known' }

/**
 * The command that the pod was swapped for. `init pty` holds its terminal, so it outlives connections and the agent;
 * this is the agent's view of it, found again from the files in the private folder.
 */
export class DevCommand {
  private readonly context: AgentContext
  private readonly viewers = new Set<Viewer>()
  private output = new Scrollback()
  private record: CommandRecord | undefined
  private exit: TerminalExit | undefined
  private exitCode: number | undefined
  private pty: PtyConnection | undefined
  private onEnd: (() => void)[] = []
  private queue: Promise<unknown> = Promise.resolve()
  private isClosed = false

  constructor(context: AgentContext) {
    this.context = context
  }

  /** Finds the command that an earlier agent started. */
  recover(): void {
    const { devCommandRecord, devCommandSocket } = this.context.files
    this.record = readCommandRecord(devCommandRecord)
    if (!this.record) return
    if (isRunning(this.record)) {
      void this.connect(this.record)
    } else {
      this.output.add(readLastOutput(devCommandSocket))
      this.ended(undefined)
    }
  }

  get state(): CommandState {
    if (!this.record) return { state: 'none' }
    const { startTicks: _ofTheHolder, ...known } = this.record
    if (!this.exit) return { state: 'running', ...known }
    return { state: 'exited', ...known, ...(this.exitCode !== undefined && { exitCode: this.exitCode }) }
  }

  /** Leaves a command that runs alone. Throws {@link StreamError} `no-folder`, or the system's error code. */
  start(call: StartCall): Promise<StartedCommand> {
    return this.inTurn(async () => {
      if (this.state.state === 'running') return { ...this.state, started: false }
      const { cwd } = placeCommand(this.context.root, call)
      if (call.makesFolder && cwd !== undefined) makeFolder(cwd)
      const failure = folderFailure(cwd)
      if (failure) throw new StreamError('no-folder', failure.error ?? '')
      await this.spawn(call)
      return { ...this.state, started: true }
    })
  }

  /** Ends it; resolves when it has ended, or has not for {@link stopTimeoutMs}. */
  stop(): Promise<CommandState> {
    return this.inTurn(async () => {
      if (!this.record || this.state.state !== 'running') return this.state
      const { pid } = this.record
      sendSignal(pid, 'SIGTERM')
      if (!(await this.endsWithin(stopTimeoutMs))) {
        // without its holder the terminal hangs up
        sendSignal(pid, 'SIGKILL')
        await this.endsWithin(1_000)
      }
      return this.state
    })
  }

  /** Shows it to one more viewer, whose window is now the terminal's size. */
  view(request: TerminalRequest, stream: MuxStream): void {
    if (!this.record) {
      stream.reset('no-command', 'no command was started in this pod')
      return
    }
    if (this.viewers.size >= viewersMax) {
      stream.reset('too-many-streams', `${viewersMax} terminals are open`)
      return
    }
    const viewer = new Viewer(stream, this.output, {
      input: bytes => this.pty?.input(bytes) ?? true,
      resize: size => this.resize(size),
      signal: name => this.signal(name),
      close: () => this.viewers.delete(viewer),
    })
    this.viewers.add(viewer)
    if (this.exit) viewer.end(this.exit)
    else this.resize(request)
  }

  /** The agent ends, the command does not. */
  close(): void {
    this.isClosed = true
    this.pty?.close()
  }

  private async spawn(call: StartCall): Promise<void> {
    const { devCommandSocket: socket, devCommandRecord } = this.context.files
    await this.holderIsGone()
    for (const leftover of [devCommandRecord, `${socket}.exit`, `${socket}.out`]) rmSync(leftover, { force: true })
    this.record = undefined
    const { argv, cwd, env, columns, rows } = call
    const placed = placeCommand(this.context.root, call)
    const command = {
      socket,
      size: { columns, rows },
      argv: placed.argv,
      cwd: placed.cwd,
      env: terminalEnvironment(this.context, env),
    }
    const holder = await spawnPty(this.context, command).catch(error => {
      throw new StreamError(errnoOf(error) ?? 'error', `the terminal cannot be started: ${error}`)
    })
    const holderExit = new Promise<number>(resolve => holder.once('exit', (code, _signal) => resolve(code ?? 255)))
    this.record = {
      pid: holder.pid,
      startTicks: startTicks(holder.pid) ?? 0,
      startedAtMs: this.context.clock.now(),
      argv,
      ...(cwd !== undefined && { cwd }),
    }
    this.exit = this.exitCode = undefined
    this.output = new Scrollback()
    writeCommandRecord(devCommandRecord, this.record)
    this.context.log.write(`command started: pid ${holder.pid}: ${argv.join(' ')}`)
    await this.connect(this.record, holderExit)
  }

  private async connect(record: CommandRecord, holderExit?: Promise<number>): Promise<void> {
    const socket = this.context.files.devCommandSocket
    const handlers = {
      output: (bytes: Buffer) => this.show(bytes),
      drain: () => this.continueInput(),
      close: () => void this.disconnected(record, holderExit),
    }
    const isThere = () => isRunning(record)
    const pty = await connectPty(socket, handlers, { timers: this.context.timers, isThere })
    if (!pty) return this.disconnected(record, holderExit)
    this.pty = pty
    if (this.isClosed) pty.close()
  }

  private async disconnected(record: CommandRecord, holderExit: Promise<number> | undefined): Promise<void> {
    this.pty = undefined
    if (this.isClosed || this.record !== record) return
    const hasEnded = readExitCode(this.context.files.devCommandSocket) !== undefined || !isRunning(record)
    if (hasEnded) return this.ended(await holderExit)
    await this.sleep(reconnectIntervalMs)
    await this.connect(record, holderExit)
  }

  /** Writing to a holder that is just ending breaks the connection, and what it had sent last is lost with it. */
  private addLastOutput(): void {
    const last = readLastOutput(this.context.files.devCommandSocket)
    if (last.length < lastOutputBytes && last.length > this.output.end) this.show(last.subarray(this.output.end))
  }

  private ended(holderCode: number | undefined): void {
    this.addLastOutput()
    this.exitCode = readExitCode(this.context.files.devCommandSocket) ?? holderCode
    this.exit = this.exitCode === undefined ? unknownExit : { code: this.exitCode }
    this.context.log.write(`command ended: ${this.exitCode ?? 'exit code unknown'}`)
    for (const viewer of this.viewers) viewer.end(this.exit)
    this.viewers.clear()
    for (const callback of this.onEnd.splice(0)) callback()
  }

  private endsWithin(timeoutMs: number): Promise<boolean> {
    return new Promise(resolve => {
      if (this.exit) return resolve(true)
      const cancel = this.context.timers.after(timeoutMs, () => resolve(false))
      this.onEnd.push(() => {
        cancel()
        resolve(true)
      })
    })
  }

  /** The holder of an earlier command removes its socket as its very last act: not that of the next one. */
  private async holderIsGone(): Promise<void> {
    for (let turn = 0; turn < holderTurnsMax && this.record && isRunning(this.record); turn++) {
      await this.sleep(reconnectIntervalMs)
    }
  }

  private sleep(forMs: number): Promise<void> {
    return new Promise(resolve => this.context.timers.after(forMs, resolve))
  }

  private continueInput(): void {
    for (const viewer of this.viewers) viewer.continueInput()
  }

  private show(output: Buffer): void {
    this.output.add(output)
    for (const viewer of this.viewers) viewer.show()
  }

  private resize(size: TerminalSize): void {
    if (size.columns > 0 && size.rows > 0) this.pty?.resize(size)
  }

  private signal(name: string): void {
    const number = signalNumber(name)
    if (number !== undefined) this.pty?.signal(number)
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.queue.then(work)
    this.queue = done.catch(() => {})
    return done
  }
}
