import { entriesOf } from './entries.ts'
import { Fields } from './fields.ts'
import type { Affinity, Scheduling, Toleration } from './manifest.ts'
import { quoteText } from './quote-text.ts'
import { readMapField } from './read-container.ts'
import { isLabelValue, isQualifiedName, readLabels } from './read-labels.ts'
import { asScalar, readChoice, readText, readWholeNumber } from './read-scalar.ts'
import type { Reading } from './reading.ts'
import { describeNode, type YamlMap, type YamlNode } from './yaml-node.ts'

/** Kubernetes' DNS subdomain, in which the names of most objects are written. */
const objectName = /^[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?$/
const affinityFields = { nodeAffinity: 'read', podAffinity: 'read', podAntiAffinity: 'read' } as const
const tolerationFields = {
  key: 'read',
  operator: 'read',
  value: 'read',
  effect: 'read',
  tolerationSeconds: 'read',
} as const
const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const
/** Kubernetes' own nesting is 6 deep. */
const depthMax = 20

/** Where the dev pod runs and as whom; undefined where nothing of it is said. */
export function readScheduling(reading: Reading, fields: Fields): Scheduling | undefined {
  const nodeSelector = readNodeSelector(reading, fields)
  const affinity = readAffinity(reading, fields)
  const tolerations = readTolerations(reading, fields)
  const serviceAccount = readObjectName(reading, fields, 'serviceAccount', 'a service account')
  const priorityClassName = readObjectName(reading, fields, 'priorityClassName', 'a priority class')
  const scheduling: Scheduling = {
    ...(nodeSelector !== undefined && { nodeSelector }),
    ...(affinity !== undefined && { affinity }),
    ...(tolerations.length > 0 && { tolerations }),
    ...(serviceAccount !== undefined && { serviceAccount }),
    ...(priorityClassName !== undefined && { priorityClassName }),
  }
  return Object.keys(scheduling).length > 0 ? scheduling : undefined
}

function readNodeSelector(reading: Reading, fields: Fields): Record<string, string> | undefined {
  const map = readMapField(reading, fields, 'nodeSelector')
  if (map === undefined || map.pairs.length === 0) return undefined
  return readLabels(reading, map, { what: 'label', expand: scalar => reading.expand(scalar) })
}

/** Its three kinds are known here; what they hold is the cluster's to check, before anything is touched. */
function readAffinity(reading: Reading, fields: Fields): Affinity | undefined {
  const map = readMapField(reading, fields, 'affinity')
  if (map === undefined) return undefined
  const parts = new Fields(reading, map)
  parts.complainAboutRest(affinityFields, 'affinity.')
  const affinity: Affinity = {}
  for (const name of Object.keys(affinityFields) as (keyof Affinity)[]) {
    const part = readMapField(reading, parts, name)
    if (part !== undefined) affinity[name] = objectOf(reading, part)
  }
  return Object.keys(affinity).length > 0 ? affinity : undefined
}

/** The map as the API takes it: all that an affinity holds is text, but for its `weight`s. */
function objectOf(reading: Reading, map: YamlMap, depth = 0): Record<string, unknown> {
  const object: Record<string, unknown> = {}
  const entries = entriesOf(reading, map)
  // elsewhere it may be a label
  const isWeighted = entries.has('preference') || entries.has('podAffinityTerm')
  for (const { key, value } of entries.values()) {
    const item = isWeighted && key === 'weight' ? weightOf(reading, value) : nodeValue(reading, value, depth + 1)
    if (item !== undefined) Object.defineProperty(object, key, { value: item, enumerable: true })
  }
  return object
}

function nodeValue(reading: Reading, node: YamlNode, depth: number): unknown {
  reading.spend(1, node.at)
  if (depth > depthMax) {
    reading.complaints.error(node.at, `\`affinity\` is nested deeper than ${depthMax}`)
    return undefined
  }
  if (node.kind === 'map') return objectOf(reading, node, depth)
  if (node.kind === 'list') {
    return node.items.map(item => nodeValue(reading, item, depth + 1)).filter(item => item !== undefined)
  }
  const scalar = asScalar(reading, node, 'affinity')
  return scalar === undefined || scalar.isNull ? undefined : scalar.text
}

function weightOf(reading: Reading, node: YamlNode): number | undefined {
  const scalar = asScalar(reading, node, 'weight')
  if (scalar === undefined) return undefined
  const weight = /^\d{1,3}$/.test(scalar.text) ? Number(scalar.text) : Number.NaN
  if (weight >= 1 && weight <= 100) return weight
  reading.complaints.error(scalar.at, `\`weight\` must be a number from 1 to 100, not ${quoteText(scalar.text)}`)
  return undefined
}

function readTolerations(reading: Reading, fields: Fields): Toleration[] {
  const node = fields.value('tolerations')
  if (node === undefined) return []
  if (node.kind !== 'list') {
    reading.complaints.error(
      node.at,
      `\`tolerations\` must be a list, not ${describeNode(node)}`,
      'put "- " before each',
    )
    return []
  }
  return node.items.flatMap(item => {
    reading.spend(1, item.at)
    if (item.kind === 'map') return readToleration(reading, item)
    reading.complaints.error(item.at, `a toleration must be a map, not ${describeNode(item)}`, 'such as {key: gpu}')
    return []
  })
}

function readToleration(reading: Reading, map: YamlMap): Toleration[] {
  const before = reading.complaints.errorCount
  const parts = new Fields(reading, map)
  parts.complainAboutRest(tolerationFields, 'tolerations.')
  const key = readText(reading, parts, 'key')
  const operator = readChoice(reading, parts, 'operator', ['Equal', 'Exists'])
  const value = readText(reading, parts, 'value')
  // Kubernetes takes an empty one for every effect, too
  const isEvery = readText(reading, parts, 'effect') === undefined
  const effect = isEvery ? undefined : readChoice(reading, parts, 'effect', effects)
  const tolerationSeconds = readWholeNumber(reading, parts, 'tolerationSeconds')
  const place = (name: string) => parts.entry(name)?.value.at ?? map.at
  if (key !== undefined && !isQualifiedName(key)) {
    reading.complaints.error(place('key'), `${quoteText(key)} is not the key of a taint`)
  }
  if (value !== undefined && !isLabelValue(value)) {
    reading.complaints.error(place('value'), `${quoteText(value)} is not the value of a taint`)
  }
  if (operator === 'Exists' && value !== undefined) {
    reading.complaints.error(place('value'), '`value` has no place beside `operator: Exists`', 'take it out')
  }
  if (key === undefined && operator !== 'Exists') {
    const hint = 'without `key` only `operator: Exists` has a meaning: every taint'
    reading.complaints.error(map.at, 'a toleration needs `key`', hint)
  }
  if (tolerationSeconds !== undefined && effect !== 'NoExecute') {
    const at = place('tolerationSeconds')
    reading.complaints.error(at, '`tolerationSeconds` goes with `effect: NoExecute` alone', 'take it out')
  }
  if (reading.complaints.errorCount > before) return []
  return [
    {
      ...(key !== undefined && { key }),
      ...(operator !== undefined && { operator }),
      ...(value !== undefined && { value }),
      ...(effect !== undefined && { effect }),
      ...(tolerationSeconds !== undefined && { tolerationSeconds }),
    },
  ]
}

function readObjectName(reading: Reading, fields: Fields, name: string, what: string): string | undefined {
  const text = readText(reading, fields, name)
  if (text === undefined || objectName.test(text)) return text
  const { at } = fields.entry(name)!.value
  reading.complaints.error(at, `${quoteText(text)} is not the name of ${what}`, 'it is written with a-z, 0-9, - and .')
  return undefined
}
