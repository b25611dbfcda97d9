import { createHash } from 'node:crypto'
import { isRecord } from '../store/json-merge.ts'

const letters = 'bcdfghjklmnpqrstvwxz2456789'

/** Ten letters that stand for a pod template; the order of its keys does not matter. */
export function templateHash(template: unknown): string {
  const digest = createHash('sha256')
    .update(JSON.stringify(ordered(template)))
    .digest()
  return [...digest.subarray(0, 10)].map(byte => letters[byte % letters.length]).join('')
}

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered)
  if (!isRecord(value)) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, item]) => [key, ordered(item)]))
}
