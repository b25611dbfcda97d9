import { type ApiObject, controllerReference } from '../store/api-object.ts'
import { resourceTypes } from '../store/resource-types.ts'
import type { Work } from './control-loop.ts'
import type { ControllerContext } from './controller-context.ts'
import { isOver, isReady } from './pod-state.ts'

const serviceLabel = 'kubernetes.io/service-name'
const managedBy = 'endpointslice.kubernetes.io/managed-by'
const controllerName = 'endpointslice-controller.k8s.io'

interface SlicePort {
  name: string
  protocol: string
  port: number
}

/** Keeps the EndpointSlices of a Service: its pods, ready or not, one slice for each set of target ports. */
export function reconcileEndpoints(context: ControllerContext, { namespace, name }: Work): void {
  const service = context.store.get(resourceTypes.Service, { namespace, name })
  if (!service || service.metadata.deletionTimestamp || !service.spec.selector) return
  const groups = new Map<string, { ports: SlicePort[]; endpoints: object[] }>()
  for (const pod of podsOf(context, service)) {
    const ports = portsOf(service, pod)
    const group = groups.get(JSON.stringify(ports)) ?? { ports, endpoints: [] }
    groups.set(JSON.stringify(ports), group)
    group.endpoints.push(endpointOf(service, pod))
  }
  if (groups.size === 0) groups.set('', { ports: [], endpoints: [] })
  writeSlices(context, service, [...groups.values()])
}

function podsOf(context: ControllerContext, service: ApiObject): ApiObject[] {
  const wanted = Object.entries(service.spec.selector as Record<string, string>)
  return context.store
    .list(resourceTypes.Pod, service.metadata.namespace)
    .filter(({ metadata }) => wanted.every(([key, value]) => metadata.labels?.[key] === value))
    .filter(pod => pod.status?.podIP && !isOver(pod))
}

/** A target port by name is looked up in the pod; one that the pod does not have is left out. */
function portsOf(service: ApiObject, pod: ApiObject): SlicePort[] {
  const ports = (service.spec.ports ?? []) as { name?: string; protocol: string; targetPort: number | string }[]
  return ports.flatMap(({ name = '', protocol, targetPort }) => {
    const port = typeof targetPort === 'number' ? targetPort : namedPort(pod, targetPort)
    return port === undefined ? [] : [{ name, protocol, port }]
  })
}

export function namedPort(pod: ApiObject, name: string): number | undefined {
  const containers: { ports?: { name?: string; containerPort: number }[] }[] = pod.spec.containers
  return containers.flatMap(({ ports = [] }) => ports).find(port => port.name === name)?.containerPort
}

function endpointOf(service: ApiObject, pod: ApiObject): object {
  const terminating = pod.metadata.deletionTimestamp !== undefined
  const serving = isReady(pod)
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating)
  const { name, namespace, uid } = pod.metadata
  const isNamed = pod.spec.hostname && pod.spec.subdomain === service.metadata.name
  return {
    addresses: [pod.status.podIP],
    conditions: { ready, serving, terminating },
    ...(isNamed && { hostname: pod.spec.hostname }),
    targetRef: { kind: 'Pod', namespace, name, uid },
    nodeName: pod.spec.nodeName,
  }
}

/** Existing slices are used again, so that their names stay. */
function writeSlices(
  context: ControllerContext,
  service: ApiObject,
  groups: { ports: SlicePort[]; endpoints: object[] }[],
): void {
  const slices = context.ownedBy(service, resourceTypes.EndpointSlice)
  for (const [index, { ports, endpoints }] of groups.entries()) {
    const slice = slices[index]
    if (slice) context.update(resourceTypes.EndpointSlice, slice, before => ({ ...before, endpoints, ports }))
    else createSlice(context, service, { endpoints, ports })
  }
  for (const slice of slices.slice(groups.length)) context.remove(resourceTypes.EndpointSlice, slice)
}

function createSlice(context: ControllerContext, service: ApiObject, content: object): void {
  const { name = '', namespace, labels } = service.metadata
  context.create(resourceTypes.EndpointSlice, {
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: { ...labels, [managedBy]: controllerName, [serviceLabel]: name },
      ownerReferences: [controllerReference(service)],
    },
    addressType: 'IPv4',
    ...content,
  })
}
