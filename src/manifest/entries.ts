import type { Reading } from './reading.ts'
import { describeNode, type Entry, type YamlMap, type YamlNode, type YamlPair } from './yaml-node.ts'

const mergeDepthMax = 50

/**
 * The entries of a map in the order of the file, those of merged maps last. Its own keys win over merged ones, an
 * earlier merged map over a later one. A key that is there twice, or is no text, gives an error.
 */
export function entriesOf(reading: Reading, map: YamlMap, depth = 0): Map<string, Entry> {
  const cached = reading.entriesCache.get(map.pairs)
  if (cached !== undefined) {
    reading.spend(cached.size + 1, map.at)
    return cached
  }
  const entries = new Map<string, Entry>()
  const merges: YamlPair[] = []
  reading.spend(map.pairs.length + 1, map.at)
  for (const pair of map.pairs) {
    if (isMerge(pair)) merges.push(pair)
    else addOwn(reading, entries, pair)
  }
  for (const { value } of merges) merge(reading, entries, value, depth)
  reading.entriesCache.set(map.pairs, entries)
  return entries
}

function isMerge({ key }: YamlPair): boolean {
  return key.kind === 'scalar' && key.isPlain && key.text === '<<'
}

function addOwn(reading: Reading, entries: Map<string, Entry>, { key, value }: YamlPair): void {
  if (key.kind !== 'scalar' || key.isNull) {
    // `{{ x }}` without quotes is a map whose only key is a map.
    const hint = key.kind === 'map' ? 'a {{ placeholder }} is not filled in here, and needs quotes' : undefined
    reading.complaints.error(key.at, `a key must be text, not ${describeNode(key)}`, hint)
    return
  }
  const first = entries.get(key.text)
  if (first !== undefined) {
    // A key that is no plain name may be a secret in the wrong place.
    const name = /^[\w./-]{1,60}$/.test(key.text) ? `\`${key.text}\`` : 'this key'
    reading.complaints.error(key.at, `${name} is there twice, first in line ${first.keyAt.line}`, 'keep one of the two')
    return
  }
  entries.set(key.text, { key: key.text, keyAt: key.at, value })
}

function merge(reading: Reading, entries: Map<string, Entry>, source: YamlNode, depth: number): void {
  if (depth === mergeDepthMax) {
    reading.complaints.error(source.at, `merge keys are nested deeper than ${mergeDepthMax}`)
    return
  }
  const sources = source.kind === 'list' ? source.items : [source]
  for (const item of sources) {
    reading.spend(1, item.at)
    if (item.kind === 'scalar' && item.isNull) continue
    if (item.kind !== 'map') {
      const message = `a merge key (<<) takes a map or a list of maps, not ${describeNode(item)}`
      reading.complaints.error(item.at, message)
      continue
    }
    for (const entry of entriesOf(reading, item, depth + 1).values()) {
      if (!entries.has(entry.key)) entries.set(entry.key, entry)
    }
  }
}
