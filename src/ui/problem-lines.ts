import type { UiEvent } from './events.ts'
import type { Line } from './line.ts'
import { reasonOf } from './problem-text.ts'
import { formatCount, plural } from './quantity.ts'

/** Of how many problems only the number is told, why, and where all of them are. */
export function countedProblemLines(event: Extract<UiEvent, { type: 'problems-counted' }>): Line[] {
  const { folder, more, over, open, kinds } = event
  const lines: Line[] = []
  if (more > 0) {
    const why = kinds.map(({ code, count }) => `${formatCount(count)} ${reasonOf(code)}`).join(', ')
    lines.push({ tone: 'warn', text: `${folder}: ${plural(more, 'more problem')} (${why})` })
    lines.push({
      tone: 'note',
      text: `${formatCount(open)} now; podswap status --json has all, logs --sync when each came`,
    })
  }
  if (over > 0) {
    const left = open === 0 ? 'none is left' : `${plural(open, 'problem')} left`
    lines.push({
      tone: open === 0 ? 'good' : 'note',
      text: `${folder}: no more: ${plural(over, 'other problem')}; ${left}`,
    })
  }
  return lines
}
