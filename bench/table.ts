import { type Figure, holds, wantedText } from './figures.ts'

const head = ['', 'podswap', 'reference', 'ratio', 'wanted', 'holds']

/** One line for each figure, in columns. */
export function table(figures: Figure[]): string {
  const rows = [head, ...figures.map(figure => cellsOf(figure))]
  const widths = head.map((_, column) => Math.max(...rows.map(cells => cells[column]!.length)))
  return rows
    .map(cells => cells.map((cell, i) => cell.padEnd(widths[i]!)).join('   '))
    .map(line => line.trimEnd())
    .join('\n')
}

function cellsOf(figure: Figure): string[] {
  const held = holds(figure)
  const verdict = [wantedText(figure), held === undefined ? '' : held ? 'yes' : 'NO']
  switch (figure.kind) {
    case 'latency': {
      const { title, p50, p95, p99, reference } = figure
      const beside = reference ? `${reference.peer} p50 ${digits(reference.p50)} p99 ${digits(reference.p99)} ms` : '–'
      const ours = `p50 ${digits(p50)} p95 ${digits(p95)} p99 ${digits(p99)} ms`
      return [title, ours, beside, '', ...verdict]
    }
    case 'comparison': {
      const { title, ours, theirs, unit, peer, ratio } = figure
      return [title, `${digits(ours)} ${unit}`, `${peer} ${digits(theirs)} ${unit}`, `${digits(ratio)} ×`, ...verdict]
    }
    case 'reading':
      return [figure.title, `${digits(figure.ours)} ${figure.unit}`, '–', '', ...verdict]
  }
}

function digits(value: number): string {
  const size = Math.abs(value)
  return size >= 100
    ? value.toFixed(0)
    : size >= 10
      ? value.toFixed(1)
      : size >= 0.1
        ? value.toFixed(2)
        : value.toFixed(3)
}
