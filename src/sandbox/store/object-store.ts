import { ApiError } from './api-error.ts'
import { type ApiObject, keyOf, type ObjectKey } from './api-object.ts'
import type { ResourceType } from './resource-types.ts'

export interface Change {
  type: 'ADDED' | 'MODIFIED' | 'DELETED'
  kind: string
  /** Absent for ADDED. */
  before?: ApiObject
  /** For DELETED the last state, with the version of the deletion. */
  object: ApiObject
  version: number
}

/** So many changes can be watched from the past; older versions answer 410. */
const historyLengthMax = 2_000
const objectsMaxDefault = 20_000

/**
 * All objects, in memory. Each change has a version of one sequence; listeners are called in that order, after the
 * change, and must not write from within.
 */
export class ObjectStore {
  readonly #objects = new Map<string, Map<string, ApiObject>>()
  readonly #listeners = new Set<(change: Change) => void>()
  #history: Change[] = []
  #version = 1_000
  /** Versions up to this one are forgotten. */
  #forgotten = 1_000
  #count = 0
  readonly #objectsMax: number

  constructor(options: { objectsMax?: number } = {}) {
    this.#objectsMax = options.objectsMax ?? objectsMaxDefault
  }

  get version(): number {
    return this.#version
  }

  get(type: ResourceType, key: ObjectKey): ApiObject | undefined {
    return this.#objects.get(type.kind)?.get(idOf(key))
  }

  /** By namespace and name; an empty namespace means all of them. */
  list(type: ResourceType, namespace = ''): ApiObject[] {
    const found: ApiObject[] = []
    for (const object of this.#objects.get(type.kind)?.values() ?? []) {
      if (namespace === '' || object.metadata.namespace === namespace) found.push(object)
    }
    return found.sort((a, b) => (idOf(keyOf(a)) < idOf(keyOf(b)) ? -1 : 1))
  }

  put(type: ResourceType, object: ApiObject): ApiObject {
    const objects = this.#objects.get(type.kind) ?? new Map<string, ApiObject>()
    this.#objects.set(type.kind, objects)
    const id = idOf(keyOf(object))
    const before = objects.get(id)
    if (!before && this.#count >= this.#objectsMax) {
      throw new ApiError(507, 'InsufficientStorage', `the podswap sandbox holds at most ${this.#objectsMax} objects`)
    }
    this.#count += before ? 0 : 1
    this.#version += 1
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } }
    objects.set(id, stored)
    const change = { kind: type.kind, object: stored, version: this.#version }
    this.#tell(before ? { type: 'MODIFIED', before, ...change } : { type: 'ADDED', ...change })
    return stored
  }

  remove(type: ResourceType, key: ObjectKey): ApiObject | undefined {
    const before = this.get(type, key)
    if (!before) return undefined
    this.#objects.get(type.kind)?.delete(idOf(key))
    this.#count -= 1
    this.#version += 1
    const object = { ...before, metadata: { ...before.metadata, resourceVersion: String(this.#version) } }
    this.#tell({ type: 'DELETED', kind: type.kind, before, object, version: this.#version })
    return object
  }

  /** Everything after `version`, or undefined where that is forgotten. */
  since(version: number): Change[] | undefined {
    return version < this.#forgotten ? undefined : this.#history.filter(change => change.version > version)
  }

  /** The oldest version that can still be watched from. */
  get oldest(): number {
    return this.#forgotten
  }

  /** Forgets all of the past, as etcd does when it compacts. */
  forget(): void {
    this.#history = []
    this.#version += 1
    this.#forgotten = this.#version
  }

  listen(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #tell(change: Change): void {
    this.#history.push(change)
    if (this.#history.length > historyLengthMax * 1.1) {
      this.#forgotten = this.#history[this.#history.length - historyLengthMax - 1]?.version ?? this.#forgotten
      this.#history = this.#history.slice(-historyLengthMax)
    }
    for (const listener of this.#listeners) listener(change)
  }
}

function idOf({ namespace, name }: ObjectKey): string {
  return `${namespace}/${name}`
}
