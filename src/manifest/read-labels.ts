import { entriesOf } from './entries.ts'
import type { Fields } from './fields.ts'
import { quoteText } from './quote-text.ts'
import { readMapField } from './read-container.ts'
import { asScalar } from './read-scalar.ts'
import type { Reading } from './reading.ts'
import type { YamlMap, YamlPair, YamlScalar } from './yaml-node.ts'

/** Kubernetes' qualified name: that of a label, an annotation or a taint. */
const qualifiedName = /^(?:[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const labelValue = /^(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/

export function isQualifiedName(text: string): boolean {
  return qualifiedName.test(text)
}

export function isLabelValue(text: string): boolean {
  return labelValue.test(text)
}

/** The field as a map; a list of `K=V`, as Okteto takes it too, becomes one. Another value gives an error. */
export function readLabelField(reading: Reading, fields: Fields, name: string): YamlMap | undefined {
  const node = fields.value(name)
  if (node?.kind !== 'list') return readMapField(reading, fields, name)
  const pairs: YamlPair[] = []
  for (const item of node.items) {
    reading.spend(1, item.at)
    const scalar = asScalar(reading, item, name)
    const equals = scalar?.text.indexOf('=') ?? -1
    if (scalar && equals > 0) {
      const part = (text: string): YamlScalar => ({ ...scalar, text, isNull: false, isPlain: false })
      pairs.push({ key: part(scalar.text.slice(0, equals)), value: part(scalar.text.slice(equals + 1)) })
    } else if (scalar) {
      reading.complaints.error(item.at, `${quoteText(scalar.text)} is not KEY=VALUE`, 'write each as KEY: value')
    }
  }
  return { kind: 'map', at: node.at, pairs }
}

/** Fills a value's variables in; undefined where it cannot. */
export type Expand = (scalar: YamlScalar) => string | undefined

/** A map of labels, or of annotations, whose values may be any text. A key or a value that cannot be one gives an error. */
export function readLabels(
  reading: Reading,
  map: YamlMap,
  { what, expand }: { what: 'label' | 'annotation'; expand: Expand },
): Record<string, string> {
  const labels: Record<string, string> = {}
  const article = what === 'label' ? 'a' : 'an'
  for (const { key, keyAt, value } of entriesOf(reading, map).values()) {
    if (!isQualifiedName(key)) {
      reading.complaints.error(keyAt, `${quoteText(key)} is not the name of ${article} ${what}`)
      continue
    }
    const scalar = asScalar(reading, value, key)
    const text = scalar?.isNull ? '' : scalar && expand(scalar)
    if (scalar === undefined || text === undefined) continue
    if (what === 'annotation' || isLabelValue(text)) labels[key] = text
    else reading.complaints.error(scalar.at, `${quoteText(scalar.text)} is not the value of a label`)
  }
  return labels
}
