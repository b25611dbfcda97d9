import { commandLine } from './command-line.ts'
import { endedLines } from './end-lines.ts'
import type { ForwardLine, Transfer, UiEvent } from './events.ts'
import { type Line, withHint } from './line.ts'
import { countedProblemLines } from './problem-lines.ts'
import { formatBytes, formatCount, formatDuration, plural } from './quantity.ts'
import { swapLines } from './swap-lines.ts'
import { syncLines } from './sync-lines.ts'

/** The lines that an event is worth; none for those that only programs read. */
export function eventLines(event: UiEvent): Line[] {
  switch (event.type) {
    case 'phase':
      return phaseLines(event.phase)
    case 'warning':
      return withHint({ tone: 'warn', text: event.message }, event.hint)
    case 'forwards-bound':
      return event.forwards.map(forward => ({ tone: 'note', text: forwardText(forward) }))
    case 'swap':
      return swapLines(event.event)
    case 'swapped':
      return [{ tone: 'good', text: swappedText(event) }]
    case 'pod':
      return withHint(podLine(event), event.hint)
    case 'attached':
      return [{ tone: 'good', text: `attached to ${event.pod}` }]
    case 'attach-failed':
      return [{ tone: 'busy', text: `cannot attach: ${event.message}; again in ${formatDuration(event.waitMs)}` }]
    case 'sync':
      return syncLines(event.folder, event.event)
    case 'problems-counted':
      return countedProblemLines(event)
    case 'transfer':
      return [{ tone: 'busy', text: transferText(event.transfer) }]
    case 'command-started':
      return [{ tone: 'good', text: commandText(event) }]
    case 'command-exited':
      return [exitLine(event)]
    case 'ready':
      return readyLines(event)
    case 'connection-lost':
      return [{ tone: 'warn', text: `connection lost (${event.reason}); reconnecting` }]
    case 'reconnected':
      return [{ tone: 'good', text: `connected again after ${formatDuration(event.elapsedMs)}` }]
    case 'undoing':
      return [{ tone: 'busy', text: `putting ${event.workload} back` }]
    case 'output':
      return []
    case 'ended':
      return endedLines(event)
    case 'done':
      return [{ tone: 'good', text: event.message }]
    case 'waiting':
      return [{ tone: 'busy', text: event.message }]
    case 'error':
      return []
  }
}

function phaseLines(phase: Extract<UiEvent, { type: 'phase' }>['phase']): Line[] {
  const texts: Partial<Record<typeof phase, string>> = {
    swapping: 'swapping the pod',
    'waiting-pod': 'waiting for the dev pod',
    attaching: 'attaching to the dev pod',
    'first-sync': 'comparing the folders',
    'starting-command': 'starting the command',
  }
  const text = texts[phase]
  return text === undefined ? [] : [{ tone: 'busy', text }]
}

function swappedText(event: Extract<UiEvent, { type: 'swapped' }>): string {
  const had = plural(event.replicas, 'replica')
  return event.resumed
    ? `${event.workload} is swapped already (${had} to come back to); ${event.clone} goes on`
    : `${event.workload} is swapped: ${event.clone} runs in place of its ${had}`
}

function podLine(event: Extract<UiEvent, { type: 'pod' }>): Line {
  switch (event.state) {
    case 'pending':
      return { tone: 'busy', text: `waiting for ${event.pod}: ${event.message}` }
    case 'running':
      return { tone: 'good', text: `pod ${event.pod} runs` }
    case 'gone':
      return { tone: 'busy', text: `${event.pod} is gone; waiting for the next one` }
    case 'failed':
      return { tone: 'bad', text: `${event.pod}: ${event.message}` }
  }
}

function transferText(transfer: Transfer): string {
  const files = `${formatCount(transfer.doneFiles)} of ${plural(transfer.totalFiles, 'file')}`
  const bytes = `${formatBytes(transfer.doneBytes)} of ${formatBytes(transfer.totalBytes)}`
  const rate = transfer.bytesPerSecond > 0 ? `, ${formatBytes(transfer.bytesPerSecond)}/s` : ''
  const left = transfer.secondsLeft === undefined ? '' : `, ${formatDuration(transfer.secondsLeft * 1000)} left`
  const path = transfer.path === undefined ? '' : `: ${transfer.path}`
  return `syncing ${files}, ${bytes}${rate}${left}${path}`
}

function forwardText(forward: ForwardLine): string {
  const { local, remote } = forward
  return forward.direction === 'reverse' ? `reverse ${remote} of the pod → ${local}` : `forward ${local} → ${remote}`
}

function commandText({ command, already, replaced, anew }: Extract<UiEvent, { type: 'command-started' }>): string {
  if (already) return 'the command still runs'
  if (anew) return `${commandLine(command)} started anew: the container in which it ran is gone`
  return `${commandLine(command)} started${replaced ? ' in place of the command that ran before' : ''}`
}

function exitLine(event: Extract<UiEvent, { type: 'command-exited' }>): Line {
  if (event.error !== undefined) return { tone: 'bad', text: `the command could not be run: ${event.error}` }
  const how = event.signal === undefined ? `ended with code ${event.code}` : `ended by ${event.signal}`
  return { tone: event.code === 0 ? 'note' : 'warn', text: `the command ${how}` }
}

function problemsText(count: number): string {
  return `with ${plural(count, 'problem')}: podswap status names what does not travel`
}

function readyLines(event: Extract<UiEvent, { type: 'ready' }>): Line[] {
  const text = `ready in ${formatDuration(event.elapsedMs)}`
  const ready: Line =
    event.problems > 0 ? { tone: 'note', text: `${text}, ${problemsText(event.problems)}` } : { tone: 'good', text }
  if (!event.terminal) return [ready]
  return [ready, { tone: 'note', text: 'the keys Enter ~ . leave the program’s terminal; dev mode stays on' }]
}
