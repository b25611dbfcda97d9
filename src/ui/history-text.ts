import type { Changes } from '../../syncer/session/change-log.ts'
import { eventLines } from './event-text.ts'
import type { UiEvent } from './events.ts'
import { printable } from './printable.ts'
import { plural } from './quantity.ts'
import { localTime } from './trash-text.ts'

type SyncUiEvent = Extract<UiEvent, { type: 'sync' }>

/** Whether an event belongs in the history: that a save is on its way is said by what comes of it. */
export function isHistoric(event: UiEvent): event is SyncUiEvent {
  if (event.type !== 'sync') return false
  return event.event.type !== 'state' || event.event.state === 'paused' || event.event.state === 'scanning'
}

/** Lines of `podswap logs --sync`, each with the time when it was. */
export function historyText(event: SyncUiEvent, atMs: number): string {
  return linesOf(event)
    .map(line => `${localTime(atMs)}  ${printable(line)}\n`)
    .join('')
}

function linesOf(event: SyncUiEvent): string[] {
  const { folder, event: what } = event
  switch (what.type) {
    case 'changes':
      return [...changed(`${folder} → pod`, what.sent), ...changed(`${folder} ← pod`, what.received)]
    case 'state':
      return [`${folder}: ${what.state === 'paused' ? 'the connection is gone' : 'connected'}`]
    default:
      return eventLines(event).map(({ text }) => text)
  }
}

function changed(way: string, { count, paths }: Changes): string[] {
  if (count === 0) return []
  const more = count > paths.length ? `, and ${plural(count - paths.length, 'change')} more` : ''
  return [`${way}: ${paths.join(', ')}${more}`]
}
