import { constants } from 'node:os'
import type { Clock, Timers } from '../../../syncer/base/clock.ts'
import type { PodRoot } from '../../../syncer/pod/pod-root.ts'
import {
  type ContainerExit,
  type ContainerRun,
  type ExecCommand,
  type LogOptions,
  type RunningCommand,
  RuntimeRefusal,
} from '../pod-runtime.ts'
import { carryInput, carryOutputs } from './carry-streams.ts'
import { OutputLog } from './output-log.ts'
import { killProcesses } from './process-tree.ts'
import { type Program, spawnProblem, spawnProgram } from './spawn-program.ts'

export interface RunOptions {
  id: string
  /** In the environment of all of its processes. */
  mark: string
  argv: string[]
  cwd: string
  env: Record<string, string>
  root: PodRoot
  init: string | null
  /** Told of each process group. */
  watchdog: { started(pid: number): void; ended(pid: number): void }
  clock: Clock
  timers: Timers
  /** Its end is complete. */
  ended: () => void
}

/** The tree is dead by then; something that is not of it may hold the output open. */
const outputWaitMs = 2_000

/** Starts a container's first process. Fails with a {@link RuntimeRefusal}. */
export async function startRun(options: RunOptions): Promise<ProcessRun> {
  const { argv, cwd, env, init } = options
  if (argv.length === 0) throw new RuntimeRefusal('CreateContainerError', 'no command specified')
  try {
    const program = await spawnProgram({ argv, cwd, env, init, hasStdin: false, joinsOutputs: true })
    return new ProcessRun(options, program)
  } catch (error) {
    throw new RuntimeRefusal('RunContainerError', spawnProblem(argv[0]!, error), { cause: error })
  }
}

/** A process of this machine and all that comes of it. */
export class ProcessRun implements ContainerRun {
  readonly id: string
  readonly exited: Promise<ContainerExit>
  readonly #options: RunOptions
  readonly #first: Program
  readonly #log = new OutputLog()
  /** Of each process group that was started from here. */
  readonly #roots = new Set<number>()
  #hasEnded = false

  constructor(options: RunOptions, first: Program) {
    this.id = options.id
    this.#options = options
    this.#first = first
    const startedAtMs = options.clock.now()
    this.#track(first)
    for (const output of first.outputs) output.on('data', chunk => this.#log.write(chunk))
    this.exited = this.#awaitEnd(startedAtMs)
  }

  async stop(graceMs: number): Promise<void> {
    if (this.#hasEnded) return
    let cancel = () => {}
    if (graceMs > 0) {
      this.#first.child.kill('SIGTERM')
      cancel = this.#options.timers.after(graceMs, () => void this.#kill())
    } else void this.#kill()
    await this.exited
    cancel()
  }

  async exec(command: ExecCommand): Promise<RunningCommand> {
    const argv = command.command.map(argument => this.#options.root.argument(argument))
    const program = await this.#spawn(argv, command.stdin !== null).catch(error => {
      throw new RuntimeRefusal('StartError', spawnProblem(command.command[0] ?? '', error), { cause: error })
    })
    this.#track(program)
    const exit = new Promise<number>(resolve => {
      program.child.once('exit', (code, signal) => resolve(exitCodeOf(code, signal)))
    })
    if (program.stdin) carryInput(command, program.stdin)
    const carried = carryOutputs(command, program, this.#options.timers)
    return { exited: Promise.all([exit, carried]).then(([exitCode]) => ({ exitCode })) }
  }

  log(options: LogOptions): AsyncIterable<Uint8Array> {
    return this.#log.read(options)
  }

  forget(): void {
    this.#log.clear()
  }

  async #spawn(argv: string[], hasStdin: boolean): Promise<Program> {
    const { cwd, env, init } = this.#options
    if (this.#hasEnded || argv.length === 0) throw new Error('the container does not run')
    return spawnProgram({ argv, cwd, env, init, hasStdin, joinsOutputs: false })
  }

  #track({ child }: Program): void {
    const { watchdog } = this.#options
    this.#roots.add(child.pid)
    watchdog.started(child.pid)
    child.once('exit', () => {
      if (child === this.#first.child) return
      this.#roots.delete(child.pid)
      watchdog.ended(child.pid)
    })
    // it came too late for the end of the others
    if (this.#hasEnded) void this.#kill()
  }

  async #awaitEnd(startedAtMs: number): Promise<ContainerExit> {
    const { child, outputs } = this.#first
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>(resolve => {
      child.once('exit', (code, signal) => resolve([code, signal]))
    })
    const finishedAtMs = this.#options.clock.now()
    this.#hasEnded = true
    await this.#kill()
    await Promise.all(outputs.map(output => this.#closed(output)))
    this.#log.close()
    for (const pid of this.#roots) this.#options.watchdog.ended(pid)
    this.#options.ended()
    const number = signal === null ? undefined : constants.signals[signal]
    return { exitCode: exitCodeOf(code, signal), ...(number && { signal: number }), startedAtMs, finishedAtMs }
  }

  #closed(output: Program['outputs'][number]): Promise<void> {
    return new Promise(resolve => {
      if (output.closed) return resolve()
      const cancel = this.#options.timers.after(outputWaitMs, () => output.destroy())
      output.once('close', () => {
        cancel()
        resolve()
      })
    })
  }

  #kill(): Promise<void> {
    return killProcesses(this.#options.mark, this.#roots)
  }
}

function exitCodeOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (signal === null ? 0 : constants.signals[signal])
}
