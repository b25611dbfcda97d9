import type { Outcome } from '../session/session-state.ts'
import type { UiEvent } from './events.ts'
import type { Line } from './line.ts'

/** What a session leaves behind; none where the error says it. */
export function endedLines(event: Extract<UiEvent, { type: 'ended' }>): Line[] {
  const { outcome, dev } = event
  const lines: Line[] = []
  if (outcome.reason.kind === 'failed' && outcome.cluster === 'untouched') return []
  const workload = event.workload ?? dev
  switch (outcome.cluster) {
    case 'gone':
      break
    case 'untouched':
      lines.push({ tone: 'note', text: 'nothing was changed in the cluster' })
      break
    case 'reverted':
      lines.push({ tone: 'good', text: `${workload} is back as it was` })
      break
    case 'swapped':
      lines.push(...stillOnLines(outcome, dev))
      break
    case 'revert-failed':
      lines.push({
        tone: 'bad',
        text: `${workload} could not be put back: ${outcome.revertError?.message ?? 'unknown'}`,
      })
      lines.push({ tone: 'note', text: `podswap down ${dev} tries again` })
      break
  }
  return lines
}

function stillOnLines(outcome: Outcome, dev: string): Line[] {
  if (outcome.reason.kind === 'stopped') return [{ tone: 'note', text: 'ended by another podswap command' }]
  if (outcome.reason.kind === 'failed' && outcome.reason.error.code === 'held') return []
  return [
    { tone: 'warn', text: `dev mode of ${dev} is still on` },
    { tone: 'note', text: `podswap up ${dev} comes back to it; podswap down ${dev} ends it` },
  ]
}
