import { ExchangeProgram, type ExchangeProgramOptions } from './exchange-program.ts'
import type { NamePair } from './node-exchange.ts'
import { codeOf } from './system-error.ts'

/** POSIX lets a longer message arrive in pieces. */
const pairBytesMax = 4096
/** Of several pairs: half of what a pipe holds, so that it never has to wait. */
const requestBytesMax = 32 * 1024
const requestPairsMax = 1024
const errnoBytes = 4
/**
 * A program that died, or gave no answer in time, is started anew when it is next wanted, not before so long, and so often at
 * most: one that hangs again and again holds up everything for its timeout each time.
 */
const againAfterMs = 10_000
const startsMax = 5

/**
 * Exchanges two names in one step, which Node cannot: `init exchange` does it, asked over two pipes. A call waits for
 * the answer, some ten microseconds, because everything that touches a synced folder is one step after the other; many
 * pairs wait for one.
 */
export class NameExchange {
  private readonly options: ExchangeProgramOptions
  private program: ExchangeProgram
  private starts = 1
  private isClosed = false
  /** Ends what was begun last, and waits for no answer again. */
  private underWay: (() => unknown) | undefined

  constructor(options: ExchangeProgramOptions) {
    this.options = options
    this.program = new ExchangeProgram(options)
  }

  /**
   * Exchanges the names of each pair, one pair after the other, which goes on until what is returned was called.
   * @returns gives for each, nothing where it was done, else the system's code: ENOSYS where this cannot be had here, ETIME
   *   where it is not known whether it was done
   */
  begin(pairs: readonly NamePair[]): () => (string | undefined)[] {
    this.underWay?.()
    const program = this.standing()
    const codes: (string | undefined)[] = []
    let batch: Buffer[] = []
    let bytes = 0
    for (const [one, other] of pairs) {
      const pair = Buffer.concat([one, zero, other, zero])
      const isFull = bytes + pair.length > requestBytesMax || batch.length >= requestPairsMax
      if (batch.length > 0 && (isFull || !program.takesMany || pair.length > pairBytesMax)) {
        codes.push(...ask(program, batch)())
        batch = []
        bytes = 0
      }
      if (pair.length > pairBytesMax) codes.push('ENOSYS')
      else batch.push(pair)
      bytes += pair.length
    }
    const end = batch.length > 0 ? ask(program, batch) : () => []
    return this.once(() => [...codes, ...end()])
  }

  /** So many bytes a request of {@link place} may have; 0 where there is nobody to take it. */
  get wholeBytesMax(): number {
    return this.program.wholeBytesMax
  }

  /** {@link place} takes requests that ask whether somebody writes to a file. */
  get tellsRest(): boolean {
    return this.program.tellsRest
  }

  /**
   * Has files made that change places with others, or tells of their rest (`placing-request.ts`), which goes on until what is returned was called.
   * @returns gives the answer, or less of it, where it does not come in time: then nothing is known of the rest; undefined
   *   where nobody was asked
   */
  place(request: readonly Buffer[], answerBytes: number): (() => Buffer) | undefined {
    this.underWay?.()
    const end = this.program.request(request, answerBytes)
    return end && this.once(end)
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

  close(): void {
    this.isClosed = true
    this.program.close()
  }

  /** The program, or the next one: until that has made its pipes names are not exchanged. */
  private standing(): ExchangeProgram {
    const { lostAtMs } = this.program
    if (lostAtMs === undefined || this.isClosed || this.starts >= startsMax) return this.program
    if (this.options.clock.monotonic() - lostAtMs < againAfterMs) return this.program
    this.starts += 1
    this.program = new ExchangeProgram(this.options)
    return this.program
  }
}

const zero = Buffer.alloc(1)

function ask(program: ExchangeProgram, batch: Buffer[]): () => (string | undefined)[] {
  const request = batch.length === 1 ? batch[0]! : Buffer.concat([zero, ...batch, zero])
  const end = program.request([request], batch.length * errnoBytes)
  if (end === undefined) return () => batch.map(() => 'ENOSYS')
  return () => {
    const answer = end()
    return batch.map((_, i) =>
      (i + 1) * errnoBytes <= answer.length ? codeOf(answer.readInt32LE(i * errnoBytes)) : 'ETIME',
    )
  }
}
