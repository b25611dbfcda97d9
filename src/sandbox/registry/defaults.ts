import type { ApiObject } from '../store/api-object.ts'
import type { ResourceType } from '../store/resource-types.ts'
import { admittedPodSpec, defaultedPodSpec, qosClassOf } from './pod-defaults.ts'

/** What an object needs of the cluster to be complete. */
export interface Allocator {
  /** An address for a Service that asks for none. */
  clusterIp(): string
}

/** The object with all that the API server fills in. `before` is the stored one on an update. */
export function defaulted(
  type: ResourceType,
  object: ApiObject,
  before: ApiObject | undefined,
  allocator: Allocator,
): ApiObject {
  if (type.kind === 'Deployment') return deployment(object, before)
  if (type.kind === 'ReplicaSet') return replicaSet(object, before)
  if (type.kind === 'StatefulSet') return statefulSet(object, before)
  if (type.kind === 'Pod') return pod(object, before)
  if (type.kind === 'Service') return service(object, before, allocator)
  if (type.kind === 'PersistentVolumeClaim') return claim(object, before)
  if (type.kind === 'Secret') return secret(object)
  if (type.kind === 'Namespace') return namespace(object, before)
  return object
}

/** A type of server where maps and lists that are empty are left out. */
function withTemplate(spec: ApiObject['spec']): ApiObject['spec'] {
  const template = spec.template ?? {}
  return {
    ...spec,
    template: { ...template, metadata: template.metadata ?? {}, spec: defaultedPodSpec(template.spec ?? {}) },
  }
}

function deployment(object: ApiObject, before: ApiObject | undefined): ApiObject {
  const spec = object.spec ?? {}
  const type = spec.strategy?.type ?? 'RollingUpdate'
  const rollingUpdate = { maxUnavailable: '25%', maxSurge: '25%', ...spec.strategy?.rollingUpdate }
  return {
    ...object,
    spec: {
      ...withTemplate({ ...spec, replicas: spec.replicas ?? 1 }),
      strategy: type === 'RollingUpdate' ? { ...spec.strategy, type, rollingUpdate } : { ...spec.strategy, type },
      revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
      progressDeadlineSeconds: spec.progressDeadlineSeconds ?? 600,
    },
    status: before ? object.status : {},
  }
}

function replicaSet(object: ApiObject, before: ApiObject | undefined): ApiObject {
  const spec = object.spec ?? {}
  return {
    ...object,
    spec: withTemplate({ ...spec, replicas: spec.replicas ?? 1 }),
    status: before ? object.status : { replicas: 0 },
  }
}

function statefulSet(object: ApiObject, before: ApiObject | undefined): ApiObject {
  const spec = object.spec ?? {}
  const type = spec.updateStrategy?.type ?? 'RollingUpdate'
  const claims = spec.volumeClaimTemplates?.map((template: ApiObject) => ({
    kind: 'PersistentVolumeClaim',
    apiVersion: 'v1',
    ...template,
    spec: { ...template.spec, volumeMode: template.spec?.volumeMode ?? 'Filesystem' },
    status: { phase: 'Pending' },
  }))
  return {
    ...object,
    spec: {
      ...withTemplate({ ...spec, replicas: spec.replicas ?? 1 }),
      ...(claims && { volumeClaimTemplates: claims }),
      podManagementPolicy: spec.podManagementPolicy ?? 'OrderedReady',
      updateStrategy: {
        ...spec.updateStrategy,
        type,
        ...(type === 'RollingUpdate' && { rollingUpdate: { partition: 0, ...spec.updateStrategy?.rollingUpdate } }),
      },
      revisionHistoryLimit: spec.revisionHistoryLimit ?? 10,
      persistentVolumeClaimRetentionPolicy: {
        whenDeleted: 'Retain',
        whenScaled: 'Retain',
        ...spec.persistentVolumeClaimRetentionPolicy,
      },
    },
    status: before ? object.status : { replicas: 0, availableReplicas: 0 },
  }
}

function pod(object: ApiObject, before: ApiObject | undefined): ApiObject {
  if (before) return { ...object, spec: { ...object.spec, ...defaultedPodSpec(object.spec ?? {}) } }
  const spec = admittedPodSpec(object.spec ?? {})
  return { ...object, spec, status: { phase: 'Pending', qosClass: qosClassOf(spec) } }
}

function service(object: ApiObject, before: ApiObject | undefined, allocator: Allocator): ApiObject {
  const spec = object.spec ?? {}
  const ports = spec.ports?.map((port: { protocol?: string; port: number; targetPort?: number | string }) => ({
    ...port,
    protocol: port.protocol ?? 'TCP',
    targetPort: port.targetPort ?? port.port,
  }))
  const clusterIP = before?.spec.clusterIP ?? (spec.clusterIP || allocator.clusterIp())
  return {
    ...object,
    spec: {
      ...spec,
      ...(ports && { ports }),
      clusterIP: spec.clusterIP || clusterIP,
      clusterIPs: spec.clusterIPs ?? [spec.clusterIP || clusterIP],
      type: spec.type ?? 'ClusterIP',
      sessionAffinity: spec.sessionAffinity ?? 'None',
      ipFamilies: spec.ipFamilies ?? ['IPv4'],
      ipFamilyPolicy: spec.ipFamilyPolicy ?? 'SingleStack',
      internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster',
    },
    status: object.status ?? { loadBalancer: {} },
  }
}

function claim(object: ApiObject, before: ApiObject | undefined): ApiObject {
  const spec = object.spec ?? {}
  return {
    ...object,
    metadata: before
      ? object.metadata
      : { ...object.metadata, finalizers: [...(object.metadata.finalizers ?? []), 'kubernetes.io/pvc-protection'] },
    spec: {
      ...spec,
      storageClassName: spec.storageClassName ?? 'standard',
      volumeMode: spec.volumeMode ?? 'Filesystem',
    },
    status: before ? object.status : { phase: 'Pending' },
  }
}

function secret({ stringData, ...object }: ApiObject): ApiObject {
  const encoded = Object.entries((stringData ?? {}) as Record<string, string>).map(([key, text]) => [
    key,
    Buffer.from(text).toString('base64'),
  ])
  const data = { ...object.data, ...Object.fromEntries(encoded) }
  return { ...object, ...(Object.keys(data).length > 0 && { data }), type: object.type ?? 'Opaque' } as ApiObject
}

function namespace(object: ApiObject, before: ApiObject | undefined): ApiObject {
  const labels = { ...object.metadata.labels, 'kubernetes.io/metadata.name': object.metadata.name ?? '' }
  return {
    ...object,
    metadata: { ...object.metadata, labels },
    spec: object.spec ?? { finalizers: ['kubernetes'] },
    status: before ? object.status : { phase: 'Active' },
  }
}
