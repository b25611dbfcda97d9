import type { DevStatus, FolderStatus, StatusReport, SyncSummary } from '../session/status-report.ts'
import { printable } from './printable.ts'
import { problemAndCure } from './problem-text.ts'
import { formatBytes, formatCount, formatDuration, plural } from './quantity.ts'
import type { Paint } from './style.ts'

/** `podswap status` for a person; empty where nothing is swapped. */
export function statusText(report: StatusReport, options: { nowMs: number; paint: Paint; width?: number }): string {
  return report.devs.map(dev => devText(dev, options.nowMs, options.paint)).join('\n')
}

const LISTED_MAX = 10

function devText(dev: DevStatus, nowMs: number, paint: Paint): string {
  const rows: [string, string][] = [['workload', `${dev.workload} in ${dev.namespace}`]]
  if (dev.holder !== null) rows.push(['holder', holderText(dev, nowMs)])
  rows.push(['pod', dev.pod ?? (isSilent(dev) ? 'unknown' : 'none')])
  for (const folder of dev.folders) rows.push(['sync', folderText(folder, nowMs)])
  for (const forward of dev.forwards) {
    const error = forward.error === null ? '' : ` (${forward.error})`
    const [from, to] =
      forward.direction === 'reverse' ? [forward.remote, forward.local] : [forward.local, forward.remote]
    rows.push([forward.direction === 'reverse' ? 'reverse' : 'forward', `${from} → ${to}: ${forward.state}${error}`])
  }
  rows.push(['command', commandText(dev, nowMs)])
  rows.push(...listed('conflict', dev.sync.conflicts, ({ path, copy }) => `${path}; the other version is ${copy}`))
  rows.push(...listed('problem', dev.sync.problems, problemAndCure))
  for (const warning of dev.warnings) rows.push(['note', warning])
  const head = `${paint('bold', printable(dev.name))}  ${stateText(dev, paint)}`
  return `${[head, ...rows.map(([name, value]) => `  ${name.padEnd(9)} ${printable(value)}`)].join('\n')}\n`
}

function listed<T>(name: string, all: T[], text: (one: T) => string): [string, string][] {
  const rows = all.slice(0, LISTED_MAX).map((each): [string, string] => [name, text(each)])
  const more = all.length - rows.length
  return more > 0 ? [...rows, [name, `and ${formatCount(more)} more; --json has all`]] : rows
}

/** A process of this laptop holds it, and was asked in vain. */
function isSilent({ holder_pid: pid, sync }: DevStatus): boolean {
  return pid !== null && sync.state === 'unknown'
}

/** What cannot travel is no part of what is ready. */
function stateText({ state, sync }: DevStatus, paint: Paint): string {
  const text = withProblems(state ?? 'unknown', sync)
  if (state === 'failed') return paint('red', text)
  return paint(text === 'ready' ? 'green' : 'yellow', text)
}

function withProblems(state: string, { problems }: SyncSummary): string {
  return problems.length === 0 ? state : `${state} with ${plural(problems.length, 'problem')}`
}

function holderText(dev: DevStatus, nowMs: number): string {
  const pid = dev.holder_pid === null ? '' : `, process ${dev.holder_pid}`
  const since = dev.since === null ? '' : `, since ${formatDuration(nowMs - Date.parse(dev.since))}`
  return `${dev.holder}${pid}${since}`
}

const arrows: Record<FolderStatus['mode'], string> = { 'two-way': '↔', push: '→', pull: '←' }

function folderText(folder: FolderStatus, nowMs: number): string {
  return `${folder.local} ${arrows[folder.mode]} ${folder.remote}: ${summaryText(folder, nowMs)}`
}

function summaryText(sync: SyncSummary, nowMs: number): string {
  const parts: string[] = [withProblems(sync.state, sync)]
  if (sync.files !== null) parts.push(plural(sync.files, 'file'))
  if (sync.pending) parts.push(`${sync.pending} pending`)
  if (sync.transfer !== null) parts.push(transferText(sync.transfer))
  if (sync.conflicts.length > 0) parts.push(plural(sync.conflicts.length, 'conflict'))
  if (sync.replaced) parts.push(`${plural(sync.replaced, 'edit')} of the pod replaced`)
  if (sync.ignored !== null && sync.ignored.files > 0) parts.push(`${plural(sync.ignored.files, 'file')} left out`)
  if (sync.bytes_sent !== null && sync.bytes_received !== null) {
    parts.push(`${formatBytes(sync.bytes_sent)} sent, ${formatBytes(sync.bytes_received)} received`)
  }
  if (sync.last_change_at !== null) {
    parts.push(`last change ${formatDuration(nowMs - Date.parse(sync.last_change_at))} ago`)
  }
  return parts.join(', ')
}

function transferText(transfer: NonNullable<SyncSummary['transfer']>): string {
  const path = transfer.path === null ? '' : ` (${transfer.path})`
  return `${formatBytes(transfer.left_bytes)} on their way${path}`
}

function commandText(dev: DevStatus, nowMs: number): string {
  const { state, exit_code: code, started_at: startedAt } = dev.command
  switch (state) {
    case 'running':
      return startedAt === null ? 'running' : `running for ${formatDuration(nowMs - Date.parse(startedAt))}`
    case 'exited':
      return `ended with code ${code ?? 'unknown'}`
    case 'none':
      return 'not started'
    case 'unknown':
      return 'unknown'
  }
}
