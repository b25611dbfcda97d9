import { isDeepStrictEqual } from 'node:util'
import type { ManagedField } from '../../cluster/cluster.ts'
import { applyMerged, without } from '../fields/apply-merge.ts'
import { droppedByApply, ownedAfterApply, ownedAfterUpdate, type Writer } from '../fields/ownership.ts'
import { ApiError, alreadyExists, badRequest, invalid, modified, notFound, notServed } from '../store/api-error.ts'
import { type ApiObject, type ObjectKey, timestampOf } from '../store/api-object.ts'
import type { ObjectStore } from '../store/object-store.ts'
import { groupVersionOf, type ResourceType, resourceTypes } from '../store/resource-types.ts'
import { allocated } from './allocated.ts'
import { defaulted } from './defaults.ts'
import { deletionOf, finalizersOf, type RemoveOptions } from './deletion.ts'
import { problemsOf } from './validate.ts'

export interface RegistryParts {
  store: ObjectStore
  /** Milliseconds since the epoch. */
  now: () => number
  /** In [0, 1). */
  random: () => number
  uuid: () => string
  /** What of a pod's spec cannot be done here. */
  unsupported: (podSpec: ApiObject['spec']) => string[]
}

export interface WriteOptions {
  manager: string
  dryRun?: boolean
  subresource?: 'status' | 'scale'
}

/** Letters and digits that make no words. */
const suffixLetters = 'bcdfghjklmnpqrstvwxz2456789'

/**
 * Every write to an object, by people and by controllers alike: defaults, validation, versions, field ownership,
 * deletion. Fails with an {@link ApiError}.
 */
export class Registry {
  readonly store: ObjectStore
  readonly #parts: RegistryParts

  constructor(parts: RegistryParts) {
    this.store = parts.store
    this.#parts = parts
  }

  get(type: ResourceType, key: ObjectKey): ApiObject {
    const object = this.store.get(type, key)
    if (!object) throw notFound(type, key.name)
    return object
  }

  create(type: ResourceType, sent: ApiObject, options: WriteOptions): ApiObject {
    const { resourceVersion, generateName } = sent.metadata
    if (resourceVersion) throw new ApiError(500, '', 'resourceVersion should not be set on objects to be created')
    const name = sent.metadata.name || (generateName ? generateName + this.suffix(5) : '')
    const object = { ...sent, metadata: { ...sent.metadata, name } }
    this.#checkNamespace(type, object)
    const { owned, full } = this.#born(type, object)
    if (this.store.get(type, { namespace: full.metadata.namespace ?? '', name })) throw alreadyExists(type, name)
    const managedFields = ownedAfterUpdate(undefined, owned, this.#writer(options))
    return this.#stored(type, full, managedFields, options.dryRun)
  }

  /**
   * Replaces the object by what `change` makes of it. A resourceVersion in that must be the stored one. With the
   * subresource `status` only the status counts, else everything but that.
   */
  update(
    type: ResourceType,
    key: ObjectKey,
    change: (before: ApiObject) => ApiObject,
    options: WriteOptions,
  ): ApiObject {
    const before = this.get(type, key)
    const sent = change(before)
    this.#checkIdentity(type, before, sent)
    const managedFields = sent.metadata.managedFields ?? before.metadata.managedFields ?? []
    const wanted =
      options.subresource === 'status'
        ? { ...before, status: sent.status, metadata: { ...before.metadata, managedFields } }
        : this.#completed(type, { ...this.#kept(sent, before), ...statusOf(before) }, before)
    const generation = this.#generation(type, before, wanted)
    const next = { ...wanted, metadata: { ...wanted.metadata, ...(generation && { generation }) } }
    return this.#replaced(type, before, next, ownedAfterUpdate(before, next, this.#writer(options)), options.dryRun)
  }

  /** Server-side apply, from inside only: over HTTP it is not served. Conflicts are refused, never forced. */
  apply(type: ResourceType, config: ApiObject, options: WriteOptions): ApiObject {
    const writer: Writer = { ...this.#writer(options), operation: 'Apply' }
    const key = { namespace: config.metadata.namespace ?? '', name: config.metadata.name ?? '' }
    const before = this.store.get(type, key)
    if (!before) {
      this.#checkNamespace(type, config)
      const { owned, full } = this.#born(type, config)
      return this.#stored(type, full, ownedAfterApply(undefined, owned, config, writer), options.dryRun)
    }
    const merged = without(applyMerged(before, config), droppedByApply(before, config, writer)) as ApiObject
    const wanted = this.#completed(type, { ...this.#kept(merged, before), ...statusOf(before) }, before)
    const generation = this.#generation(type, before, wanted)
    const next = { ...wanted, metadata: { ...wanted.metadata, ...(generation && { generation }) } }
    return this.#replaced(type, before, next, ownedAfterApply(before, next, config, writer), options.dryRun)
  }

  /** The removed object, or the one that is now on its way out (a pod's grace period, finalizers). */
  remove(type: ResourceType, key: ObjectKey, options: RemoveOptions = {}): { object: ApiObject; isGone: boolean } {
    const before = this.get(type, key)
    const next = deletionOf(type, before, options, this.#parts.now())
    if (next && next !== before && !options.dryRun) return { object: this.store.put(type, next), isGone: false }
    if (next) return { object: next, isGone: false }
    if (!options.dryRun) this.store.remove(type, key)
    return { object: before, isGone: true }
  }

  /** Random letters, as `generateName` gets. */
  suffix(length: number): string {
    const letter = () => suffixLetters[Math.floor(this.#parts.random() * suffixLetters.length)]
    return Array.from({ length }, letter).join('')
  }

  /** Whole, and as far as it belongs to who made it. */
  #born(type: ResourceType, object: ApiObject): { owned: ApiObject; full: ApiObject } {
    const { deletionTimestamp: _deleted, deletionGracePeriodSeconds: _grace, ...metadata } = object.metadata
    const born = {
      ...object,
      apiVersion: groupVersionOf(type),
      kind: type.kind,
      metadata: {
        ...metadata,
        uid: this.#parts.uuid(),
        ...(type.counted && { generation: 1 }),
        creationTimestamp: timestampOf(this.#parts.now()),
      },
    }
    return this.#typed(type, () => {
      const owned = defaulted(type, born, undefined)
      const full = allocated(type, owned, () => this.#freeClusterIp())
      this.#check(type, full, undefined)
      return { owned, full }
    })
  }

  /** What a writer cannot change, whatever was sent. */
  #kept(sent: ApiObject, before: ApiObject): ApiObject {
    const { creationTimestamp, generation, deletionTimestamp, deletionGracePeriodSeconds } = before.metadata
    const fixed = { creationTimestamp, generation, deletionTimestamp, deletionGracePeriodSeconds }
    const known = Object.fromEntries(Object.entries(fixed).filter(([, value]) => value !== undefined))
    const { deletionTimestamp: _deleted, ...metadata } = sent.metadata
    const uid = metadata.uid || before.metadata.uid
    const { apiVersion, kind } = before
    return { ...sent, apiVersion, kind, metadata: { ...metadata, namespace: before.metadata.namespace, uid, ...known } }
  }

  #completed(type: ResourceType, object: ApiObject, before: ApiObject): ApiObject {
    return this.#typed(type, () => {
      const full = defaulted(type, object, before)
      this.#check(type, full, before)
      return full
    })
  }

  #check(type: ResourceType, object: ApiObject, before: ApiObject | undefined): void {
    const problems = problemsOf(type, object, before)
    if (problems.length > 0) throw invalid(type, object.metadata.name ?? '', problems)
    this.#refuseUnsupported(type, object, before)
  }

  /** A list where a map belongs, and the like, is the sender's fault. */
  #typed<T>(type: ResourceType, work: () => T): T {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      throw badRequest(
        `${type.kind} in version "${type.version}" cannot be handled as a ${type.kind}: ${error.message}`,
      )
    }
  }

  #refuseUnsupported(type: ResourceType, object: ApiObject, before: ApiObject | undefined): void {
    const specOf = (from: ApiObject | undefined) => (type.kind === 'Pod' ? from?.spec : from?.spec?.template?.spec)
    const spec = specOf(object)
    if (!spec || (before && isDeepStrictEqual(spec, specOf(before)))) return
    const refused = this.#parts.unsupported(spec)
    if (refused.length > 0) throw notServed(`pods like this: ${refused.join('; ')}`)
  }

  #generation(type: ResourceType, before: ApiObject, after: ApiObject): number | undefined {
    if (!type.counted) return before.metadata.generation
    const content = ({ metadata: _metadata, status: _status, spec, ...rest }: ApiObject) => {
      // that a pod got its node is no change of what was wanted
      const { nodeName: _node, ...wanted } = spec ?? {}
      return { ...rest, spec: type.kind === 'Pod' ? wanted : spec }
    }
    const isSame = isDeepStrictEqual(content(before), content(after))
    return (before.metadata.generation ?? 0) + (isSame ? 0 : 1)
  }

  #replaced(
    type: ResourceType,
    before: ApiObject,
    next: ApiObject,
    managedFields: ManagedField[],
    dryRun: boolean | undefined,
  ): ApiObject {
    const { resourceVersion } = before.metadata
    const full = { ...next, metadata: { ...next.metadata, managedFields, resourceVersion } } as ApiObject
    if (isDeepStrictEqual(full, before)) return before
    const isHeld = type.kind === 'Pod' || finalizersOf(type, full).length > 0
    const isOver = full.metadata.deletionTimestamp && !isHeld
    if (dryRun) return full
    if (!isOver) return this.store.put(type, full)
    const { namespace = '', name = '' } = full.metadata
    return this.store.remove(type, { namespace, name }) ?? full
  }

  #stored(
    type: ResourceType,
    object: ApiObject,
    managedFields: ManagedField[],
    dryRun: boolean | undefined,
  ): ApiObject {
    const full = { ...object, metadata: { ...object.metadata, managedFields } }
    return dryRun ? full : this.store.put(type, full)
  }

  #checkNamespace(type: ResourceType, { metadata }: ApiObject): void {
    if (!type.namespaced) return
    const name = metadata.namespace ?? ''
    const namespace = this.get(resourceTypes.Namespace, { namespace: '', name })
    if (!namespace.metadata.deletionTimestamp) return
    const why = `unable to create new content in namespace ${name} because it is being terminated`
    throw new ApiError(403, 'Forbidden', `${type.plural} "${metadata.name}" is forbidden: ${why}`)
  }

  #checkIdentity(type: ResourceType, { metadata: before }: ApiObject, { metadata: sent }: ApiObject): void {
    if (sent.name !== before.name) {
      throw badRequest(`the name of the object (${sent.name}) does not match the name on the URL (${before.name})`)
    }
    if (sent.resourceVersion && sent.resourceVersion !== before.resourceVersion) throw modified(type, before.name ?? '')
  }

  #writer({ manager, subresource }: WriteOptions): Writer {
    const time = timestampOf(this.#parts.now())
    return { manager, operation: 'Update', time, ...(subresource && { subresource }) }
  }

  #freeClusterIp(): string {
    const taken = new Set(this.store.list(resourceTypes.Service).map(({ spec }) => spec.clusterIP))
    for (;;) {
      const byte = () => Math.floor(this.#parts.random() * 254) + 1
      const address = `10.96.${byte()}.${byte()}`
      if (!taken.has(address)) return address
    }
  }
}

function statusOf({ status }: ApiObject): { status?: ApiObject['status'] } {
  return status === undefined ? {} : { status }
}
