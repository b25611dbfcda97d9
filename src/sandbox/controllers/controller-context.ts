import type { Registry } from '../registry/registry.ts'
import { type ApiObject, controllerReference, isOwnedBy, keyOf, timestampOf } from '../store/api-object.ts'
import type { ObjectStore } from '../store/object-store.ts'
import { type ResourceType, resourceTypes } from '../store/resource-types.ts'
import type { ControlLoop } from './control-loop.ts'
import type { EventRecorder } from './event-recorder.ts'

/** Under which the controllers stand in `managedFields`, as in the cluster that was compared with. */
const manager = 'controllers'

export interface ContextParts {
  registry: Registry
  loop: ControlLoop
  events: EventRecorder
  now: () => number
}

/** What the controllers share. */
export class ControllerContext {
  readonly registry: Registry
  readonly store: ObjectStore
  readonly loop: ControlLoop
  readonly events: EventRecorder
  readonly now: () => number

  constructor({ registry, loop, events, now }: ContextParts) {
    this.registry = registry
    this.store = registry.store
    this.loop = loop
    this.events = events
    this.now = now
  }

  time(): string {
    return timestampOf(this.now())
  }

  /** Those of this kind that the object controls. */
  ownedBy(owner: ApiObject, type: ResourceType): ApiObject[] {
    return this.store.list(type, owner.metadata.namespace).filter(object => isOwnedBy(object, owner))
  }

  create(type: ResourceType, object: ApiObject): ApiObject {
    return this.registry.create(type, object, { manager })
  }

  update(type: ResourceType, object: ApiObject, change: (before: ApiObject) => ApiObject): ApiObject {
    return this.registry.update(type, keyOf(object), change, { manager })
  }

  /** Writes nothing where the status is the same. */
  setStatus(type: ResourceType, object: ApiObject, status: object): void {
    const options = { manager, subresource: 'status' } as const
    this.registry.update(type, keyOf(object), before => ({ ...before, status }), options)
  }

  remove(type: ResourceType, object: ApiObject): void {
    this.registry.remove(type, keyOf(object))
  }

  /** A pod of an owner's template. Fails as the API refuses it. */
  createPod(owner: ApiObject, metadata: ApiObject['metadata'], spec: ApiObject['spec']): ApiObject {
    const { namespace } = owner.metadata
    const ownerReferences = [controllerReference(owner)]
    return this.create(resourceTypes.Pod, { metadata: { ...metadata, namespace, ownerReferences }, spec })
  }
}

/** Values that say nothing are left out of a status. */
export function withoutZeros<T extends object>(counts: T): Partial<T> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)) as Partial<T>
}
