import type { TrashReason } from '../../syncer/endpoint/trash-name.ts'
import { printable } from './printable.ts'
import { formatBytes, plural } from './quantity.ts'
import type { Paint } from './style.ts'

/** A line of the list: a version of a file that gave way. */
export interface TrashLine {
  /** As a person at this place would name it. */
  shown: string
  isPathKnown: boolean
  atMs: number
  sizeBytes: number
  kind: 'file' | 'link'
  reason: TrashReason
}

const reasons: Record<TrashReason, string> = {
  deleted: 'deleted in the pod',
  overwritten: 'overwritten from the pod',
  restored: 'gave way to a restore',
}

export function reasonText(reason: TrashReason): string {
  return reasons[reason]
}

/** What `podswap restore` lists; a sentence where there is nothing. */
export function trashText(lines: readonly TrashLine[], paint: Paint): string {
  if (lines.length === 0) return 'nothing is in the trash\n'
  const rows = lines.map(line => [localTime(line.atMs), sizeText(line), reasons[line.reason], nameText(line)])
  const widths = [0, 1, 2].map(column => Math.max(...rows.map(row => row[column]!.length)))
  const text = rows.map(([at = '', size = '', why = '', name = '']) => {
    return `${paint('dim', at)}  ${size.padStart(widths[1]!)}  ${why.padEnd(widths[2]!)}  ${name}\n`
  })
  const bytes = lines.reduce((sum, line) => sum + line.sizeBytes, 0)
  return `${text.join('')}${plural(lines.length, 'version')}, ${formatBytes(bytes)}\n`
}

function sizeText({ kind, sizeBytes }: TrashLine): string {
  return kind === 'link' ? 'link' : formatBytes(sizeBytes)
}

function nameText({ shown, isPathKnown }: TrashLine): string {
  return isPathKnown ? printable(shown) : `${printable(shown)} (its folder is not known)`
}

/** `2026-11-21 18:30:05` of this machine's zone, which `--at` takes. */
export function localTime(ms: number): string {
  const at = new Date(ms)
  const two = (value: number) => String(value).padStart(2, '0')
  const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${date} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`
}
