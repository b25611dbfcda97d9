import xterm from '@xterm/headless'
import type { Pane, Recording } from './recording.ts'

/** A piece of a row in one style. */
export interface Run {
  text: string
  /** Classes of the picture's style sheet: `bold`, `dim`, `red`, … */
  style: string
}

/** A row's content, and when it is seen. `untilMs` is absent where it stays to the end. */
export interface ShownRow {
  pane: number
  row: number
  runs: Run[]
  fromMs: number
  untilMs?: number
}

const colors = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white']

/**
 * Plays a recording on terminals and tells what their rows showed. What changes within one frame is shown as it is at the
 * frame's end.
 */
export async function shownRows({ panes, events }: Recording, frameMs: number): Promise<ShownRow[]> {
  const terminals = panes.map(({ columns, rows }) => {
    return new xterm.Terminal({ cols: columns, rows, allowProposedApi: true })
  })
  const shown: ShownRow[] = []
  const current = new Map<string, ShownRow>()
  const look = (atMs: number) => {
    for (const [pane, terminal] of terminals.entries()) {
      for (let row = 0; row < panes[pane]!.rows; row++) {
        const runs = runsOf(terminal, panes[pane]!, row)
        const key = `${pane}/${row}`
        const last = current.get(key)
        if (JSON.stringify(last?.runs ?? []) === JSON.stringify(runs)) continue
        if (last) last.untilMs = atMs
        current.delete(key)
        if (runs.length === 0) continue
        const next: ShownRow = { pane, row, runs, fromMs: atMs }
        current.set(key, next)
        shown.push(next)
      }
    }
  }
  for (const [index, { atMs, pane, data }] of events.entries()) {
    await new Promise<void>(resolve => terminals[pane]!.write(data, resolve))
    const frame = Math.ceil(atMs / frameMs)
    const next = events[index + 1]
    if (next === undefined || Math.ceil(next.atMs / frameMs) > frame) look(frame * frameMs)
  }
  for (const terminal of terminals) terminal.dispose()
  return shown
}

function runsOf(terminal: xterm.Terminal, { columns }: Pane, row: number): Run[] {
  const line = terminal.buffer.active.getLine(terminal.buffer.active.baseY + row)
  const runs: Run[] = []
  for (let x = 0; x < columns; x++) {
    const cell = line?.getCell(x)
    if (cell === undefined || cell.getWidth() === 0) continue
    const style = styleOf(cell)
    const text = cell.getChars() || ' '
    const last = runs.at(-1)
    if (last?.style === style) last.text += text
    else runs.push({ text, style })
  }
  return trimmed(runs)
}

function styleOf(cell: xterm.IBufferCell): string {
  const color = cell.isFgPalette() ? colors[cell.getFgColor() % 8] : undefined
  return [cell.isBold() && 'bold', cell.isDim() && 'dim', color].filter(Boolean).join(' ')
}

function trimmed(runs: Run[]): Run[] {
  const kept = [...runs]
  while (kept.at(-1)?.text.trim() === '') kept.pop()
  const last = kept.pop()
  return last ? [...kept, { ...last, text: last.text.trimEnd() }] : []
}
