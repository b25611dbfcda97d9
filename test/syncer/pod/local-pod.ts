import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildPodProgram } from '../../../scripts/pod-programs.mjs'
import { podFiles } from '../../../syncer/pod/pod-files.ts'
import { initProgram } from '../../native/init-program.ts'

/** What an image may set against us. */
const hostileEnvironment = { NODE_OPTIONS: '--require=/nowhere.js', LD_PRELOAD: '/nowhere.so' }

/** A dev container's `/podswap` as a temporary folder, its programs run as here. */
export class LocalPod {
  readonly home = mkdtempSync(join(tmpdir(), 'podswap-pod-'))
  readonly files = podFiles(this.home)
  readonly #started: ChildProcess[] = []
  #fifos = 0

  static async create(): Promise<LocalPod> {
    const pod = new LocalPod()
    writeFileSync(pod.files.boot, await buildPodProgram('boot'))
    writeFileSync(join(pod.home, 'attach.cjs'), await buildPodProgram('attach'))
    return pod
  }

  boot(): ChildProcess {
    return this.#run(['boot', process.execPath, this.files.boot], 'ignore', 'ignore')
  }

  attach(): Attached {
    const input = this.#pipe()
    const output = this.#pipe()
    const child = this.#run(['exec', process.execPath, join(this.home, 'attach.cjs')], input.reader, output.writer)
    closeSync(input.reader)
    closeSync(output.writer)
    const stdin = new Socket({ fd: input.writer, readable: false, writable: true })
    return new Attached(child, stdin, new Socket({ fd: output.reader, readable: true, writable: false }))
  }

  running(): { bundle: string; pid: number } {
    return JSON.parse(readFileSync(this.files.running, 'utf8'))
  }

  async dispose(): Promise<void> {
    for (const child of this.#started) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGTERM')
      await once(child, 'close')
    }
    rmSync(this.home, { recursive: true })
  }

  /** A pipe as a container runtime gives it; Node's own are sockets, which /proc/<pid>/fd does not open. */
  #pipe(): { reader: number; writer: number } {
    const path = join(this.home, `fifo${this.#fifos++}`)
    execFileSync('mkfifo', [path])
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    return { reader, writer: openSync(path, constants.O_WRONLY) }
  }

  #run(command: string[], stdin: number | 'ignore', stdout: number | 'ignore'): ChildProcess {
    const child = spawn(initProgram!, command, {
      env: { PATH: process.env.PATH, ...hostileEnvironment },
      stdio: [stdin, stdout, 'pipe'],
    })
    child.stderr!.resume()
    this.#started.push(child)
    return child
  }
}

/** An attaching process, seen from the laptop. */
export class Attached {
  readonly stdin: Socket
  readonly stdout: Socket
  readonly ended: Promise<number | null>
  readonly #child: ChildProcess
  #held = Buffer.alloc(0)
  #wake = () => {}
  /** It has ended, and all that it printed is here. */
  #isOver = false
  stderr = ''

  constructor(child: ChildProcess, stdin: Socket, stdout: Socket) {
    this.#child = child
    this.stdin = stdin.on('error', () => {})
    this.stdout = stdout
    child.stderr!.on('data', chunk => {
      this.stderr += chunk
    })
    stdout.on('data', chunk => {
      this.#held = Buffer.concat([this.#held, chunk])
      this.#wake()
    })
    this.ended = Promise.all([once(child, 'close'), once(stdout, 'close')]).then(([[code]]) => {
      this.#isOver = true
      this.#wake()
      return code
    })
  }

  async take(size: number): Promise<Buffer> {
    await this.#until(() => this.#held.length >= size)
    const taken = this.#held.subarray(0, size)
    this.#held = this.#held.subarray(size)
    return taken
  }

  async line(): Promise<string> {
    await this.#until(() => this.#held.includes('\n'))
    const line = await this.take(this.#held.indexOf('\n') + 1)
    return line.toString('utf8', 0, line.length - 1)
  }

  /** Everything that is still to come. */
  async rest(): Promise<Buffer> {
    await this.ended
    return this.#held
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      if (this.#isOver) throw new Error(`it ended with ${this.#child.exitCode}: ${this.stderr}`)
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }
}
