import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Finished {
  /** Exit code; 128 + signal number where a signal ended it. */
  code: number
  stdout: string
  stderr: string
  elapsedMs: number
}

export interface CommandOptions {
  cwd?: string
  env?: NodeJS.ProcessEnv
  input?: string | Buffer
  timeoutMs?: number
}

const signalNumbers: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 1, SIGINT: 2, SIGKILL: 9, SIGTERM: 15 }
const printedBytesMax = 8 * 1024 * 1024

/** A child process whose output is kept. */
export class RunningCommand implements AsyncDisposable {
  readonly child: ChildProcessWithoutNullStreams
  readonly #title: string
  readonly #startedAt = performance.now()
  readonly #ended: Promise<number>
  #stdout = ''
  #stderr = ''

  constructor(file: string, args: string[], { cwd, env }: CommandOptions = {}) {
    this.#title = [file, ...args].join(' ').slice(0, 300)
    this.child = spawn(file, args, { cwd, env: env ?? process.env })
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout = keep(this.#stdout, text)
    })
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = keep(this.#stderr, text)
    })
    // a child that ends before it read everything is not this test's failure; its exit code is looked at
    this.child.stdin.on('error', () => {})
    this.#ended = new Promise((resolve, reject) => {
      this.child.on('error', reject)
      this.child.on('close', (code, signal) => resolve(code ?? 128 + (signalNumbers[signal ?? 'SIGTERM'] ?? 0)))
    })
    this.#ended.catch(() => {})
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  /** Waits for the end; at the deadline the child is killed and the wait fails with everything it printed. */
  async finished(timeoutMs = 120_000): Promise<Finished> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.child.kill('SIGKILL')
        reject(new Error(`did not end within ${timeoutMs} ms: ${this.#title}\n${this.#stdout}\n${this.#stderr}`))
      }, timeoutMs)
    })
    try {
      const code = await Promise.race([this.#ended, late])
      return { code, stdout: this.#stdout, stderr: this.#stderr, elapsedMs: performance.now() - this.#startedAt }
    } finally {
      clearTimeout(timer)
    }
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.running) return
    this.child.kill(signal)
    if (this.running) await once(this.child, 'exit')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
  }
}

/** Runs a program to its end, whatever its exit code. */
export async function runCommand(file: string, args: string[], options: CommandOptions = {}): Promise<Finished> {
  const command = new RunningCommand(file, args, options)
  command.child.stdin.end(options.input)
  return await command.finished(options.timeoutMs)
}

function keep(printed: string, more: string): string {
  const all = printed + more
  return all.length > printedBytesMax ? all.slice(-printedBytesMax) : all
}
