import type { IgnoreReason } from '../../syncer/core/ignore.ts'
import type { SyncEvent } from '../../syncer/session/sync-port.ts'
import type { Outcome } from '../session/session-state.ts'
import type { Scaler } from '../swap/field-owners.ts'
import type { SwapEvent } from '../swap/swap-event.ts'
import type { ForwardLine, Transfer, UiEvent } from './events.ts'
import type { Line } from './line.ts'
import { countedProblemLines } from './problem-lines.ts'
import { problemAndCure, problemText } from './problem-text.ts'
import { formatBytes, formatCount, formatDuration, plural } from './quantity.ts'

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

function swapLines(event: SwapEvent): Line[] {
  const busy = (text: string): Line[] => [{ tone: 'busy', text }]
  switch (event.type) {
    case 'warning':
      return withHint({ tone: 'warn', text: event.message }, event.hint)
    case 'dry-run':
      return busy(`asking the cluster whether it takes ${event.clone}`)
    case 'scaled-down':
      return busy(`${event.workload} goes to 0 of ${plural(event.replicas, 'replica')}`)
    case 'waiting-old-pod':
      return busy(`waiting until ${event.pods.join(', ')} is gone`)
    case 'created':
      return [{ tone: 'note', text: `${event.object} is made: there was none` }]
    case 'removed':
      return busy(`${event.object} is deleted`)
    case 'command-kept':
      return [{ tone: 'note', text: `its own command is kept: ${commandLine(event.command)}` }]
    case 'volume-created':
      return busy(`the volume ${event.claim} is made`)
    case 'volume-grown':
      return [{ tone: 'note', text: `the volume ${event.claim} grows to what the manifest says now` }]
    case 'clone-created':
      return busy(`${event.clone} is made`)
    case 'template-followed': {
      const then = event.restarts ? 'the dev pod starts anew with it' : 'nothing of it concerns the dev pod'
      return [{ tone: 'note', text: `${event.workload} has a new pod template (${event.changes.join(', ')}): ${then}` }]
    }
    case 'scaled-up':
      return scaledUpLines(event)
    case 'clone-changed':
      return [{ tone: 'note', text: `${event.clone} is changed to what the manifest says now` }]
    case 'clone-deleted':
      return busy(`${event.clone} is deleted`)
    case 'waiting-clone-pod':
      return busy(`waiting until ${event.pods.join(', ')} is gone`)
    case 'waiting-original': {
      const why = event.message === undefined ? '' : `: ${event.message}`
      return busy(`${event.workload}: ${event.ready} of ${plural(event.wanted, 'replica')} ready${why}`)
    }
    case 'touching':
    case 'clone-reused':
    case 'stopping-clone':
    case 'restored':
    case 'original-ready':
      return []
  }
}

function scaledUpLines(event: Extract<SwapEvent, { type: 'scaled-up' }>): Line[] {
  const { workload, replicas, by, times, timesMax, gaveUp } = event
  const who = by.manager ?? (by.scales ? 'something that scales' : 'somebody')
  const what = `${workload} was scaled to ${plural(replicas, 'replica')} by ${who}`
  if (!gaveUp) return [{ tone: 'warn', text: `${what}; it is at 0 again (${times} of ${timesMax})` }]
  return [
    { tone: 'warn', text: `${what} again: it stays, and Services reach its pods as well as the dev pod` },
    ...scalerCures(workload, by).map((text): Line => ({ tone: 'note', text })),
  ]
}

/** How to keep whoever it is from scaling it up. */
function scalerCures(workload: string, { manager = '', scales }: Scaler): string[] {
  const [kind = '', name] = workload.split('/')
  const argo = `Argo CD: spec.ignoreDifferences: [{group: apps, kind: ${kindNames[kind] ?? kind}, name: ${name}, jsonPointers: [/spec/replicas]}], and syncOptions: [RespectIgnoreDifferences=true]`
  const flux = `Flux: leave spec.replicas out of the manifest, or suspend it: flux suspend kustomization NAME`
  const keda = 'KEDA: kubectl annotate scaledobject NAME autoscaling.keda.sh/paused=true'
  if (manager.includes('argocd')) return [argo]
  if (/kustomize-controller|helm-controller/.test(manager)) return [flux]
  return scales ? [keda, argo, flux] : [argo, flux]
}

const kindNames: Record<string, string> = { deployment: 'Deployment', statefulset: 'StatefulSet' }

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

function syncLines(folder: string, event: SyncEvent): Line[] {
  switch (event.type) {
    case 'state':
      return event.state === 'scanning' ? [{ tone: 'busy', text: `${folder}: looking through the files` }] : []
    case 'first-sync-done':
      return [{ tone: 'good', text: `${folder}: ${inStepText(event)}` }]
    case 'conflict':
      return [
        {
          tone: 'warn',
          text: `${folder}: ${event.conflict.path} was changed on both sides; the other version is ${event.conflict.copy}`,
        },
      ]
    case 'problem':
      return [{ tone: 'warn', text: `${folder}: ${problemAndCure(event.problem)}` }]
    case 'problem-solved':
      return [{ tone: 'good', text: `${folder}: no more: ${problemText(event.problem)}` }]
    case 'halted':
      return withHint({ tone: 'bad', text: `${folder}: sync stopped: ${event.reason}` }, event.hint)
    case 'resumed':
      return [{ tone: 'good', text: `${folder}: sync goes on` }]
    case 'mirror': {
      const places = event.largest.map(({ folder: path, files }) => `${path || '.'} ${formatCount(files)}`).join(', ')
      const removed = plural(event.removed, 'file')
      return [{ tone: 'note', text: `${folder}: removing ${removed} that only the pod has (${places})` }]
    }
    case 'ignored':
      return ignoredLines(folder, event)
    case 'changes':
      return []
  }
}

/** How much is left out, then the largest folders and the rules that say so. */
function ignoredLines(folder: string, event: Extract<SyncEvent, { type: 'ignored' }>): Line[] {
  const { files, folders, largest, rules, isPartial } = event
  if (folders === 0 && rules.length === 0) return []
  const places = folders === 0 ? '' : `, in ${plural(folders, 'folder')} and beside`
  const more = isPartial ? ' so far' : ''
  const head = `${folder}: left out: ${plural(files, 'file')}${more}${places}`
  const because = ({ rule, source, line }: IgnoreReason) =>
    `${line === undefined ? source : `${source}:${line}`} ${rule}`
  const counted = (count: number) => formatCount(count).padStart(10)
  return [
    head,
    ...largest.map(each => `${counted(each.files)}  ${each.folder}/  by ${because(each)}`),
    ...rules.map(
      each => `${counted(each.files)}  ${plural(each.files, 'file').replace(/^\S+ /, '')} by ${because(each)}`,
    ),
  ].map(text => ({ tone: 'note', text }))
}

function inStepText(event: { files: number; bytes: number; seconds: number }): string {
  const amount = `${plural(event.files, 'file')}, ${formatBytes(event.bytes)}`
  return `in step (${amount}, ${formatDuration(event.seconds * 1000)})`
}

export function transferText(transfer: Transfer): string {
  const files = `${formatCount(transfer.doneFiles)} of ${plural(transfer.totalFiles, 'file')}`
  const bytes = `${formatBytes(transfer.doneBytes)} of ${formatBytes(transfer.totalBytes)}`
  const rate = transfer.bytesPerSecond > 0 ? `, ${formatBytes(transfer.bytesPerSecond)}/s` : ''
  const left = transfer.secondsLeft === undefined ? '' : `, ${formatDuration(transfer.secondsLeft * 1000)} left`
  const path = transfer.path === undefined ? '' : `: ${transfer.path}`
  return `syncing ${files}, ${bytes}${rate}${left}${path}`
}

export function forwardText(forward: ForwardLine): string {
  const { local, remote } = forward
  return forward.direction === 'reverse' ? `reverse ${remote} of the pod → ${local}` : `forward ${local} → ${remote}`
}

/** A command as a person would type it; words with anything unusual in them are quoted. */
export function commandLine(command: string[]): string {
  return command.map(word => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ')
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

function readyLines(event: Extract<UiEvent, { type: 'ready' }>): Line[] {
  const ready: Line = { tone: 'good', text: `ready in ${formatDuration(event.elapsedMs)}` }
  if (!event.terminal) return [ready]
  return [ready, { tone: 'note', text: 'the keys Enter ~ . leave the program’s terminal; dev mode stays on' }]
}

function endedLines(event: Extract<UiEvent, { type: 'ended' }>): Line[] {
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

/** Names and messages come from pods and clusters: nothing in them may move the cursor, turn the writing round or forge a line. */
export function printable(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, ' ').replace(/[\p{Cc}\u202A-\u202E\u2066-\u2069]/gu, '\ufffd')
}

function withHint(line: Line, hint: string | undefined): Line[] {
  return hint === undefined ? [line] : [line, { tone: 'note', text: hint }]
}
