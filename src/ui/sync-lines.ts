import type { IgnoreReason } from '../../syncer/core/ignore.ts'
import type { SyncEvent } from '../../syncer/session/sync-port.ts'
import { type Line, withHint } from './line.ts'
import { problemAndCure, problemText } from './problem-text.ts'
import { formatBytes, formatCount, formatDuration, plural } from './quantity.ts'

/** What becomes of one folder. */
export function syncLines(folder: string, event: SyncEvent): Line[] {
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
    case 'replaced':
      return [
        {
          tone: 'warn',
          text: `${folder}: ${event.path} was changed in the pod, and what was changed here has replaced it`,
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
