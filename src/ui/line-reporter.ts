import { eventLines, type Line, printable } from './event-text.ts'
import type { Reporter, UiEvent } from './events.ts'
import type { Paint } from './style.ts'

export interface TextStream {
  write(text: string): unknown
}

/** Plain lines, one after the other: for files, pipes and CI. What goes on is said when it changes, not as it moves. */
export function createLineReporter(options: { out: TextStream; err: TextStream; paint: Paint }): Reporter {
  let lastBusy = ''
  return {
    report(event: UiEvent) {
      if (event.type === 'output') {
        ;(event.stream === 'stdout' ? options.out : options.err).write(event.text)
        return
      }
      if (event.type === 'transfer') return
      for (const line of eventLines(event)) {
        if (line.tone === 'busy' && line.text === lastBusy) continue
        if (line.tone === 'busy') lastBusy = line.text
        options.out.write(`${plainLine(line, options.paint)}\n`)
      }
    },
    clear() {},
    close() {},
  }
}

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
