import { stripVTControlCharacters } from 'node:util'
import { formatDuration } from '../src/ui/quantity.ts'
import type { Paint } from '../src/ui/style.ts'

export interface NarrationOptions {
  write: (text: string) => void
  paint: Paint
  /** Of the screen; what is longer than that is cut. */
  columns: number
}

const quotedCharsMax = 2_000

/** What the demo prints: numbered chapters, what was seen in them, and what other programs said. */
export class Narration {
  readonly #write: (text: string) => void
  readonly #paint: Paint
  readonly #columns: number
  #chapters = 0

  constructor({ write, paint, columns }: NarrationOptions) {
    this.#write = write
    this.#paint = paint
    this.#columns = columns
  }

  title(text: string, more: string): void {
    this.#line(`\n${this.#paint('bold', text)} ${this.#paint('dim', more)}`)
  }

  chapter(text: string): void {
    this.#line(`\n${this.#paint('cyan', `${++this.#chapters}.`)} ${this.#paint('bold', text)}`)
  }

  /** Something that was probed. */
  seen(text: string, tookMs?: number): void {
    const took = tookMs === undefined ? '' : ` ${this.#paint('dim', `(${formatDuration(tookMs)})`)}`
    this.#line(`   ${this.#paint('green', '✓')} ${text}${took}`)
  }

  note(text: string): void {
    this.#line(`   ${this.#paint('yellow', '!')} ${text}`)
  }

  failed(text: string): void {
    this.#line(`   ${this.#paint('red', '✗')} ${text}`)
  }

  plain(text: string): void {
    this.#line(text)
  }

  /** A line that another program printed. */
  quote(line: string): void {
    const text = stripVTControlCharacters(line.slice(0, quotedCharsMax)).trimEnd()
    if (text !== '') this.#line(this.#paint('dim', cut(`   │ ${text}`, this.#columns)))
  }

  /** A command line that is about to run. */
  command(text: string): void {
    this.#line(`   ${this.#paint('dim', '$')} ${text}`)
  }

  #line(text: string): void {
    this.#write(`${text}\n`)
  }
}

function cut(line: string, columns: number): string {
  return line.length > columns ? `${line.slice(0, Math.max(1, columns - 1))}…` : line
}
