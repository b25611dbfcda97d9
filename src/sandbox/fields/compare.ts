import { isDeepStrictEqual } from 'node:util'
import { isRecord } from '../store/json-merge.ts'
import { type FieldSet, joined } from './field-set.ts'
import { isAlwaysThere, isAtomicMap, isSet, itemKey, listKeys } from './list-keys.ts'

export interface Comparison {
  added: FieldSet
  modified: FieldSet
  removed: FieldSet
}

/** What the API server itself fills in belongs to nobody. */
const unowned = new Set([
  'f:apiVersion',
  'f:kind',
  ...['creationTimestamp', 'deletionGracePeriodSeconds', 'deletionTimestamp', 'generation', 'managedFields', 'name']
    .concat('namespace', 'resourceVersion', 'selfLink', 'uid')
    .map(name => joined(['f:metadata', `f:${name}`])),
])

type Side = 'added' | 'removed'

/** Which fields differ, as structured-merge-diff counts them: `compareWalker` in its `typed` package. */
export function compare(before: object | undefined, after: object | undefined): Comparison {
  const walk = new Walk()
  walk.visit(before ?? {}, after ?? {}, [], [])
  return { added: walk.added, modified: walk.modified, removed: walk.removed }
}

/** All fields that a configuration names (`ToFieldSet`): what an apply owns. */
export function fieldsOf(object: object): FieldSet {
  const found = new Set<string>()
  const visit = (value: unknown, elements: readonly string[], names: readonly string[], isItem: boolean): void => {
    const children = value === null ? undefined : childrenOf(value, names)
    if (unowned.has(joined(elements))) return
    if (elements.length > 0 && (isItem || !children || children.size === 0)) found.add(joined(elements))
    for (const [element, child] of children ?? []) {
      visit(child, [...elements, element], [...names, nameOf(element)], !element.startsWith('f:'))
    }
  }
  visit(object, [], [], false)
  return found
}

class Walk {
  readonly added = new Set<string>()
  readonly modified = new Set<string>()
  readonly removed = new Set<string>()

  visit(before: unknown, after: unknown, elements: readonly string[], names: readonly string[]): void {
    if (isNothing(before) && isNothing(after)) return
    if (isNothing(before) || isNothing(after)) {
      this.#only(isNothing(before) ? 'added' : 'removed', before ?? after, elements, names)
      return
    }
    const was = childrenOf(before, names)
    const is = childrenOf(after, names)
    if (!was || !is || was.size + is.size === 0) {
      if (!isDeepStrictEqual(before, after)) this.#add(this.modified, elements)
      return
    }
    for (const element of new Set([...was.keys(), ...is.keys()])) {
      this.visit(was.get(element), is.get(element), [...elements, element], [...names, nameOf(element)])
    }
  }

  #only(side: Side, value: unknown, elements: readonly string[], names: readonly string[]): void {
    if (!isAlwaysThere(names)) this.#add(this[side], elements)
    for (const [element, child] of childrenOf(value, names) ?? []) {
      const below = [
        [...elements, element],
        [...names, nameOf(element)],
      ] as const
      if (side === 'added') this.visit(undefined, child, ...below)
      else this.visit(child, undefined, ...below)
    }
  }

  #add(set: Set<string>, elements: readonly string[]): void {
    const path = joined(elements)
    if (elements.length > 0 && !unowned.has(path)) set.add(path)
  }
}

/** Below this value, by path element; undefined where it is one value. A list with items of no key is one value. */
export function childrenOf(value: unknown, names: readonly string[]): Map<string, unknown> | undefined {
  if (Array.isArray(value)) {
    if (isSet(names)) return new Map(value.map(item => [`v:${JSON.stringify(item)}`, item]))
    const keys = listKeys(names)
    if (!keys) return undefined
    const items = value.map(item => [itemKey(keys, item), item] as const)
    const isKeyed =
      items.every(([key]) => key !== undefined) && new Set(items.map(([key]) => key)).size === items.length
    return isKeyed ? new Map(items as [string, unknown][]) : undefined
  }
  if (!isRecord(value) || isAtomicMap(names)) return undefined
  return new Map(
    Object.entries(value)
      .filter(([, child]) => child !== undefined)
      .map(([name, child]) => [`f:${name}`, child]),
  )
}

export function nameOf(element: string): string {
  return element.startsWith('f:') ? element.slice(2) : '*'
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null
}
