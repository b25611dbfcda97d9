import type { KubeObject, ManagedField } from '../../../src/cluster/cluster.ts'

interface Tree {
  [key: string]: Tree
}

/**
 * Field ownership as the API server keeps it, as far as the swap depends on it: who changes a field owns it alone, who
 * removes one leaves no owner, an entry without fields goes. Lists are one field.
 */
export function ownFields(
  before: KubeObject | undefined,
  after: KubeObject,
  entries: ManagedField[],
  { manager, time }: { manager: string; time: string },
): ManagedField[] {
  const was = leaves(before)
  const is = leaves(after)
  const changed = [...is.keys()].filter(path => is.get(path) !== was.get(path))
  const removed = [...was.keys()].filter(path => !is.has(path))
  const result = entries
    .map(entry => ({ ...entry, fieldsV1: structuredClone(entry.fieldsV1 ?? {}) as Tree }))
    .filter(entry => Object.keys(entry).length > 1 || Object.keys(entry.fieldsV1).length > 0)
  for (const entry of result) {
    const isOurs = entry.manager === manager && entry.operation === 'Update'
    for (const path of isOurs ? removed : [...removed, ...changed]) remove(entry.fieldsV1, path.split('\0'))
  }
  if (changed.length > 0) {
    let own = result.find(entry => entry.manager === manager && entry.operation === 'Update')
    if (!own) {
      own = {
        manager,
        operation: 'Update',
        apiVersion: 'apps/v1',
        time,
        fieldsType: 'FieldsV1',
        fieldsV1: {},
      }
      result.push(own)
    }
    own.time = time
    for (const path of changed) add(own.fieldsV1, path.split('\0'))
  }
  return result.filter(({ fieldsV1 }) => Object.keys(fieldsV1).length > 0)
}

/** Paths of all leaves that are owned, with their values as text. */
function leaves(object: KubeObject | undefined): Map<string, string> {
  const found = new Map<string, string>()
  const walk = (value: unknown, path: string[]) => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0) {
      for (const [key, item] of Object.entries(value)) walk(item, [...path, `f:${key}`])
    } else if (value !== undefined) found.set(path.join('\0'), JSON.stringify(value))
  }
  if (object) {
    walk(object.spec, ['f:spec'])
    if (object.metadata.labels) walk(object.metadata.labels, ['f:metadata', 'f:labels'])
    if (object.metadata.annotations) walk(object.metadata.annotations, ['f:metadata', 'f:annotations'])
  }
  return found
}

function add(tree: Tree, path: string[]): void {
  let at = tree
  for (const key of path) {
    at[key] ??= {}
    at = at[key]
  }
}

function remove(tree: Tree, [key = '', ...rest]: string[]): void {
  const below = tree[key]
  if (!below) return
  if (rest.length > 0) remove(below, rest)
  if (Object.keys(below).length === 0 || rest.length === 0) delete tree[key]
}
