import { execFileSync } from 'node:child_process'
import { accessSync, constants as fileModes, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { constants } from 'node:os'
import type { IPty } from '@lydell/node-pty'
import { keptOptionsVariable } from '../../../../syncer/pod/portable-files.ts'
import { endingSignals } from './portable-child.ts'

/** As in `native/pty.c`. */
const scrollbackBytes = 64 * 1024
const startMs = 2_000
const hangUpMs = 5_000
const killMs = 7_000
const drainMs = 5_000
const bootLookMs = 500

/** Holds a program on a terminal of its own, reachable by a unix socket; answers its exit code. See `native/pty.c`. */
export async function holdTerminal(path: string, size: string, argv: string[]): Promise<number> {
  for (const suffix of ['.exit', '.out']) rmSync(path + suffix, { force: true })
  const terminal = new HeldTerminal(size, argv)
  const server = createServer(socket => terminal.take(socket))
  const umask = process.umask(0o177)
  const fresh = `${path}.new`
  rmSync(fresh, { force: true })
  // it listens before it has its name: who sees it can connect
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(fresh, () => resolve()))
  process.umask(umask)
  renameSync(fresh, path)
  const late = setTimeout(() => terminal.start(), startMs)
  const code = await terminal.ended
  clearTimeout(late)
  saveWhole(`${path}.out`, terminal.lastOutput)
  saveWhole(`${path}.exit`, `${code}`)
  await terminal.drained()
  server.close()
  rmSync(path, { force: true })
  return code
}

class HeldTerminal {
  readonly ended: Promise<number>
  readonly #argv: string[]
  readonly #columns: number
  readonly #rows: number
  readonly #timers: NodeJS.Timeout[] = []
  #pty: IPty | undefined
  #client: Socket | undefined
  #printed: Buffer = Buffer.alloc(0)
  #settle: (code: number) => void = () => {}
  #isEnding = false

  constructor(size: string, argv: string[]) {
    const [columns = 80, rows = 24] = size.split('x').map(Number)
    this.#columns = columns || 80
    this.#rows = rows || 24
    this.#argv = argv
    this.ended = new Promise(resolve => {
      this.#settle = resolve
    })
    for (const signal of endingSignals) process.on(signal, () => this.#end(signal))
    this.#followBoot()
  }

  /** What was printed last. */
  get lastOutput(): Buffer {
    return this.#printed.subarray(-scrollbackBytes)
  }

  start(): void {
    if (this.#pty || this.#isEnding) return
    const [program, ...rest] = this.#argv as [string, ...string[]]
    const problem = findProblem(program)
    if (problem) {
      this.#show(Buffer.from(`podswap: ${program}: ${problem.text}\r\n`))
      this.#finish(problem.code)
      return
    }
    try {
      // where it is not installed, nothing but the terminal is missing
      const { [keptOptionsVariable]: options, PODSWAP_PTY: path, ...own } = process.env
      const { spawn }: typeof import('@lydell/node-pty') = require(path ?? '@lydell/node-pty')
      const env = options === undefined ? own : { ...own, NODE_OPTIONS: options }
      const size = { cols: this.#columns, rows: this.#rows }
      // null: bytes, not text
      this.#pty = spawn(program, rest, { ...size, name: own.TERM, env, encoding: null })
    } catch (error) {
      process.stderr.write(`podswap: ${program}: no terminal: ${error}\n`)
      this.#finish(125)
      return
    }
    this.#pty.onData(data => this.#show(Buffer.from(data)))
    this.#pty.onExit(({ exitCode, signal }) => this.#finish(signal ? 128 + signal : exitCode))
  }

  /** A new client replaces the one before. */
  take(socket: Socket): void {
    this.#client?.destroy()
    this.#client = socket
    socket.on('error', () => {})
    socket.on('drain', () => this.#pty?.resume())
    socket.once('close', () => {
      if (this.#client !== socket) return
      this.#client = undefined
      this.#pty?.resume()
    })
    let held: Buffer = Buffer.alloc(0)
    socket.on('data', chunk => {
      held = Buffer.concat([held, chunk])
      while (held.length >= 3 && held.length >= 3 + held.readUInt16BE(1)) {
        const size = 3 + held.readUInt16BE(1)
        this.#obey(held[0]!, held.subarray(3, size))
        held = held.subarray(size)
      }
    })
    socket.write(this.lastOutput)
    this.start()
  }

  /** Resolves when the client has all of the output, or takes too long. */
  async drained(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    const client = this.#client
    if (!client || client.destroyed) return
    await new Promise<void>(resolve => {
      const late = setTimeout(resolve, drainMs)
      client.once('close', () => {
        clearTimeout(late)
        resolve()
      })
      client.end(() => client.destroy())
    })
    client.destroy()
  }

  #obey(type: number, payload: Buffer): void {
    const pty = this.#pty
    if (!pty) return
    // bytes go through as they are, though its types know only text
    if (type === 0) pty.write(payload as unknown as string)
    else if (type === 1 && payload.length === 4) pty.resize(payload.readUInt16BE(0), payload.readUInt16BE(2))
    else if (type === 2 && payload.length === 1) this.#signalForeground(payload[0]!)
  }

  #show(output: Buffer): void {
    this.#printed = Buffer.concat([this.#printed, output])
    if (this.#printed.length > 2 * scrollbackBytes) this.#printed = Buffer.from(this.lastOutput)
    // without a client the program never waits
    if (this.#client?.writable && !this.#client.write(output)) this.#pty?.pause()
  }

  #end(signal: NodeJS.Signals): void {
    if (this.#isEnding) return
    this.#isEnding = true
    const { pid } = this.#pty ?? {}
    if (pid === undefined) {
      this.#finish(128 + constants.signals[signal])
      return
    }
    const press = (next: NodeJS.Signals) => {
      this.#signalForeground(constants.signals[next])
      signalGroup(pid, constants.signals[next])
    }
    press(signal)
    this.#timers.push(
      setTimeout(() => press('SIGHUP'), hangUpMs),
      setTimeout(() => press('SIGKILL'), killMs),
    )
  }

  #signalForeground(number: number): void {
    if (!this.#pty) return
    const group = foregroundOf(this.#pty.pid)
    if (group > 1) signalGroup(group, number)
  }

  #finish(code: number): void {
    this.#isEnding = true
    this.#settle(code)
  }

  /** Nobody adopts this process but the machine's first one: it sees for itself when the container has ended. */
  #followBoot(): void {
    const { PODSWAP_BOOT_PID } = process.env
    const boot = Number(PODSWAP_BOOT_PID)
    if (!boot) return
    const look = setInterval(() => {
      if (isThere(boot)) return
      clearInterval(look)
      if (this.#pty) signalGroup(this.#pty.pid, constants.signals.SIGKILL)
      else this.#finish(128 + constants.signals.SIGKILL)
    }, bootLookMs)
    void this.ended.then(() => clearInterval(look))
  }
}

/** node-pty tells nothing of a program that it cannot start. The codes are a shell's. */
function findProblem(program: string): { code: number; text: string } | undefined {
  const folders = program.includes('/') ? [''] : (process.env.PATH ?? '').split(':').map(folder => `${folder || '.'}/`)
  let isThere = false
  for (const folder of folders) {
    try {
      isThere = statSync(folder + program).isFile() || isThere
      accessSync(folder + program, fileModes.X_OK)
      if (isThere) return undefined
    } catch {
      // perhaps in the next one
    }
  }
  return isThere ? { code: 126, text: 'permission denied' } : { code: 127, text: 'not found' }
}

/** The terminal's foreground process group, which node-pty does not tell; 0 where there is none. */
function foregroundOf(pid: number): number {
  try {
    return Number(execFileSync('ps', ['-o', 'tpgid=', '-p', `${pid}`], { encoding: 'utf8' }))
  } catch {
    return 0
  }
}

function signalGroup(group: number, number: number): void {
  try {
    process.kill(-group, number)
  } catch {
    // it has gone
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Nobody sees a part of it. */
function saveWhole(path: string, content: string | Buffer): void {
  writeFileSync(`${path}.new`, content, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
