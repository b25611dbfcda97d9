import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { dump } from 'js-yaml'
import { type CommandOptions, type Finished, RunningCommand, runCommand } from './command.ts'
import { environment } from './environment.ts'
import { Terminal, type TerminalOptions } from './terminal.ts'
import { type UntilOptions, until } from './until.ts'

/** What `podswap status --json` prints of one dev. */
export interface DevStatus {
  name: string
  namespace: string
  workload: string
  state: 'starting' | 'syncing' | 'ready' | 'reconnecting' | 'failed'
  holder: string
  pod: string
  sync: {
    state: string
    pending: number
    conflicts: unknown[]
    problems: unknown[]
    files: number
    bytes_sent: number
    bytes_received: number
    last_change_at: string | null
    first_sync_seconds: number | null
  }
  forwards: { local: string; remote: string; direction: string; state: string }[]
}

const hostnamePreload = fileURLToPath(new URL('hostname.cjs', import.meta.url))

/** What is left out comes from the {@link environment}. */
export interface LaptopOptions {
  /** Default: the developer's. */
  kubeconfig?: string
  agentImage?: string
  cli?: string
  /** The machine's name, where it must be another one than ours. */
  hostname?: string
  /** Where its folders are made; default: the system's folder for temp files. */
  below?: string
}

/** One person's machine: a home, a state folder and a temp folder of its own, and the built CLI run in them. */
export class Laptop implements AsyncDisposable {
  /** Everything of this person lies below it. */
  readonly root: string
  readonly state: string
  readonly temp: string
  kubeconfig: string
  readonly #agentImage: string
  readonly #hostname: string | undefined
  /** What stands before the CLI's own arguments. */
  readonly #command: string[]
  readonly #started: (RunningCommand | Terminal)[] = []

  constructor(options: LaptopOptions = {}) {
    this.kubeconfig = options.kubeconfig ?? environment().person
    this.#command = [process.execPath, options.cli ?? environment().cli]
    this.#hostname = options.hostname
    this.#agentImage = options.agentImage ?? environment().agentImage
    this.root = mkdtempSync(join(options.below ?? tmpdir(), 'podswap-e2e-'))
    this.state = join(this.root, 'state')
    this.temp = join(this.root, 'tmp')
    for (const dir of [this.state, this.temp, join(this.root, 'home')]) mkdirSync(dir)
  }

  /** Runs the CLI to its end, without a terminal. */
  async podswap(args: string[], options: CommandOptions = {}): Promise<Finished> {
    const [program, ...more] = [...this.#command, ...args]
    return await runCommand(program!, more, this.#in(options))
  }

  /** Like {@link podswap}; any exit code but 0 fails with what was printed. */
  async ok(args: string[], options: CommandOptions = {}): Promise<Finished> {
    const done = await this.podswap(args, options)
    if (done.code !== 0) {
      throw new Error(`podswap ${args.join(' ')} ended with ${done.code}:\n${done.stdout}\n${done.stderr}`)
    }
    return done
  }

  /** Starts the CLI without a terminal and leaves it running. */
  start(args: string[], options: CommandOptions = {}): RunningCommand {
    const [program, ...more] = [...this.#command, ...args]
    const command = new RunningCommand(program!, more, this.#in(options))
    this.#started.push(command)
    return command
  }

  /** Starts the CLI in a terminal. */
  terminal(args: string[], options: TerminalOptions = {}): Terminal {
    const terminal = new Terminal([...this.#command, ...args], { ...options, ...this.#in(options) })
    this.#started.push(terminal)
    return terminal
  }

  async devs(args: string[] = [], options: CommandOptions = {}): Promise<DevStatus[]> {
    const { stdout } = await this.ok(['status', '--json', ...args], options)
    return JSON.parse(stdout).devs
  }

  /** Waits until `status --json` shows one dev in this state; fails at once where it failed. */
  async untilState(state: DevStatus['state'], args: string[], options: UntilOptions = {}): Promise<DevStatus> {
    let seen: DevStatus | undefined
    const found = await until(
      `status of ${args.join(' ')} is ${state}`,
      async () => {
        ;[seen] = await this.devs(args)
        return seen?.state === state || (seen?.state === 'failed' && 'failed') ? seen : undefined
      },
      { deadlineMs: 90_000, everyMs: 200, ...options },
    )
    if (found.state !== state) throw new Error(`expected ${state}, got ${JSON.stringify(found)}`)
    return found
  }

  /** A folder with these files; a value that is not text becomes YAML. */
  folder(name: string, files: Record<string, string | Buffer | object> = {}): string {
    const dir = join(this.root, name)
    mkdirSync(dir, { recursive: true })
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true })
      const bytes = typeof content === 'string' || Buffer.isBuffer(content) ? content : dump(content)
      writeFileSync(join(dir, path), bytes)
    }
    return dir
  }

  /** Processes of this machine that run with this laptop's state folder. */
  processes(): number[] {
    const marker = `PODSWAP_HOME=${this.state}\0`
    return readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .filter(pid => {
        try {
          return readFileSync(`/proc/${pid}/environ`, 'latin1').includes(marker)
        } catch {
          return false // ended meanwhile
        }
      })
      .map(Number)
  }

  /** SIGKILL to all of them; waits until they are gone. */
  async killAll(): Promise<void> {
    for (const pid of this.processes()) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // ended meanwhile
      }
    }
    await until('no process of this laptop is left', () => this.processes().length === 0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const started of this.#started) await started.kill()
    await this.killAll()
    rmSync(this.root, { recursive: true, force: true })
  }

  #in(options: CommandOptions): CommandOptions {
    const env: NodeJS.ProcessEnv = {
      PATH: process.env.PATH,
      LANG: 'C.UTF-8',
      HOME: join(this.root, 'home'),
      TMPDIR: this.temp,
      KUBECONFIG: this.kubeconfig,
      PODSWAP_HOME: this.state,
      PODSWAP_AGENT_IMAGE: this.#agentImage,
      ...(this.#hostname !== undefined && {
        PODSWAP_TEST_HOSTNAME: this.#hostname,
        NODE_OPTIONS: `--require=${JSON.stringify(hostnamePreload)}`,
      }),
      ...options.env,
    }
    return { cwd: this.root, ...options, env }
  }
}
