import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, openSync, readSync, writevSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'
import { errnoOf } from '../base/errors.ts'

export interface ExchangeProgramOptions {
  /** The native program. */
  init: string
  clock: Clock
  log: (text: string) => void
}

interface Pipes {
  ask: number
  answers: number
  takesMany: boolean
  wholeBytesMax: number
  tellsRest: boolean
}

const answerTimeoutMs = 2_000
const lineBytesMax = 64
/** Between two looks for an answer, each of which costs as much as some exchanges: for a long one the first is long, too. */
const napMs = { first: 0.02, longest: 0.3 }
const fewAnswersBytes = 1024

/** One run of `init exchange`, asked over two pipes that it makes. Nobody waits for its end. */
export class ExchangeProgram {
  /** When it died, or gave no answer, after it had made its pipes; monotonic ms. */
  lostAtMs: number | undefined
  private readonly options: ExchangeProgramOptions
  private readonly program: ChildProcess
  /** Undefined until the program has made its pipes, and when it is gone. */
  private pipes: Pipes | undefined

  constructor(options: ExchangeProgramOptions) {
    this.options = options
    this.program = spawn(options.init, ['exchange'], { stdio: ['ignore', 'pipe', 'ignore'] })
    this.program.on('error', error => options.log(`names are not exchanged: ${error.message}`))
    this.program.once('exit', () => this.letGo())
    let line = ''
    this.program.stdout?.on('data', (part: Buffer) => {
      line = (line + part).slice(0, lineBytesMax)
      if (line.endsWith('\n') && this.pipes === undefined && this.lostAtMs === undefined) this.open(line)
    })
    this.program.stdout?.on('error', () => {})
    this.program.unref()
  }

  /** It takes several requests in one. */
  get takesMany(): boolean {
    return this.pipes?.takesMany === true
  }

  /** Bytes of a request that makes files; 0 where it takes none. */
  get wholeBytesMax(): number {
    return this.pipes?.wholeBytesMax ?? 0
  }

  /** It can tell whether somebody writes to a file. */
  get tellsRest(): boolean {
    return this.pipes?.tellsRest === true
  }

  /** @returns undefined where it was not asked; else what waits for the answer, and gives less where that does not come */
  request(request: readonly Buffer[], answerBytes: number): (() => Buffer) | undefined {
    const { pipes } = this
    if (pipes === undefined) return undefined
    let written = 0
    try {
      written = writevSync(pipes.ask, request)
    } catch (error) {
      this.options.log(`names are not exchanged any more: ${error}`)
      this.close()
      return undefined
    }
    const bytes = request.reduce((sum, { length }) => sum + length, 0)
    return () => {
      const answer = written === bytes ? this.answer(answerBytes) : Buffer.alloc(0)
      if (answer.length < answerBytes) this.close()
      return answer
    }
  }

  close(): void {
    this.letGo()
    this.program.kill('SIGKILL')
  }

  private open(line: string): void {
    const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants
    const [ask, answers, many, whole, rest] = line.trim().split(' ')
    const folder = `/proc/${this.program.pid}/fd`
    let asking: number | undefined
    try {
      asking = openSync(`${folder}/${ask}`, O_WRONLY | O_NONBLOCK)
      const answering = openSync(`${folder}/${answers}`, O_RDONLY | O_NONBLOCK)
      const takes = { takesMany: many === 'many', wholeBytesMax: Number(whole ?? 0), tellsRest: rest === 'rest' }
      this.pipes = { ask: asking, answers: answering, ...takes }
    } catch (error) {
      if (asking !== undefined) closeSync(asking)
      this.options.log(`names are not exchanged: ${error}`)
      this.program.kill('SIGKILL')
    }
  }

  /** @returns less than wanted where the program does not give more in time */
  private answer(wanted: number): Buffer {
    const answer = Buffer.alloc(wanted)
    const endMs = this.options.clock.monotonic() + answerTimeoutMs
    let filled = 0
    let waitMs = wanted > fewAnswersBytes ? napMs.longest : napMs.first
    while (this.pipes !== undefined && filled < wanted) {
      try {
        const count = readSync(this.pipes.answers, answer, filled, wanted - filled, null)
        if (count === 0) break
        filled += count
      } catch (error) {
        if (errnoOf(error) !== 'EAGAIN' || this.options.clock.monotonic() >= endMs) break
        Atomics.wait(sleeper, 0, 0, waitMs)
        // Asking takes time from the program that is asked.
        waitMs = Math.min(waitMs * 2, napMs.longest)
      }
    }
    return answer.subarray(0, filled)
  }

  private letGo(): void {
    const { pipes } = this
    this.pipes = undefined
    if (pipes === undefined) return
    this.lostAtMs = this.options.clock.monotonic()
    closeSync(pipes.ask)
    closeSync(pipes.answers)
  }
}

/** Never written to: waiting on it is sleeping. */
const sleeper = new Int32Array(new SharedArrayBuffer(4))
