import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { constants as os } from 'node:os'
import type { Clock } from '../base/clock.ts'
import { errnoOf } from '../base/errors.ts'
import { systemError } from '../disk/system-error.ts'

export interface NameExchangeOptions {
  /** The native program. */
  init: string
  clock: Clock
  log: (text: string) => void
}

/** POSIX lets a longer message arrive in pieces. */
const requestBytesMax = 4096
const answerBytes = 4
const answerTimeoutMs = 2_000
const lineBytesMax = 64

/**
 * Exchanges two names in one step, which Node cannot: `init exchange` does it, asked over two pipes. A call waits for
 * the answer, some ten microseconds, because everything that touches a synced folder is one step after the other.
 */
export class NameExchange {
  private readonly options: NameExchangeOptions
  private readonly program: ChildProcess
  /** Undefined until the program has made its pipes, and when it is gone. */
  private pipes: { ask: number; answers: number } | undefined

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
   * @param one and `other`: absolute paths, as bytes
   * @throws a system error; ENOSYS where this cannot be had here, ETIME where it is not known whether it was done
   */
  exchange(one: Buffer, other: Buffer): void {
    const { pipes } = this
    const request = Buffer.concat([one, zero, other, zero])
    if (pipes === undefined || request.length > requestBytesMax)
      throw systemError('ENOSYS', 'no program exchanges names')
    try {
      writeSync(pipes.ask, request)
    } catch (error) {
      this.close()
      throw systemError('ENOSYS', `the program that exchanges names is gone: ${error}`)
    }
    const errno = this.answer(pipes.answers)
    if (errno !== 0) throw systemError(codeOf(errno), 'names were not exchanged')
  }

  close(): void {
    this.letGo()
    this.program.kill('SIGKILL')
  }

  private open(line: string): void {
    const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants
    const [ask, answers] = line.trim().split(' ')
    const folder = `/proc/${this.program.pid}/fd`
    let asking: number | undefined
    try {
      asking = openSync(`${folder}/${ask}`, O_WRONLY | O_NONBLOCK)
      this.pipes = { ask: asking, answers: openSync(`${folder}/${answers}`, O_RDONLY | O_NONBLOCK) }
    } catch (error) {
      if (asking !== undefined) closeSync(asking)
      this.options.log(`names are not exchanged: ${error}`)
      this.program.kill('SIGKILL')
    }
  }

  private answer(from: number): number {
    const answer = Buffer.alloc(answerBytes)
    const endMs = this.options.clock.monotonic() + answerTimeoutMs
    for (;;) {
      try {
        if (readSync(from, answer) === answerBytes) return answer.readInt32LE()
      } catch (error) {
        if (errnoOf(error) === 'EAGAIN' && this.options.clock.monotonic() < endMs) {
          Atomics.wait(sleeper, 0, 0, 0.02)
          continue
        }
      }
      this.close()
      throw systemError('ETIME', 'the program that exchanges names does not answer')
    }
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

function codeOf(errno: number): string {
  return Object.entries(os.errno).find(([, number]) => number === errno)?.[0] ?? `E${errno}`
}
