import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, openSync, readSync, writevSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'
import { errnoOf } from '../base/errors.ts'
import type { NamePair } from './node-disk.ts'
import { codeOf } from './system-error.ts'

export interface NameExchangeOptions {
  /** The native program. */
  init: string
  clock: Clock
  log: (text: string) => void
}

/** POSIX lets a longer message arrive in pieces. */
const pairBytesMax = 4096
/** Of several pairs: half of what a pipe holds, so that it never has to wait. */
const requestBytesMax = 32 * 1024
const requestPairsMax = 1024
const errnoBytes = 4
const answerTimeoutMs = 2_000
const lineBytesMax = 64
/** Between two looks for an answer, each of which costs as much as some exchanges: for a long one the first is long, too. */
const napMs = { first: 0.02, longest: 0.3 }
const fewAnswersBytes = 1024

/**
 * Exchanges two names in one step, which Node cannot: `init exchange` does it, asked over two pipes. A call waits for
 * the answer, some ten microseconds, because everything that touches a synced folder is one step after the other; many
 * pairs wait for one.
 */
export class NameExchange {
  private readonly options: NameExchangeOptions
  private readonly program: ChildProcess
  /** Undefined until the program has made its pipes, and when it is gone. */
  private pipes: { ask: number; answers: number; takesMany: boolean; wholeBytesMax: number } | undefined
  /** Ends what was begun last, and waits for no answer again. */
  private underWay: (() => unknown) | undefined

  constructor(options: NameExchangeOptions) {
    this.options = options
    this.program = spawn(options.init, ['exchange'], { stdio: ['ignore', 'pipe', 'ignore'] })
    this.program.on('error', error => options.log(`names are not exchanged: ${error.message}`))
    this.program.once('exit', () => this.letGo())
    let line = ''
    this.program.stdout?.on('data', (part: Buffer) => {
      line = (line + part).slice(0, lineBytesMax)
      if (line.endsWith('\n') && this.pipes === undefined) this.open(line)
    })
    this.program.stdout?.on('error', () => {})
    this.program.unref()
  }

  /**
   * Exchanges the names of each pair, one pair after the other, which goes on until what is returned was called.
   * @returns gives for each, nothing where it was done, else the system's code: ENOSYS where this cannot be had here, ETIME
   *   where it is not known whether it was done
   */
  begin(pairs: readonly NamePair[]): () => (string | undefined)[] {
    this.underWay?.()
    const codes: (string | undefined)[] = []
    let batch: Buffer[] = []
    let bytes = 0
    for (const [one, other] of pairs) {
      const pair = Buffer.concat([one, zero, other, zero])
      const isFull = bytes + pair.length > requestBytesMax || batch.length >= requestPairsMax
      if (batch.length > 0 && (isFull || this.pipes?.takesMany !== true || pair.length > pairBytesMax)) {
        codes.push(...this.ask(batch)())
        batch = []
        bytes = 0
      }
      if (pair.length > pairBytesMax) codes.push('ENOSYS')
      else batch.push(pair)
      bytes += pair.length
    }
    const end = batch.length > 0 ? this.ask(batch) : () => []
    return this.once(() => [...codes, ...end()])
  }

  /** So many bytes a request of {@link place} may have; 0 where there is nobody to take it. */
  get wholeBytesMax(): number {
    return this.pipes?.wholeBytesMax ?? 0
  }

  /**
   * Has files made that change places with others (`placing-request.ts`), which goes on until what is returned was called.
   * @returns gives the answer, or less of it, where it does not come in time: then nothing is known of the rest
   */
  place(request: readonly Buffer[], answerBytes: number): () => Buffer {
    this.underWay?.()
    return this.once(this.request(request, answerBytes) ?? (() => Buffer.alloc(0)))
  }

  private once<T>(end: () => T): () => T {
    let ended: { with: T } | undefined
    const ending = () => {
      if (this.underWay === ending) this.underWay = undefined
      ended ??= { with: end() }
      return ended.with
    }
    this.underWay = ending
    return ending
  }

  private ask(batch: Buffer[]): () => (string | undefined)[] {
    const request = batch.length === 1 ? batch[0]! : Buffer.concat([zero, ...batch, zero])
    const end = this.request([request], batch.length * errnoBytes)
    if (end === undefined) return () => batch.map(() => 'ENOSYS')
    return () => {
      const answer = end()
      return batch.map((_, i) =>
        (i + 1) * errnoBytes <= answer.length ? codeOf(answer.readInt32LE(i * errnoBytes)) : 'ETIME',
      )
    }
  }

  /** @returns undefined where it was not asked; else what waits for the answer, and gives less where that does not come */
  private request(request: readonly Buffer[], answerBytes: number): (() => Buffer) | undefined {
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
    const [ask, answers, many, whole] = line.trim().split(' ')
    const folder = `/proc/${this.program.pid}/fd`
    let asking: number | undefined
    try {
      asking = openSync(`${folder}/${ask}`, O_WRONLY | O_NONBLOCK)
      const answering = openSync(`${folder}/${answers}`, O_RDONLY | O_NONBLOCK)
      const takes = { takesMany: many === 'many', wholeBytesMax: Number(whole ?? 0) }
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
    closeSync(pipes.ask)
    closeSync(pipes.answers)
  }
}

const zero = Buffer.alloc(1)
/** Never written to: waiting on it is sleeping. */
const sleeper = new Int32Array(new SharedArrayBuffer(4))
