import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

const restartsMax = 10

/** The process that cleans up where this one is killed. Another is started where it ends itself. */
export class Watchdog {
  readonly #program: string
  readonly #mark: string
  readonly #folder: string
  readonly #roots = new Set<number>()
  #child: ChildProcess
  #restarts = 0
  #isDone = false

  /** @param program path of the bundled `programs/watchdog.ts` */
  constructor(program: string, mark: string, folder: string) {
    this.#program = program
    this.#mark = mark
    this.#folder = folder
    this.#child = this.#spawn()
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  started(pid: number): void {
    this.#roots.add(pid)
    this.#tell(`+${pid}`)
  }

  ended(pid: number): void {
    this.#roots.delete(pid)
    this.#tell(`-${pid}`)
  }

  /** There is nothing left to clean up. */
  async done(): Promise<void> {
    if (this.#isDone) return
    this.#isDone = true
    const child = this.#child
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
    child.ref()
    const exited = once(child, 'exit')
    child.stdin!.end('done\n')
    await exited
  }

  #spawn(): ChildProcess {
    const { PATH } = process.env
    const child = spawn(process.execPath, [this.#program, this.#mark, this.#folder], {
      detached: true,
      env: { PATH },
      cwd: '/',
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    // neither it nor its pipe is a reason to go on running
    child.unref()
    const stdin = child.stdin as unknown as { unref(): void }
    stdin.unref()
    child.stdin!.on('error', () => {})
    child.once('error', () => {})
    child.once('exit', () => this.#restart())
    for (const pid of this.#roots) child.stdin!.write(`+${pid}\n`)
    return child
  }

  #restart(): void {
    if (this.#isDone || ++this.#restarts > restartsMax) return
    this.#child = this.#spawn()
  }

  #tell(line: string): void {
    if (this.#child.stdin!.writable) this.#child.stdin!.write(`${line}\n`)
  }
}
