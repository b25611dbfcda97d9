import { type Duplex, PassThrough, type Readable, type Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KubeObject } from '../../../src/cluster/cluster.ts'
import {
  type ContainerExit,
  type ContainerRequest,
  type ContainerRun,
  type ExecCommand,
  type LogOptions,
  type PodPlace,
  type PodRequest,
  type PodRuntime,
  type RunningCommand,
  RuntimeRefusal,
} from '../../../src/sandbox/pod-runtime.ts'

/** What a container does, decided when it starts. */
export interface Script {
  /** Ends by itself with this code; otherwise it runs until it is stopped. */
  exitCode?: number
  /** How long it takes to end after SIGTERM; more than the grace period is cut short with 137. */
  stopMs?: number
  log?: string
}

export type Program = (
  command: string[],
  io: { stdin: Readable | null; stdout: Writable; stderr: Writable },
) => Promise<number>

/** A runtime that starts no process: containers do what their script says, commands are functions. */
export class ScriptedRuntime implements PodRuntime {
  /** Throws a RuntimeRefusal where the container cannot be started. */
  script: (container: ContainerRequest, pod: KubeObject) => Script = ranOnce
  programs: Record<string, Program> = { cat, echo, exit }
  dial: (port: number, pod: KubeObject) => Promise<Duplex> = async () => {
    throw new Error('connect ECONNREFUSED')
  }
  refuses: (spec: KubeObject['spec']) => string[] = () => []
  ignored: string[] = []
  readonly opened: PodRequest[] = []
  readonly started: { pod: string; request: ContainerRequest }[] = []
  readonly removedClaims: string[] = []
  readonly places = new Set<ScriptedPlace>()
  #addresses = 0
  isClosed = false

  unsupported(spec: KubeObject['spec']): string[] {
    return this.refuses(spec)
  }

  unenforced(): string[] {
    return this.ignored
  }

  async openPod(request: PodRequest): Promise<PodPlace> {
    await sleep(0)
    this.opened.push(request)
    this.#addresses += 1
    const place = new ScriptedPlace(this, request.pod, `10.244.0.${this.#addresses}`)
    this.places.add(place)
    return place
  }

  async removeClaim(uid: string): Promise<void> {
    this.removedClaims.push(uid)
  }

  async close(): Promise<void> {
    await Promise.all([...this.places].map(place => place.close()))
    this.isClosed = true
  }
}

/** Init containers do their part and end; the others run on. */
export function ranOnce({ name }: ContainerRequest, { spec }: KubeObject): Script {
  const inits: { name: string }[] = spec.initContainers ?? []
  return inits.some(init => init.name === name) ? { exitCode: 0 } : {}
}

class ScriptedPlace implements PodPlace {
  readonly ip: string
  readonly #runtime: ScriptedRuntime
  readonly #pod: KubeObject
  readonly #runs: ScriptedRun[] = []

  constructor(runtime: ScriptedRuntime, pod: KubeObject, ip: string) {
    this.#runtime = runtime
    this.#pod = pod
    this.ip = ip
  }

  async start(request: ContainerRequest): Promise<ContainerRun> {
    await sleep(0)
    const script = this.#runtime.script(request, this.#pod)
    this.#runtime.started.push({ pod: this.#pod.metadata.name ?? '', request })
    const run = new ScriptedRun(this.#runtime, `${this.#pod.metadata.uid}-${this.#runs.length}`, script)
    this.#runs.push(run)
    return run
  }

  dial(port: number): Promise<Duplex> {
    return this.#runtime.dial(port, this.#pod)
  }

  async close(): Promise<void> {
    await Promise.all(this.#runs.map(run => run.stop(0)))
    this.#runtime.places.delete(this)
  }
}

class ScriptedRun implements ContainerRun {
  readonly id: string
  readonly exited: Promise<ContainerExit>
  readonly #runtime: ScriptedRuntime
  readonly #script: Script
  readonly #startedAtMs = Date.now()
  #end: (exitCode: number) => void = () => {}
  #isStopping = false

  constructor(runtime: ScriptedRuntime, id: string, script: Script) {
    this.id = id
    this.#runtime = runtime
    this.#script = script
    this.exited = new Promise(resolve => {
      this.#end = exitCode => resolve({ exitCode, startedAtMs: this.#startedAtMs, finishedAtMs: Date.now() })
    })
    if (script.exitCode !== undefined) setImmediate(() => this.#end(script.exitCode!))
  }

  async stop(graceMs: number): Promise<void> {
    const { stopMs = 0 } = this.#script
    if (!this.#isStopping && stopMs <= graceMs) setTimeout(() => this.#end(143), stopMs)
    else setTimeout(() => this.#end(137), graceMs)
    this.#isStopping = true
    await this.exited
  }

  async exec({ command, stdin, stdout, stderr }: ExecCommand): Promise<RunningCommand> {
    const program = this.#runtime.programs[command[0] ?? '']
    if (!program)
      throw new RuntimeRefusal('StartError', `exec: ${JSON.stringify(command[0])}: executable file not found in $PATH`)
    const run = async () => {
      const exitCode = await program(command, { stdin, stdout, stderr })
      stdout.end()
      stderr.end()
      await Promise.all([finished(stdout), finished(stderr)]).catch(() => {})
      return { exitCode }
    }
    return { exited: run() }
  }

  async *log({ tailLines, follow, signal }: LogOptions): AsyncIterable<Uint8Array> {
    const lines = (this.#script.log ?? '').split(/(?<=\n)/)
    for (const line of tailLines === undefined ? lines : lines.slice(lines.length - tailLines)) yield Buffer.from(line)
    if (!follow) return
    const gone = new Promise(resolve => signal.addEventListener('abort', resolve))
    await Promise.race([this.exited, gone])
  }

  forget(): void {}
}

async function cat(_command: string[], { stdin, stdout }: Parameters<Program>[1]): Promise<number> {
  for await (const chunk of stdin ?? new PassThrough().end()) {
    if (!stdout.write(chunk)) await new Promise(resolve => stdout.once('drain', resolve))
  }
  return 0
}

async function echo([, ...words]: string[], { stdout }: Parameters<Program>[1]): Promise<number> {
  stdout.write(`${words.join(' ')}\n`)
  return 0
}

async function exit([, code, said = '']: string[], { stderr }: Parameters<Program>[1]): Promise<number> {
  stderr.write(said)
  return Number(code)
}
