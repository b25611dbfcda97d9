import { Fields } from './fields.ts'
import { quoteText } from './quote-text.ts'
import { asScalar } from './read-scalar.ts'
import type { Reading } from './reading.ts'
import type { YamlNode } from './yaml-node.ts'

/** Go's `time.ParseDuration`, as far as a person writes it, and a bare number of seconds. */
const part = /(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)/g
const unitsMs: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }
const timeoutMsMax = 24 * 3_600_000

/**
 * `timeout: 120s`, `timeout: 120` or `timeout: {default, resources}`: how long `up` waits for the dev pod, in
 * milliseconds. Okteto's `resources` is that wait; `default`, which the short form sets, counts where it is missing.
 */
export function readTimeout(reading: Reading, fields: Fields): number | undefined {
  const node = fields.value('timeout')
  if (node?.kind !== 'map') return node && durationOf(reading, node, 'timeout')
  const parts = new Fields(reading, node)
  parts.complainAboutRest({ default: 'read', resources: 'read' }, 'timeout.')
  const [fallback, resources] = (['default', 'resources'] as const).map(name => {
    const value = parts.value(name)
    return value && durationOf(reading, value, `timeout.${name}`)
  })
  return resources ?? fallback
}

function durationOf(reading: Reading, node: YamlNode, name: string): number | undefined {
  const scalar = asScalar(reading, node, name)
  if (scalar === undefined || scalar.text === '') return undefined
  const timeoutMs = parseDuration(scalar.text)
  if (timeoutMs > 0 && timeoutMs <= timeoutMsMax) return timeoutMs
  const hint = 'such as 90s, 2m or 1m30s; a bare number is seconds, a day is the most'
  reading.complaints.error(scalar.at, `\`${name}\` must be a duration, not ${quoteText(scalar.text)}`, hint)
  return undefined
}

/** NaN where it is none. */
function parseDuration(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000
  let totalMs = 0
  let length = 0
  for (const [all, amount, unit] of text.matchAll(part)) {
    totalMs += Number(amount) * unitsMs[unit!]!
    length += all.length
  }
  return length === text.length ? totalMs : Number.NaN
}
