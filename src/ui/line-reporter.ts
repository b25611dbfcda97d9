import { eventLines, type Line, printable } from './event-text.ts'
import type { Reporter, UiEvent } from './events.ts'
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
}

/** Plain lines, one after the other: for files, pipes and CI. What goes on is said when it changes, not as it moves. */
export function createLineReporter({ out, err, paint, label }: LineReporterOptions): Reporter {
  const prefix = label === undefined ? '' : `${paint('cyan', label)} | `
  const output = { stdout: new LabelledText(out, prefix), stderr: new LabelledText(err, prefix) }
  let lastBusy = ''
  return {
    report(event: UiEvent) {
      if (event.type === 'output') output[event.stream].write(event.text)
      if (event.type === 'output' || event.type === 'transfer') return
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
