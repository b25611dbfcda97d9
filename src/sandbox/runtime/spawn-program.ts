import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { type ChildPipes, closeDescriptors, makeChildPipes } from '../../../syncer/agent/child-pipes.ts'
import { systemTimers } from '../../../syncer/base/clock.ts'
import { errnoOf } from '../../../syncer/base/errors.ts'

export interface ProgramOptions {
  argv: string[]
  cwd: string
  env: Record<string, string>
  /** Path of the static native program that makes real pipes; null where it does not run. */
  init: string | null
  hasStdin: boolean
  /** One output for both: what is printed stays in its order. */
  joinsOutputs: boolean
}

export interface Program {
  child: ChildProcess & { pid: number }
  stdin: Writable | null
  outputs: Readable[]
}

/** Starts a program in a session of its own; fails with the system's error where it cannot be started. */
export async function spawnProgram(options: ProgramOptions): Promise<Program> {
  const pipes = await openPipes(options.init)
  try {
    const [program, ...rest] = options.argv as [string, ...string[]]
    const child = spawn(program, rest, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      stdio: stdioOf(options, pipes),
    })
    const outputs = pipes ? [pipes.stdout, pipes.stderr] : [child.stdout!, child.stderr!]
    for (const output of outputs) output.on('error', () => {})
    const stdin = options.hasStdin ? (pipes?.stdin ?? child.stdin) : null
    stdin?.on('error', () => {})
    await once(child, 'spawn')
    if (!options.hasStdin) pipes?.stdin.destroy()
    return { child: child as Program['child'], stdin, outputs }
  } catch (error) {
    for (const end of pipes ? [pipes.stdin, pipes.stdout, pipes.stderr] : []) end.destroy()
    throw error
  } finally {
    if (pipes) closeDescriptors(pipes)
  }
}

/** As a container runtime says it. */
export function spawnProblem(program: string, error: unknown): string {
  const errno = errnoOf(error)
  if (errno === 'ENOENT') return `exec: "${program}": executable file not found in $PATH`
  if (errno === 'EACCES') return `exec: "${program}": permission denied`
  return `exec: "${program}": ${errno ?? error}`
}

type Stdio = 'ignore' | 'pipe' | number

function stdioOf({ hasStdin, joinsOutputs }: ProgramOptions, pipes: ChildPipes | undefined): Stdio[] {
  if (!pipes) return [hasStdin ? 'pipe' : 'ignore', 'pipe', 'pipe']
  const [stdin, stdout, stderr] = pipes.descriptors
  return [hasStdin ? stdin : 'ignore', stdout, joinsOutputs ? stdout : stderr]
}

/** Node's own are sockets, which a program cannot open by name (`/dev/stderr`), and the agent not at all. */
async function openPipes(init: string | null): Promise<ChildPipes | undefined> {
  if (init === null) return undefined
  return makeChildPipes({ files: { init }, timers: systemTimers, log: { write: () => {} } })
}
