import type { Duplex } from 'node:stream'
import type {
  Cluster,
  ExecStream,
  Kind,
  KubeObject,
  ListOptions,
  WatchEvent,
  WatchOptions,
  WriteOptions,
  Written,
} from '../../../src/cluster/cluster.ts'
import { refusalOf } from '../../../src/cluster/refusal.ts'
import { apiVersionOf, resourceOf } from '../../../src/cluster/resources.ts'
import type { UserError } from '../../../syncer/base/errors.ts'
import { ownFields } from './managed-fields.ts'
import { MemoryControllers } from './memory-controllers.ts'
import { matches } from './selectors.ts'

interface Watcher {
  kind: Kind
  options: ListOptions
  queue: WatchEvent[]
  wake: () => void
}

/**
 * An API server and its controllers in memory, as far as the swap can tell the difference; the contract suite is run on
 * it and on a real one.
 */
export class MemoryCluster implements Cluster {
  readonly namespace = 'test'
  readonly context = 'memory'
  readonly server = 'https://memory.test'
  readonly apiGroups = new Set(['apps'])
  /** `Warning` headers for a write; Pod Security speaks through them. */
  warn: (kind: Kind, object: KubeObject) => string[] = () => []
  /** How far its clock is ahead of ours. */
  aheadMs = 0
  /** Verb and kind of what the person has no right to. */
  denies: (verb: string, kind: Kind) => boolean = () => false
  log: (pod: string, container: string) => string = () => ''
  readonly controllers: MemoryControllers
  readonly #objects = new Map<Kind, Map<string, KubeObject>>()
  readonly #watchers = new Set<Watcher>()
  #version = 1000
  #uids = 0

  constructor() {
    this.controllers = new MemoryControllers(this)
  }

  async get(kind: Kind, name: string): Promise<KubeObject> {
    await this.#asked('get', kind)
    const object = this.peek(kind, name)
    if (!object) throw this.#refusal(404, 'NotFound', `${resourceOf(kind).plural} "${name}" not found`)
    return object
  }

  async find(kind: Kind, name: string): Promise<KubeObject | null> {
    await this.#asked('get', kind)
    return this.peek(kind, name) ?? null
  }

  async list(kind: Kind, options: ListOptions = {}): Promise<KubeObject[]> {
    await this.#asked('list', kind)
    return this.all(kind).filter(object => matches(object, options))
  }

  async create(kind: Kind, object: KubeObject, options: WriteOptions = {}): Promise<Written> {
    await this.#asked('create', kind)
    options.signal?.throwIfAborted()
    const warnings = this.warn(kind, object)
    return { object: this.put(kind, object, 'podswap', options.dryRun), warnings }
  }

  async patch(kind: Kind, name: string, patch: object, options: WriteOptions = {}): Promise<Written> {
    await this.#asked('patch', kind)
    options.signal?.throwIfAborted()
    const before = this.peek(kind, name)
    if (!before) throw this.#refusal(404, 'NotFound', `${resourceOf(kind).plural} "${name}" not found`)
    const wanted = mergePatched(before, patch) as KubeObject
    if (wanted.metadata.resourceVersion !== before.metadata.resourceVersion) {
      throw this.#refusal(409, 'Conflict', `${name}: the object has been modified`)
    }
    if (wanted.metadata.uid !== before.metadata.uid) {
      throw this.#refusal(422, 'Invalid', `${name}: metadata.uid: field is immutable`)
    }
    const warnings = this.warn(kind, wanted)
    return { object: this.put(kind, wanted, 'podswap', options.dryRun, before), warnings }
  }

  async replace(kind: Kind, object: KubeObject, options: WriteOptions = {}): Promise<Written> {
    await this.#asked('update', kind)
    options.signal?.throwIfAborted()
    const { name = '', uid, resourceVersion } = object.metadata
    const before = this.peek(kind, name)
    const was = before?.metadata ?? {}
    if (!before || (uid ?? was.uid) !== was.uid || (resourceVersion ?? was.resourceVersion) !== was.resourceVersion) {
      throw this.#refusal(409, 'Conflict', `${name}: the object has been modified`)
    }
    const { uid: own, resourceVersion: version, managedFields } = was
    const wanted = { ...object, metadata: { managedFields, ...object.metadata, uid: own, resourceVersion: version } }
    return { object: this.put(kind, wanted, 'podswap', options.dryRun, before), warnings: this.warn(kind, wanted) }
  }

  async delete(
    kind: Kind,
    name: string,
    preconditions: { uid?: string; resourceVersion?: string } = {},
  ): Promise<void> {
    await this.#asked('delete', kind)
    const object = this.peek(kind, name)
    if (!object) return
    const { uid, resourceVersion } = object.metadata
    if ((preconditions.uid ?? uid) !== uid || (preconditions.resourceVersion ?? resourceVersion) !== resourceVersion) {
      throw this.#refusal(409, 'Conflict', `${name}: the precondition does not match`)
    }
    this.remove(kind, name)
  }

  async watch(kind: Kind, options: WatchOptions, on: (event: WatchEvent) => void): Promise<void> {
    await this.#asked('watch', kind)
    const { signal } = options
    if (signal.aborted) return
    const watcher: Watcher = { kind, options, queue: [], wake: () => {} }
    for (const object of this.all(kind)) {
      if (matches(object, options)) watcher.queue.push({ type: 'ADDED', object })
    }
    const listed = watcher.queue.splice(0)
    this.#watchers.add(watcher)
    const wake = () => watcher.wake()
    signal.addEventListener('abort', wake)
    try {
      for (const event of listed) on(event)
      options.listed?.()
      while (!signal.aborted) {
        const event = watcher.queue.shift()
        if (event) on(event)
        else {
          await new Promise<void>(resolve => {
            watcher.wake = resolve
          })
        }
      }
    } finally {
      signal.removeEventListener('abort', wake)
      this.#watchers.delete(watcher)
    }
  }

  exec(): Promise<ExecStream> {
    throw new Error('nothing runs in a memory cluster')
  }

  portForward(): Promise<Duplex> {
    throw new Error('nothing runs in a memory cluster')
  }

  async logs(pod: string, { container }: { container: string }): Promise<string> {
    return this.log(pod, container)
  }

  async hasApiGroup(group: string): Promise<boolean> {
    return this.apiGroups.has(group)
  }

  serverTimeMs(): number {
    return Date.now() + this.aheadMs
  }

  close(): void {
    this.controllers.stop()
  }

  /** `kubectl apply --server-side` of a Deployment: refused where somebody else owns a field that it changes. */
  applyServerSide(object: KubeObject): KubeObject {
    const kind = object.kind as Kind
    const before = this.peek(kind, object.metadata.name ?? '')
    const after = before
      ? (mergePatched(before, { metadata: object.metadata, spec: object.spec }) as KubeObject)
      : object
    const foreign = (before?.metadata.managedFields ?? []).find(({ manager, fieldsV1 }) => {
      const owned = fieldsV1 as { 'f:spec'?: Record<string, object> } | undefined
      return manager !== 'kubectl' && owned?.['f:spec']?.['f:replicas']
    })
    if (foreign && before?.spec.replicas !== after.spec.replicas) {
      throw this.#refusal(
        409,
        'Conflict',
        `Apply failed with 1 conflict: conflict with "${foreign.manager}": .spec.replicas`,
      )
    }
    const made = this.put(kind, after, 'kubectl', false, before)
    const managedFields = (made.metadata.managedFields ?? []).map(entry =>
      entry.manager === 'kubectl' ? { ...entry, operation: 'Apply' } : entry,
    )
    return this.store(kind, { ...made, metadata: { ...made.metadata, managedFields } })
  }

  /** A write by somebody else: a person with kubectl, a GitOps controller. */
  edit(kind: Kind, name: string, patch: object, manager = 'kubectl-edit'): KubeObject {
    const before = this.peek(kind, name) as KubeObject
    return this.put(kind, mergePatched(before, patch) as KubeObject, manager, false, before)
  }

  peek(kind: Kind, name: string): KubeObject | undefined {
    const object = this.#objects.get(kind)?.get(name)
    return object && structuredClone(object)
  }

  all(kind: Kind): KubeObject[] {
    return [...(this.#objects.get(kind)?.values() ?? [])].map(object => structuredClone(object))
  }

  /** Creates, or replaces `before`, with all that the API server adds. */
  put(kind: Kind, object: KubeObject, manager: string, dryRun = false, before?: KubeObject): KubeObject {
    const { name = '' } = object.metadata
    if (!before && this.peek(kind, name)) {
      throw this.#refusal(409, 'AlreadyExists', `${resourceOf(kind).plural} "${name}" already exists`)
    }
    this.#validate(kind, object)
    const after = structuredClone(object)
    if (kind === 'Deployment' || kind === 'StatefulSet') after.spec.replicas ??= 1
    Object.assign(after, { apiVersion: apiVersionOf(kind), kind })
    const isSpecSame = JSON.stringify(before?.spec) === JSON.stringify(after.spec)
    if (!before) this.#uids += 1
    const fields = ownFields(before, after, object.metadata.managedFields ?? [], {
      manager,
      time: new Date(this.serverTimeMs()).toISOString(),
    })
    after.metadata = {
      ...after.metadata,
      namespace: this.namespace,
      uid: before?.metadata.uid ?? `uid-${this.#uids}`,
      creationTimestamp:
        before?.metadata.creationTimestamp ?? new Date(1_800_000_000_000 + this.#uids * 1000).toISOString(),
      generation: (before?.metadata.generation ?? 0) + (isSpecSame ? 0 : 1),
      managedFields: fields,
    }
    const isSame = before && JSON.stringify(before) === JSON.stringify(after)
    if (dryRun || isSame) return after
    return this.store(kind, after)
  }

  store(kind: Kind, object: KubeObject): KubeObject {
    const { name = '' } = object.metadata
    const objects = this.#objects.get(kind) ?? new Map<string, KubeObject>()
    this.#objects.set(kind, objects)
    const before = objects.get(name)
    this.#version += 1
    const stored = structuredClone({ ...object, metadata: { ...object.metadata, resourceVersion: `${this.#version}` } })
    objects.set(name, stored)
    this.#tell(kind, before, stored)
    return structuredClone(stored)
  }

  remove(kind: Kind, name: string): void {
    const object = this.#objects.get(kind)?.get(name)
    this.#objects.get(kind)?.delete(name)
    if (object) this.#tell(kind, object, undefined)
  }

  #tell(kind: Kind, before: KubeObject | undefined, after: KubeObject | undefined): void {
    for (const watcher of this.#watchers) {
      if (watcher.kind !== kind) continue
      const was = before !== undefined && matches(before, watcher.options)
      const is = after !== undefined && matches(after, watcher.options)
      const object = structuredClone((is ? after : before) as KubeObject)
      if (is) watcher.queue.push({ type: was ? 'MODIFIED' : 'ADDED', object })
      else if (was) watcher.queue.push({ type: 'DELETED', object })
      watcher.wake()
    }
    this.controllers.changed()
  }

  async #asked(verb: string, kind: Kind): Promise<void> {
    await tick()
    if (!this.denies(verb, kind)) return
    const { group, plural } = resourceOf(kind)
    const where = { server: this.server, context: this.context, namespace: this.namespace }
    const body = JSON.stringify({ reason: 'Forbidden', message: `cannot ${verb} ${plural}` })
    throw refusalOf(403, body, { verb, group, resource: plural }, where)
  }

  #validate(kind: Kind, object: KubeObject): void {
    if (kind !== 'Deployment' && kind !== 'StatefulSet') return
    const labels = object.spec?.template?.metadata?.labels ?? {}
    const wanted: Record<string, string> = object.spec?.selector?.matchLabels ?? {}
    if (Object.entries(wanted).every(([key, value]) => labels[key] === value)) return
    throw this.#refusal(422, 'Invalid', '`selector` does not match template `labels`')
  }

  #refusal(status: number, reason: string, message: string): UserError {
    const where = { server: this.server, context: this.context, namespace: this.namespace }
    return refusalOf(status, JSON.stringify({ reason, message }), { verb: '', group: '', resource: '' }, where)
  }
}

/** Never answers in the same turn: callers that depend on it would be wrong on a network. */
function tick(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

/** RFC 7386. */
export function mergePatched(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const isObject = typeof target === 'object' && target !== null && !Array.isArray(target)
  const result: Record<string, unknown> = isObject ? { ...(target as object) } : {}
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else result[key] = mergePatched(result[key], value)
  }
  return result
}
