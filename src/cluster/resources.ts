import type { Kind } from './cluster.ts'

/** Where the API serves a kind; `group` is empty for the core group. */
export interface Resource {
  group: string
  version: string
  plural: string
}

const resources: Record<Kind, Resource> = {
  Deployment: { group: 'apps', version: 'v1', plural: 'deployments' },
  StatefulSet: { group: 'apps', version: 'v1', plural: 'statefulsets' },
  ReplicaSet: { group: 'apps', version: 'v1', plural: 'replicasets' },
  Pod: { group: '', version: 'v1', plural: 'pods' },
  Event: { group: '', version: 'v1', plural: 'events' },
  Service: { group: '', version: 'v1', plural: 'services' },
  EndpointSlice: { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices' },
  PersistentVolumeClaim: { group: '', version: 'v1', plural: 'persistentvolumeclaims' },
  HorizontalPodAutoscaler: { group: 'autoscaling', version: 'v2', plural: 'horizontalpodautoscalers' },
  DaemonSet: { group: 'apps', version: 'v1', plural: 'daemonsets' },
  Job: { group: 'batch', version: 'v1', plural: 'jobs' },
  CronJob: { group: 'batch', version: 'v1', plural: 'cronjobs' },
  Rollout: { group: 'argoproj.io', version: 'v1alpha1', plural: 'rollouts' },
  Lease: { group: 'coordination.k8s.io', version: 'v1', plural: 'leases' },
}

export function resourceOf(kind: Kind): Resource {
  return resources[kind]
}

export function apiVersionOf(kind: Kind): string {
  const { group, version } = resources[kind]
  return group === '' ? version : `${group}/${version}`
}

/** Path of a collection, an object or a subresource. */
export function pathOf(kind: Kind, namespace: string, name?: string, subresource?: string): string {
  const { group, version, plural } = resources[kind]
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  const parts = [root, 'namespaces', encodeURIComponent(namespace), plural]
  if (name !== undefined) parts.push(encodeURIComponent(name))
  if (subresource !== undefined) parts.push(subresource)
  return parts.join('/')
}
