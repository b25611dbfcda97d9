/** A kind that the API serves. */
export interface ResourceType {
  kind: string
  group: string
  version: string
  plural: string
  singular: string
  shortNames: string[]
  namespaced: boolean
  /** `metadata.generation` counts changes of everything but metadata and status. */
  counted: boolean
  subresources: ('exec' | 'log' | 'portforward' | 'scale')[]
}

const workload = { group: 'apps', version: 'v1', namespaced: true, counted: true }
const core = { group: '', version: 'v1', namespaced: true, counted: false }

export const resourceTypes = {
  Namespace: type('namespaces', 'Namespace', ['ns'], { ...core, namespaced: false }),
  ConfigMap: type('configmaps', 'ConfigMap', ['cm'], core),
  Event: type('events', 'Event', ['ev'], core),
  PersistentVolumeClaim: type('persistentvolumeclaims', 'PersistentVolumeClaim', ['pvc'], core),
  Pod: type('pods', 'Pod', ['po'], { ...core, counted: true }, ['log', 'exec', 'portforward']),
  Secret: type('secrets', 'Secret', [], core),
  Service: type('services', 'Service', ['svc'], core),
  Deployment: type('deployments', 'Deployment', ['deploy'], workload, ['scale']),
  ReplicaSet: type('replicasets', 'ReplicaSet', ['rs'], workload, ['scale']),
  StatefulSet: type('statefulsets', 'StatefulSet', ['sts'], workload, ['scale']),
  HorizontalPodAutoscaler: type('horizontalpodautoscalers', 'HorizontalPodAutoscaler', ['hpa'], {
    ...core,
    group: 'autoscaling',
    version: 'v2',
  }),
  Lease: type('leases', 'Lease', [], { ...core, group: 'coordination.k8s.io' }),
  EndpointSlice: type('endpointslices', 'EndpointSlice', [], { ...core, group: 'discovery.k8s.io', counted: true }),
} as const satisfies Record<string, ResourceType>

export type ServedKind = keyof typeof resourceTypes

export const servedKinds = Object.keys(resourceTypes) as ServedKind[]

export function typeOf(group: string, version: string, plural: string): ResourceType | undefined {
  return Object.values(resourceTypes).find(
    type => type.group === group && type.version === version && type.plural === plural,
  )
}

/** undefined for a kind that is not served. */
export function typeOfKind(kind: string): ResourceType | undefined {
  return Object.hasOwn(resourceTypes, kind) ? resourceTypes[kind as ServedKind] : undefined
}

export function groupVersionOf({ group, version }: { group: string; version: string }): string {
  return group === '' ? version : `${group}/${version}`
}

function type(
  plural: string,
  kind: string,
  shortNames: string[],
  more: Pick<ResourceType, 'group' | 'version' | 'namespaced' | 'counted'>,
  subresources: ResourceType['subresources'] = [],
): ResourceType {
  return { kind, plural, singular: kind.toLowerCase(), shortNames, ...more, subresources }
}
