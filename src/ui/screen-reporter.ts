import { eventLines } from './event-text.ts'
import type { Reporter, UiEvent } from './events.ts'
import type { Line } from './line.ts'
import type { TextStream } from './line-reporter.ts'
import { printable } from './printable.ts'
import type { Paint } from './style.ts'

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const FRAME_MS = 80

/** Lines with marks, and below them one line that moves with what goes on now. For a terminal. */
export function createScreenReporter(options: {
  out: TextStream & { columns?: number }
  paint: Paint
  /** Calls back every `ms` until the returned function is called. */
  every: (ms: number, tick: () => void) => () => void
}): Reporter {
  const { out, paint } = options
  let busy: string | null = null
  let frame = 0
  let stop: (() => void) | null = null

  const wipe = () => {
    if (stop) out.write('\r\x1b[K')
  }
  const draw = () => {
    if (busy === null) return
    const text = truncate(printable(busy), (out.columns ?? 80) - 3)
    out.write(`\r\x1b[K${paint('cyan', SPINNER[frame % SPINNER.length]!)} ${text}`)
    frame++
  }
  const show = (text: string | null) => {
    busy = text
    if (text === null) {
      wipe()
      stop?.()
      stop = null
    } else {
      stop ??= options.every(FRAME_MS, draw)
      draw()
    }
  }

  return {
    report(event: UiEvent) {
      const lines = eventLines(event)
      for (const line of lines) {
        if (line.tone === 'busy') continue
        wipe()
        out.write(`${markedLine(line, paint)}\n`)
      }
      const last = lines.at(-1)
      if (last?.tone === 'busy') show(last.text)
      else if (endsWork(event)) show(null)
      else if (lines.length > 0) draw()
    },
    clear: () => show(null),
    close: () => show(null),
  }
}

function endsWork(event: UiEvent): boolean {
  return ['ready', 'reconnected', 'ended', 'error', 'done', 'command-exited', 'output'].includes(event.type)
}

export function markedLine(line: Line, paint: Paint): string {
  const text = printable(line.text)
  switch (line.tone) {
    case 'good':
      return `${paint('green', '✓')} ${text}`
    case 'warn':
      return `${paint('yellow', '!')} ${text}`
    case 'bad':
      return `${paint('red', '✗')} ${text}`
    default:
      return `  ${paint('dim', text)}`
  }
}

function truncate(text: string, columns: number): string {
  if (columns < 8 || text.length <= columns) return text
  return `${text.slice(0, columns - 1)}…`
}
