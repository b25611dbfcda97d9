import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RunningCommand } from '../e2e/support/command.ts'
import { repository } from '../e2e/support/environment.ts'
import { eventually, until } from '../e2e/support/until.ts'

const waits = { deadlineMs: 240_000 }

/** The demo as `npm run demo` starts it, on a machine whose folder for temporary files is its own. */
export class DemoRun implements AsyncDisposable {
  readonly #command: RunningCommand
  readonly #root: string
  readonly temp: string

  constructor(args: string[] = []) {
    // short: sockets lie below it
    this.#root = mkdtempSync(join(tmpdir(), 'pd-'))
    this.temp = join(this.#root, 't')
    mkdirSync(this.temp)
    const { PATH } = process.env
    // tsx would keep what it has compiled in the same folder
    const env = { PATH, HOME: this.#root, TMPDIR: this.temp, TSX_DISABLE_CACHE: '1' }
    const demo = ['--import', 'tsx', join(repository, 'demo/run.ts'), ...args]
    this.#command = new RunningCommand(process.execPath, demo, { cwd: repository, env })
  }

  get output(): string {
    return this.#command.stdout + this.#command.stderr
  }

  get running(): boolean {
    return this.#command.running
  }

  /** Waits for something that it prints, and gives the groups of the match. */
  async prints(pattern: RegExp): Promise<string[]> {
    return await until(
      `the demo prints ${pattern}`,
      () => {
        const match = pattern.exec(this.output)
        if (match) return match.slice(1)
        if (!this.running) throw new Error(`it has ended:\n${this.output}`)
        return undefined
      },
      waits,
    )
  }

  signal(name: NodeJS.Signals): void {
    this.#command.child.kill(name)
  }

  async finished() {
    return await this.#command.finished(waits.deadlineMs)
  }

  /** No process of it runs, and it has left nothing in the folder for temporary files. */
  async leavesNothing(): Promise<void> {
    await eventually(() => {
      const left = { processes: this.processes(), files: readdirSync(this.temp) }
      if (left.processes.length > 0 || left.files.length > 0) throw new Error(`left behind: ${JSON.stringify(left)}`)
    }, waits)
  }

  /** What runs of it, as far as this system tells: the demo, the cluster's pods and watchdog, the CLI. */
  processes(): string[] {
    if (process.platform !== 'linux') return []
    return readdirSync('/proc')
      .filter(name => /^\d+$/.test(name))
      .flatMap(pid => {
        try {
          const ours = ['environ', 'cmdline'].some(file =>
            readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(this.temp),
          )
          return ours
            ? [`${pid} ${readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ').slice(0, 200)}`]
            : []
        } catch {
          return [] // ended meanwhile, or another user's
        }
      })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#command.kill()
    await this.leavesNothing().finally(() => rmSync(this.#root, { recursive: true, force: true }))
  }
}
