import { UserError } from '../../syncer/base/errors.ts'

const unitsMs: Record<string, number> = {
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/**
 * A moment in the past, as a person says it: `10m` (that long ago; s, m, min, h, d, w), `18:30` or `18:30:05` (the last
 * time that the clock showed it), a date with or without time (`2026-11-21`, `2026-11-21 18:30`, ISO 8601; local time
 * where it names no zone). In ms since 1970. Throws `usage`.
 */
export function parseWhen(text: string, option: string, nowMs: number): number {
  const at = parseAgo(text, nowMs) ?? parseClock(text, nowMs) ?? parseDate(text)
  if (at !== undefined && at <= nowMs) return at
  const message = at === undefined ? `${option} wants a time, not ${text}` : `${option} ${text} is still to come`
  throw new UserError('usage', message, { hint: 'such as 10m, 2h, 18:30, or 2026-11-21T18:30' })
}

function parseAgo(text: string, nowMs: number): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?(s|m|min|h|d|w)$/.exec(text)
  return match === null ? undefined : nowMs - Number(match[1]) * unitsMs[match[2]!]!
}

function parseClock(text: string, nowMs: number): number | undefined {
  const match = /^([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?$/.exec(text)
  if (match === null) return undefined
  const at = new Date(nowMs)
  at.setHours(Number(match[1]), Number(match[2]), Number(match[3] ?? 0), 0)
  if (at.getTime() > nowMs) at.setDate(at.getDate() - 1)
  return at.getTime()
}

function parseDate(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/.test(text)) return undefined
  // A date alone would be taken for one of UTC.
  const atMs = Date.parse(text.length === 10 ? `${text}T00:00` : text.replace(' ', 'T'))
  return Number.isNaN(atMs) ? undefined : atMs
}
