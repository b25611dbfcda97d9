import { eventLines } from './event-text.ts'
import type { Reporter, UiEvent } from './events.ts'
import type { Line } from './line.ts'
import { printable } from './printable.ts'
import type { Paint } from './style.ts'

export interface TextStream {
  write(text: string): unknown
}

interface LineReporterOptions {
  out: TextStream
  err: TextStream
  paint: Paint
  /** Stands before each line, where several print here. */
  label?: string
  /** Monotonic, in milliseconds. */
  now: () => number
}

/** A transfer is told of when it has lasted for so long, then at each so many more: a log is to be read later. */
const progressFirstMs = 2_000
const progressMs = 5_000
/** When it has lasted for so long, less often. */
const progressLongMs = 60_000
const progressSeldomMs = 30_000
/** Events of one transfer come more often than that. */
const progressGapMs = 2_000

/** Plain lines, one after the other: for files, pipes and CI. What goes on is said when it changes, and now and then. */
export function createLineReporter({ out, err, paint, label, now }: LineReporterOptions): Reporter {
  const prefix = label === undefined ? '' : `${paint('cyan', label)} | `
  const output = { stdout: new LabelledText(out, prefix), stderr: new LabelledText(err, prefix) }
  const pace = new ProgressPace(now)
  let lastBusy = ''
  return {
    report(event: UiEvent) {
      if (event.type === 'output') output[event.stream].write(event.text)
      if (event.type === 'output' || (event.type === 'transfer' && !pace.isDue())) return
      for (const line of eventLines(event)) {
        if (line.tone === 'busy' && line.text === lastBusy) continue
        if (line.tone === 'busy') lastBusy = line.text
        out.write(`${prefix}${plainLine(line, paint)}\n`)
      }
    },
    clear() {},
    close() {
      for (const each of Object.values(output)) each.end()
    },
  }
}

/** When the progress of a transfer is worth a line. */
class ProgressPace {
  readonly #now: () => number
  #begunMs = 0
  #seenMs = Number.NEGATIVE_INFINITY
  #dueMs = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** To be asked at each event of a transfer. */
  isDue(): boolean {
    const now = this.#now()
    if (now - this.#seenMs > progressGapMs) {
      this.#begunMs = now
      this.#dueMs = now + progressFirstMs
    }
    this.#seenMs = now
    if (now < this.#dueMs) return false
    this.#dueMs = now + (now - this.#begunMs < progressLongMs ? progressMs : progressSeldomMs)
    return true
  }
}

/** A program's output with a label before each line: a line is held back until it is whole, or long. */
class LabelledText {
  readonly #out: TextStream
  readonly #prefix: string
  #held = ''

  constructor(out: TextStream, prefix: string) {
    this.#out = out
    this.#prefix = prefix
  }

  write(text: string): void {
    if (this.#prefix === '') {
      this.#out.write(text)
      return
    }
    const lines = (this.#held + text).split('\n')
    this.#held = lines.pop() ?? ''
    for (const line of lines) this.#line(line)
    if (this.#held.length > LINE_LENGTH_MAX) this.end()
  }

  end(): void {
    if (this.#held !== '') this.#line(this.#held)
    this.#held = ''
  }

  #line(line: string): void {
    this.#out.write(`${this.#prefix}${line}\n`)
  }
}

const LINE_LENGTH_MAX = 64 * 1024

export function plainLine(line: Line, paint: Paint): string {
  const text = printable(line.text)
  switch (line.tone) {
    case 'warn':
      return `${paint('yellow', 'warning:')} ${text}`
    case 'bad':
      return `${paint('red', 'error:')} ${text}`
    case 'busy':
      return `${text} …`
    case 'good':
    case 'note':
      return text
  }
}
