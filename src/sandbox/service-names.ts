import type { ClusterNames } from './pod-runtime.ts'
import type { ApiObject } from './store/api-object.ts'
import type { ObjectStore } from './store/object-store.ts'
import { resourceTypes } from './store/resource-types.ts'

interface Endpoint {
  addresses: string[]
  conditions: { ready: boolean }
  hostname?: string
}

/** Service addresses are from here; one that belongs to no Service is refused, not dialled on the real network. */
const serviceNetwork = '10.96.'

/** DNS and kube-proxy of the sandbox: what the Services and EndpointSlices say at this moment. */
export class ServiceNames implements ClusterNames {
  readonly #store: ObjectStore
  readonly #random: () => number

  constructor(store: ObjectStore, random: () => number) {
    this.#store = store
    this.#random = random
  }

  lookup(host: string, namespace: string): string[] | null {
    const name = host.toLowerCase().replace(/\.$/, '')
    const parts = name.replace(/\.cluster\.local$/, '').split('.')
    const isFull = parts.at(-1) === 'svc'
    const labels = isFull ? parts.slice(0, -1) : parts
    // in the order of a pod's search list: its own namespace first
    const found = isFull
      ? this.#named(labels)
      : (this.#named([...labels, namespace]) ?? (labels.length > 1 ? this.#named(labels) : undefined))
    if (found) return found
    return isFull || name.endsWith('.cluster.local') ? [] : null
  }

  route(address: string, port: number): { address: string; port: number }[] | null {
    const service = this.#store.list(resourceTypes.Service).find(({ spec }) => spec.clusterIP === address)
    if (!service) return address.startsWith(serviceNetwork) ? [] : null
    const ports = service.spec.ports as { port: number; name?: string }[]
    const wanted = ports.find(each => each.port === port)
    if (!wanted) return []
    const routes = this.#slicesOf(service).flatMap(slice => {
      const target = slice.ports.find(({ name }: { name: string }) => name === (wanted.name ?? ''))
      return target ? addressesOf(slice).map(each => ({ address: each, port: target.port as number })) : []
    })
    return this.#shuffled(routes)
  }

  /** `service, namespace` or `hostname, service, namespace`. */
  #named(labels: string[]): string[] | undefined {
    if (labels.length < 2 || labels.length > 3) return undefined
    const [name = '', namespace = ''] = labels.slice(-2)
    const service = this.#store.get(resourceTypes.Service, { namespace, name })
    if (!service) return undefined
    const hostname = labels.length === 3 ? labels[0] : undefined
    if (hostname === undefined && service.spec.clusterIP !== 'None') return [service.spec.clusterIP]
    const addresses = this.#slicesOf(service).flatMap(slice => addressesOf(slice, hostname))
    return hostname !== undefined && addresses.length === 0 ? undefined : addresses
  }

  #slicesOf({ metadata }: ApiObject): ApiObject[] {
    return this.#store
      .list(resourceTypes.EndpointSlice, metadata.namespace)
      .filter(slice => slice.metadata.labels?.['kubernetes.io/service-name'] === metadata.name)
  }

  #shuffled<T>(items: T[]): T[] {
    const keyed = items.map(item => ({ item, key: this.#random() }))
    return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item)
  }
}

function addressesOf({ endpoints }: ApiObject, hostname?: string): string[] {
  return ((endpoints ?? []) as Endpoint[])
    .filter(({ conditions, hostname: own }) => conditions.ready && (hostname === undefined || own === hostname))
    .flatMap(({ addresses }) => addresses)
}
