import type { ManagedField } from '../../cluster/cluster.ts'
import { ApiError } from '../store/api-error.ts'
import type { ApiObject } from '../store/api-object.ts'
import { type Comparison, compare, fieldsOf } from './compare.ts'
import { difference, type FieldSet, fromFieldsV1, intersection, readable, toFieldsV1, union } from './field-set.ts'

export interface Writer {
  manager: string
  operation: 'Update' | 'Apply'
  /** `status` or `scale`. */
  subresource?: string
  /** As `metadata.managedFields` has it. */
  time: string
}

interface Owner {
  entry: ManagedField
  fields: FieldSet
}

/**
 * `metadata.managedFields` after an update: who changes a field owns it alone, who removes one leaves no owner, an owner
 * of nothing goes. `after.metadata.managedFields` is what the writer sent: it replaces what stood there, and an empty
 * list or a single empty entry forgets all owners.
 */
export function ownedAfterUpdate(before: ApiObject | undefined, after: ApiObject, writer: Writer): ManagedField[] {
  const sent = after.metadata.managedFields ?? before?.metadata.managedFields ?? []
  const { added, modified, removed } = compared(before, after, writer)
  const taken = union(added, modified)
  const owners = read(sent)
  const own = owners.find(({ entry }) => isOf(entry, writer))
  const left = owners
    .filter(owner => owner !== own)
    .map(({ entry, fields }) => ({ entry, fields: difference(fields, taken, removed) }))
  const fields = union(difference(own?.fields ?? new Set(), removed), taken)
  // who only removes fields is not seen in the time of an entry
  const entry = own && taken.size === 0 ? own.entry : { ...own?.entry, ...newEntry(after, writer) }
  return written([...left, { entry, fields }])
}

/** The status is written through its own subresource only: whatever else changes it owns nothing of it. */
function compared(before: ApiObject | undefined, after: ApiObject, { subresource }: Writer): Comparison {
  if (subresource === 'status') return compare(before, after)
  const { status: _was, ...old } = before ?? {}
  const { status: _is, ...next } = after
  return compare(before && old, next)
}

/** After a server-side apply of `config`. Throws the real 409 where it changes what somebody else owns. */
export function ownedAfterApply(
  before: ApiObject | undefined,
  after: ApiObject,
  config: ApiObject,
  writer: Writer,
): ManagedField[] {
  const owners = read(before?.metadata.managedFields ?? [])
  const own = owners.find(({ entry }) => isOf(entry, writer))
  const { added, modified } = compared(before, after, writer)
  const applied = fieldsOf(config)
  const wanted = intersection(union(added, modified), applied)
  const others = owners.filter(owner => owner !== own)
  const conflicts = before
    ? others.flatMap(({ entry, fields }) => [...intersection(fields, wanted)].map(path => ({ entry, path })))
    : []
  if (conflicts.length > 0) throw applyConflict(conflicts)
  const isNews = !own || added.size + modified.size > 0 || !isSameSet(own.fields, applied)
  return written([...others, { entry: isNews ? newEntry(after, writer) : own.entry, fields: applied }])
}

/** What only this apply owned and no more names. */
export function droppedByApply(before: ApiObject, config: ApiObject, writer: Writer): FieldSet {
  const owners = read(before.metadata.managedFields ?? [])
  const own = owners.find(({ entry }) => isOf(entry, writer))
  if (!own) return new Set()
  const others = owners.filter(owner => owner !== own).map(({ fields }) => fields)
  return difference(own.fields, fieldsOf(config), ...others)
}

function applyConflict(conflicts: { entry: ManagedField; path: string }[]): ApiError {
  const causes = conflicts.map(({ entry, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with "${entry.manager}" using ${entry.apiVersion}`,
    field: readable(path),
  }))
  const count = causes.length === 1 ? '1 conflict' : `${causes.length} conflicts`
  const said = causes.map(({ message, field }) => `${message}: ${field}`).join(', ')
  return new ApiError(409, 'Conflict', `Apply failed with ${count}: ${said}`, { causes })
}

function read(entries: ManagedField[]): Owner[] {
  return entries
    .filter(entry => Object.keys(entry).length > 0)
    .map(entry => ({ entry, fields: fromFieldsV1(entry.fieldsV1) }))
}

function isSameSet(a: FieldSet, b: FieldSet): boolean {
  return a.size === b.size && [...a].every(path => b.has(path))
}

function written(owners: Owner[]): ManagedField[] {
  return owners
    .filter(({ fields }) => fields.size > 0)
    .map(({ entry, fields }) => ({ ...entry, fieldsType: 'FieldsV1', fieldsV1: toFieldsV1(fields) }))
    .sort((a, b) => {
      if (a.operation !== b.operation) return a.operation === 'Apply' ? -1 : 1
      // never by who wrote last: two controllers that change nothing would each put themselves last, for ever
      return orderOf(a) < orderOf(b) ? -1 : orderOf(a) > orderOf(b) ? 1 : 0
    })
}

/** As the API server's `sortEncodedManagedFields` has it, after the operation. */
function orderOf({ time = '', manager = '', apiVersion = '', subresource = '' }: ManagedField): string {
  return [time, manager, apiVersion, subresource].join('\0')
}

function newEntry({ apiVersion = '' }: ApiObject, { manager, operation, subresource, time }: Writer): ManagedField {
  // the real scale subresource leaves the time out
  const stamp = subresource === 'scale' ? {} : { time }
  return { manager, operation, apiVersion, ...stamp, fieldsType: 'FieldsV1', ...(subresource && { subresource }) }
}

function isOf(entry: ManagedField, { manager, operation, subresource }: Writer): boolean {
  return entry.manager === manager && entry.operation === operation && entry.subresource === subresource
}
