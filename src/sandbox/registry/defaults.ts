import type { ApiObject } from '../store/api-object.ts'
import type { ResourceType } from '../store/resource-types.ts'
import { defaultedPodSpec, qosClassOf } from './pod-defaults.ts'

/** The object with the defaults of its kind: they belong to whoever made it. `before` is the stored one on an update. */
export function defaulted(type: ResourceType, object: ApiObject, before: ApiObject | undefined): ApiObject {
  if (type.kind === 'Deployment') return deployment(object, before)
  if (type.kind === 'ReplicaSet') return replicaSet(object, before)
  if (type.kind === 'StatefulSet') return statefulSet(object, before)
  if (type.kind === 'Pod') return pod(object, before)
  if (type.kind === 'Service') return service(object, before)
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
  const spec = defaultedPodSpec(object.spec ?? {})
  const enableServiceLinks = spec.enableServiceLinks ?? true
  if (before) return { ...object, spec: { ...spec, enableServiceLinks } }
  return { ...object, spec: { ...spec, enableServiceLinks }, status: { phase: 'Pending', qosClass: qosClassOf(spec) } }
}

function service(object: ApiObject, before: ApiObject | undefined): ApiObject {
  const spec = object.spec ?? {}
  const ports = spec.ports?.map((port: { protocol?: string; port: number; targetPort?: number | string }) => ({
    ...port,
    protocol: port.protocol ?? 'TCP',
    targetPort: port.targetPort ?? port.port,
  }))
  const { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy } = before?.spec ?? {}
  return {
    ...object,
    spec: {
      ...(before && { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy }),
      ...spec,
      ...(ports && { ports }),
      type: spec.type ?? 'ClusterIP',
      sessionAffinity: spec.sessionAffinity ?? 'None',
      internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster',
    },
    status: object.status ?? { loadBalancer: {} },
  }
}

function claim(object: ApiObject, before: ApiObject | undefined): ApiObject {
  const spec = object.spec ?? {}
  return {
    ...object,
    spec: { ...spec, volumeMode: spec.volumeMode ?? 'Filesystem' },
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
