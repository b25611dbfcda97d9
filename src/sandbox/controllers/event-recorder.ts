import type { Registry } from '../registry/registry.ts'
import { type ApiObject, timestampOf } from '../store/api-object.ts'
import { resourceTypes } from '../store/resource-types.ts'

export interface Happening {
  type: 'Normal' | 'Warning'
  reason: string
  message: string
  /** `spec.containers{app}` */
  fieldPath?: string
}

const eventsPerNamespaceMax = 1_000
const messageLengthMax = 1_024

/** Writes Events; the same happening again is counted, not written twice. */
export class EventRecorder {
  readonly #registry: Registry
  readonly #now: () => number

  constructor(registry: Registry, now: () => number) {
    this.#registry = registry
    this.#now = now
  }

  record(about: ApiObject, component: string, happening: Happening): void {
    const namespace = about.metadata.namespace ?? ''
    const events = this.#registry.store.list(resourceTypes.Event, namespace)
    const time = timestampOf(this.#now())
    const message = happening.message.slice(0, messageLengthMax)
    const before = events.find(
      event =>
        event.involvedObject.uid === about.metadata.uid &&
        event.involvedObject.fieldPath === happening.fieldPath &&
        event.reason === happening.reason &&
        event.message === message,
    )
    const options = { manager: component }
    if (before) {
      const again = { ...before, count: (before.count ?? 1) + 1, lastTimestamp: time }
      const key = { namespace, name: before.metadata.name ?? '' }
      this.#registry.update(resourceTypes.Event, key, () => again, options)
      return
    }
    // a namespace on its way out takes no new objects
    const place = this.#registry.store.get(resourceTypes.Namespace, { namespace: '', name: namespace })
    if (!place || place.metadata.deletionTimestamp) return
    this.#makeRoom(events)
    const event = { ...eventOf(about, component, { ...happening, message }, time), metadata: this.#nameFor(about) }
    this.#registry.create(resourceTypes.Event, event, options)
  }

  #nameFor({ metadata: { name, namespace = '' } }: ApiObject): ApiObject['metadata'] {
    return { name: `${name}.${this.#registry.suffix(16)}`, namespace }
  }

  #makeRoom(events: ApiObject[]): void {
    if (events.length < eventsPerNamespaceMax) return
    const versionOf = ({ metadata }: ApiObject) => Number(metadata.resourceVersion)
    const oldest = [...events].sort((a, b) => versionOf(a) - versionOf(b))[0]
    const { namespace = '', name = '' } = oldest?.metadata ?? {}
    this.#registry.remove(resourceTypes.Event, { namespace, name })
  }
}

function eventOf(about: ApiObject, component: string, happening: Happening, time: string): Omit<ApiObject, 'metadata'> {
  const { name, namespace, uid, resourceVersion } = about.metadata
  const { type, reason, message, fieldPath } = happening
  const { kind, apiVersion } = about
  return {
    involvedObject: { kind, namespace, name, uid, apiVersion, resourceVersion, ...(fieldPath && { fieldPath }) },
    reason,
    message,
    source: { component },
    firstTimestamp: time,
    lastTimestamp: time,
    count: 1,
    type,
    eventTime: null,
    reportingComponent: component,
    reportingInstance: '',
  }
}
