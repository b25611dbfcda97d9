import { entriesOf } from './entries.ts'
import { Fields } from './fields.ts'
import type { Dev } from './manifest.ts'
import { quoteText } from './quote-text.ts'
import { readMapField } from './read-container.ts'
import { readLabelField, readLabels } from './read-labels.ts'
import type { Reading } from './reading.ts'

/** What the cluster's controllers write by themselves, and what tells pods of one workload apart. */
const clustersOwn: readonly string[] = [
  'pod-template-hash',
  'controller-revision-hash',
  'statefulset.kubernetes.io/pod-name',
  'apps.kubernetes.io/pod-index',
]

/** `metadata: {labels, annotations}`, and the `annotations` of v1, which yield to it. */
export function readMetadata(reading: Reading, fields: Fields): Dev['metadata'] {
  const map = readMapField(reading, fields, 'metadata')
  const parts = map && new Fields(reading, map)
  parts?.complainAboutRest({ labels: 'read', annotations: 'read' }, 'metadata.')
  const labels = parts && readMarks(reading, parts, 'labels')
  const annotations = {
    ...readMarks(reading, fields, 'annotations'),
    ...(parts && readMarks(reading, parts, 'annotations')),
  }
  const metadata = {
    ...(labels && Object.keys(labels).length > 0 && { labels }),
    ...(Object.keys(annotations).length > 0 && { annotations }),
  }
  return Object.keys(metadata).length > 0 ? metadata : undefined
}

function readMarks(
  reading: Reading,
  fields: Fields,
  name: 'labels' | 'annotations',
): Record<string, string> | undefined {
  const map = readLabelField(reading, fields, name)
  if (map === undefined) return undefined
  const what = name === 'labels' ? 'label' : 'annotation'
  for (const { key, keyAt } of entriesOf(reading, map).values()) {
    if (/^(?:.*\.)?podswap\.dev\//.test(key)) {
      reading.complaints.error(keyAt, `${quoteText(key)} is podswap’s own`, `choose another name for the ${what}`)
    } else if (clustersOwn.includes(key)) {
      reading.complaints.error(keyAt, `${quoteText(key)} is the cluster’s to set`, 'take it out')
    }
  }
  return readLabels(reading, map, { what, expand: scalar => reading.expand(scalar) })
}
