import type { ApiObject } from '../store/api-object.ts'
import type { ResourceType } from '../store/resource-types.ts'
import { admittedPodSpec } from './pod-defaults.ts'

/** What the cluster itself gives a new object: nobody owns these fields. `freeClusterIp` finds a Service its address. */
export function allocated(type: ResourceType, object: ApiObject, freeClusterIp: () => string): ApiObject {
  if (type.kind === 'Pod') return { ...object, spec: admittedPodSpec(object.spec) }
  if (type.kind === 'Service') return service(object, freeClusterIp)
  if (type.kind === 'PersistentVolumeClaim') return claim(object)
  return object
}

function service(object: ApiObject, freeClusterIp: () => string): ApiObject {
  const { spec } = object
  const clusterIP = spec.clusterIP || freeClusterIp()
  return {
    ...object,
    spec: {
      ...spec,
      clusterIP,
      clusterIPs: spec.clusterIPs ?? [clusterIP],
      ipFamilies: spec.ipFamilies ?? ['IPv4'],
      ipFamilyPolicy: spec.ipFamilyPolicy ?? 'SingleStack',
    },
  }
}

function claim(object: ApiObject): ApiObject {
  const finalizers = [...(object.metadata.finalizers ?? []), 'kubernetes.io/pvc-protection']
  return {
    ...object,
    metadata: { ...object.metadata, finalizers },
    spec: { ...object.spec, storageClassName: object.spec.storageClassName ?? 'standard' },
  }
}
