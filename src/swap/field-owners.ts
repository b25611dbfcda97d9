import type { KubeObject, ManagedField } from '../cluster/cluster.ts'
import { fieldManager } from './record.ts'

/** `managedFields` entries are trees of `f:<name>`; these are the fields that a swap changes. */
interface FieldTree {
  [key: string]: FieldTree
}

const swappedFields = [
  ['f:spec', 'f:replicas'],
  ['f:spec', 'f:persistentVolumeClaimRetentionPolicy', 'f:whenScaled'],
]

/**
 * Who owns the fields that a swap changes: changing them takes them away from their owners. Each entry holds those
 * fields and nothing else.
 */
export function ownersOf(workload: KubeObject): ManagedField[] {
  const owners: ManagedField[] = []
  for (const entry of workload.metadata.managedFields ?? []) {
    const fieldsV1: FieldTree = {}
    for (const path of swappedFields) {
      if (holds(entry.fieldsV1 as FieldTree | undefined, path)) add(fieldsV1, path)
    }
    if (Object.keys(fieldsV1).length > 0) owners.push({ ...entry, fieldsV1 })
  }
  return owners
}

/** Who set the replicas last. */
export interface Scaler {
  /** Name in `managedFields`; undefined where that tells nothing. */
  manager?: string
  /** Through the scale subresource: `kubectl scale`, or an autoscaler. */
  scales: boolean
}

export function scalerOf(workload: KubeObject): Scaler {
  const replicas = ['f:spec', 'f:replicas']
  const owners = (workload.metadata.managedFields ?? []).filter(({ fieldsV1 }) =>
    holds(fieldsV1 as FieldTree, replicas),
  )
  const [owner] = owners.filter(({ manager }) => manager !== fieldManager)
  const scales = owner?.subresource === 'scale'
  // every controller of a cluster may go by one name
  const isNamed = owner?.manager !== undefined && !(scales && owner.manager === 'controllers')
  return { scales, ...(isNamed && { manager: owner.manager }) }
}

/**
 * The entries with the owners' fields given back, so that their next server-side apply finds what it left. A field that
 * somebody owns by now has been set meanwhile, and stays theirs.
 */
export function withOwners(entries: ManagedField[], owners: ManagedField[]): ManagedField[] {
  const result = entries.map(entry => ({ ...entry }))
  const taken = swappedFields.filter(path => entries.some(({ fieldsV1 }) => holds(fieldsV1 as FieldTree, path)))
  for (const owner of owners) {
    const fields: FieldTree = {}
    for (const path of swappedFields) {
      if (!taken.includes(path) && holds(owner.fieldsV1 as FieldTree, path)) add(fields, path)
    }
    const own = result.find(entry => isSame(entry, owner))
    if (own) own.fieldsV1 = merged((own.fieldsV1 ?? {}) as FieldTree, fields)
    else if (Object.keys(fields).length > 0) result.push({ ...owner, fieldsV1: fields })
  }
  return result
}

function isSame(a: ManagedField, b: ManagedField): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.apiVersion === b.apiVersion &&
    a.subresource === b.subresource
  )
}

function holds(tree: FieldTree | undefined, path: string[]): boolean {
  let at = tree
  for (const key of path) at = at?.[key]
  return at !== undefined
}

function add(tree: FieldTree, path: string[]): void {
  let at = tree
  for (const key of path) {
    at[key] ??= {}
    at = at[key]
  }
}

function merged(a: FieldTree, b: FieldTree): FieldTree {
  const result = { ...a }
  for (const [key, value] of Object.entries(b)) result[key] = merged(result[key] ?? {}, value)
  return result
}
