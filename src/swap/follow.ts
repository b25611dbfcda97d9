import type { Cluster, Kind, KubeObject } from '../cluster/cluster.ts'

/** Objects of one kind to keep in sight. */
export interface Topic {
  kind: Kind
  labelSelector?: string
  fieldSelector?: string
}

/** What is there now: for each topic, in their order, its objects. */
export type Sight = KubeObject[][]

/**
 * Tells what is there, complete from the first call on, and again at each change, until aborted. Rejects with what
 * `onChange` throws and with what a watch cannot mend.
 */
export async function follow(
  cluster: Cluster,
  topics: Topic[],
  signal: AbortSignal,
  onChange: (sight: Sight) => void,
): Promise<void> {
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const live = topics.map(() => ({ objects: new Map<string, KubeObject>(), listed: false }))
  const changed = () => {
    if (live.every(({ listed }) => listed)) onChange(live.map(({ objects }) => [...objects.values()]))
  }
  const watches = topics.map(({ kind, ...selectors }, index) => {
    const topic = live[index] as (typeof live)[number]
    const listed = () => {
      topic.listed = true
      changed()
    }
    return cluster.watch(kind, { ...selectors, signal: either, listed }, ({ type, object }) => {
      const key = object.metadata.uid ?? ''
      if (type === 'DELETED') topic.objects.delete(key)
      else topic.objects.set(key, object)
      changed()
    })
  })
  try {
    await Promise.all(watches)
  } finally {
    stop.abort()
    await Promise.allSettled(watches)
  }
}

/** The first value that `decide` gives; undefined where the time is over. Rejects with what it throws, and when aborted. */
export async function until<T>(
  cluster: Cluster,
  topics: Topic[],
  options: { signal: AbortSignal; timeoutMs: number },
  decide: (sight: Sight) => T | undefined,
): Promise<T | undefined> {
  const done = new AbortController()
  const timer = setTimeout(() => done.abort(), options.timeoutMs)
  let decided: T | undefined
  try {
    await follow(cluster, topics, AbortSignal.any([options.signal, done.signal]), sight => {
      decided ??= decide(sight)
      if (decided !== undefined) done.abort()
    })
  } finally {
    clearTimeout(timer)
  }
  if (decided === undefined) options.signal.throwIfAborted()
  return decided
}

/** A selector of an object's spec as the API's query wants it. */
export function selectorText(selector: {
  matchLabels?: Record<string, string>
  matchExpressions?: { key: string; operator: string; values?: string[] }[]
}): string {
  const labels = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`)
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values = [] }) => {
    if (operator === 'Exists') return key
    if (operator === 'DoesNotExist') return `!${key}`
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`
  })
  return [...labels, ...expressions].join(',')
}
