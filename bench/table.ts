import type { Figure } from './figures.ts'

/** One line for each figure, in columns. */
export function table(figures: Figure[]): string {
  const rows = figures.map(figure => cellsOf(figure))
  const widths = [0, 1, 2, 3, 4].map(column => Math.max(...rows.map(cells => cells[column]!.length)))
  return rows
    .map(cells => cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('   '))
    .map(line => line.trimEnd())
    .join('\n')
}

function cellsOf(figure: Figure): string[] {
  const wanted = figure.wanted ? `wanted ${figure.wanted}` : ''
  if (figure.kind === 'latency') {
    const { title, p50, p95, p99 } = figure
    return [title, `p50 ${digits(p50)} ms`, `p95 ${digits(p95)} ms`, `p99 ${digits(p99)} ms`, wanted]
  }
  const { title, ours, theirs, unit, peer, ratio } = figure
  return [title, `${digits(ours)} ${unit}`, `${peer} ${digits(theirs)} ${unit}`, `${ratio.toFixed(2)} ×`, wanted]
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
