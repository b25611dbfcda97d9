import { childrenOf, nameOf } from './compare.ts'
import { type FieldSet, joined } from './field-set.ts'

/** `live` with everything that `config` names, lists merged by their keys (`Merge` of structured-merge-diff). */
export function applyMerged(live: unknown, config: unknown, names: readonly string[] = []): unknown {
  if (live === undefined || live === null) return config
  const is = childrenOf(live, names)
  const wanted = childrenOf(config, names)
  if (!is || !wanted) return config
  const below = (element: string) => [...names, nameOf(element)]
  if (Array.isArray(config)) {
    if ([...wanted.keys()].some(element => element.startsWith('v:')))
      return [...new Set([...(live as unknown[]), ...config])]
    const kept = [...is].map(([element, item]) =>
      wanted.has(element) ? applyMerged(item, wanted.get(element), below(element)) : item,
    )
    return [...kept, ...[...wanted].filter(([element]) => !is.has(element)).map(([, item]) => item)]
  }
  const result = new Map(Object.entries(live as object))
  for (const [element, value] of wanted) {
    result.set(element.slice(2), applyMerged(is.get(element), value, below(element)))
  }
  return Object.fromEntries(result)
}

/** Without these fields; a list's item goes with its own membership. */
export function without(
  value: unknown,
  fields: FieldSet,
  elements: readonly string[] = [],
  names: readonly string[] = [],
): unknown {
  if (fields.size === 0) return value
  const children = childrenOf(value, names)
  if (!children) return value
  const kept = [...children].filter(([element]) => !fields.has(joined([...elements, element])))
  const cleaned = kept.map(
    ([element, child]) =>
      [element, without(child, fields, [...elements, element], [...names, nameOf(element)])] as const,
  )
  if (Array.isArray(value)) return cleaned.map(([, child]) => child)
  return Object.fromEntries(cleaned.map(([element, child]) => [element.slice(2), child]))
}
