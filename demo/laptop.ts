import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { UserError } from '../syncer/base/errors.ts'
import type { DemoCluster } from './cluster.ts'
import { localPortsOf, type MovedPort, movedPorts, withPorts } from './local-ports.ts'

export interface Ended {
  /** Exit code; null where a signal ended it. */
  code: number | null
  stdout: string
}

/** A call of the CLI that runs. */
export interface Call {
  readonly ended: Promise<Ended>
  isRunning(): boolean
}

export interface CallOptions {
  signal: AbortSignal
  /** Told each line that it prints. */
  onLine?: (line: string) => void
}

const interruptedMsMax = 3_000
const stdoutCharsMax = 1024 * 1024

/** What a person has: a folder with the app and its manifest, and the built CLI. All of it goes with the cluster. */
export class DemoLaptop {
  /** The person's folder; the manifest lies in it. */
  readonly folder: string
  /** The app's, which is synced. */
  readonly app: string
  readonly logs: string
  /** The built one. */
  readonly cli: string
  /** Ports of this machine in the order of the manifest: the app, the debugger, the database. */
  readonly ports: readonly number[]
  readonly moved: readonly MovedPort[]
  readonly environment: Readonly<Record<string, string>>
  readonly #cluster: DemoCluster

  private constructor(cluster: DemoCluster, repository: string, ports: readonly number[], moved: readonly MovedPort[]) {
    this.#cluster = cluster
    this.cli = join(repository, 'dist/podswap.cjs')
    this.folder = join(cluster.runtime.folder, 'laptop')
    this.app = join(this.folder, 'demo/app')
    this.logs = join(this.folder, 'log')
    this.moved = moved
    this.ports = ports.map(port => moved.find(({ from }) => from === port)?.to ?? port)
    this.environment = { KUBECONFIG: cluster.kubeconfig, PODSWAP_HOME: join(this.folder, 'state') }
  }

  /** Copies the app and the manifest; nothing of the clone is ever written to. */
  static async prepare(cluster: DemoCluster, repository: string): Promise<DemoLaptop> {
    const manifest = readFileSync(join(repository, 'manifests/dev.node.yml'), 'utf8')
    const ports = localPortsOf(manifest)
    const laptop = new DemoLaptop(cluster, repository, ports, await movedPorts(ports))
    mkdirSync(laptop.logs, { recursive: true })
    cpSync(join(repository, 'manifests/demo/app'), laptop.app, { recursive: true })
    writeFileSync(join(laptop.folder, 'dev.node.yml'), withPorts(manifest, laptop.moved))
    return laptop
  }

  /** Starts the CLI; an abort interrupts it, and kills it where that does not help. Everything it prints is logged. */
  start(args: string[], { signal, onLine = () => {} }: CallOptions): Call {
    const { runtime } = this.#cluster
    const { PATH = '', LANG = 'C.UTF-8', HOME = this.folder, TMPDIR = '' } = process.env
    const child = spawn(process.execPath, [this.cli, ...args], {
      cwd: this.folder,
      // Ctrl-C is for the demo, which then ends this in order
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH, LANG, HOME, ...(TMPDIR && { TMPDIR }), ...this.environment, ...runtime.companionEnvironment },
    })
    runtime.adopt(child)
    let stdout = ''
    const log = join(this.logs, `podswap-${args[0]}.log`)
    const told = (line: string) => {
      appendFileSync(log, `${line}\n`)
      onLine(line)
    }
    createInterface({ input: child.stderr }).on('line', told)
    createInterface({ input: child.stdout }).on('line', line => {
      if (stdout.length < stdoutCharsMax) stdout += `${line}\n`
      told(line)
    })
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', code => resolve({ code, stdout }))
    })
    ended.catch(() => {})
    endOnAbort(child, signal)
    return { ended, isRunning: () => child.exitCode === null && child.signalCode === null }
  }

  /** @throws UserError where it ends with anything but 0 */
  async run(args: string[], options: CallOptions): Promise<Ended> {
    const ended = await this.start(args, options).ended
    options.signal.throwIfAborted()
    if (ended.code === 0) return ended
    throw new UserError('pod-failed', `podswap ${args.join(' ')} ended with ${ended.code ?? 'a signal'}`)
  }
}

function endOnAbort(child: ChildProcess, signal: AbortSignal): void {
  let timer: NodeJS.Timeout | undefined
  const end = () => {
    child.kill('SIGINT')
    timer = setTimeout(() => child.kill('SIGKILL'), interruptedMsMax)
  }
  if (signal.aborted) end()
  else signal.addEventListener('abort', end, { once: true })
  child.once('close', () => {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  })
}
