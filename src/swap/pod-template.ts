import type { KubeObject } from '../cluster/cluster.ts'
import type { Resources } from '../manifest/manifest.ts'
import type { Container } from './container.ts'

export type Volume = { name: string; persistentVolumeClaim?: { claimName: string }; [source: string]: unknown }

/** A pod template; only what we look at is named. */
export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> }
  spec: {
    containers: Container[]
    initContainers?: Container[]
    volumes?: Volume[]
    securityContext?: Record<string, unknown>
    hostNetwork?: boolean
    [field: string]: unknown
  }
}

export function podTemplate(workload: KubeObject): PodTemplate {
  return workload.spec.template
}

/** Name of the StatefulSet's first pod, whose place the clone takes. */
export function firstPodName(statefulSet: KubeObject): string {
  return `${statefulSet.metadata.name}-${statefulSet.spec.ordinals?.start ?? 0}`
}

/** What a volume of these holds ends with the pod, or cannot be written. */
const passingSources = ['emptyDir', 'configMap', 'secret', 'projected', 'downwardAPI', 'ephemeral', 'csi', 'image']

/** What is written there is still there for the next pod. Of `csi` only the inline form stands in a pod: it is the pod's. */
export function outlivesPod(volume: Volume): boolean {
  return !passingSources.some(source => source in volume)
}

function isWritten(volume: Volume, containers: Container[]): boolean {
  const isSourceReadOnly = Object.values(volume).some(source => (source as { readOnly?: boolean }).readOnly === true)
  const mounts = containers.flatMap(({ volumeMounts = [] }) => volumeMounts).filter(({ name }) => name === volume.name)
  return !isSourceReadOnly && mounts.some(({ readOnly }) => !readOnly)
}

/**
 * Whether two pods of the workload must not run at once: a claim (even ReadWriteOnce lets in all pods of one node), a
 * disk, share or folder of the node that it writes to, a port of the node, a StatefulSet's identity, or because its owner says so (`strategy: Recreate`).
 */
export function sharesWithOld(workload: KubeObject): boolean {
  const { spec } = podTemplate(workload)
  const containers = [...spec.containers, ...(spec.initContainers ?? [])]
  return (
    workload.kind === 'StatefulSet' ||
    workload.spec.strategy?.type === 'Recreate' ||
    (spec.volumes ?? []).some(
      volume => volume.persistentVolumeClaim || (outlivesPod(volume) && isWritten(volume, containers)),
    ) ||
    spec.hostNetwork === true ||
    containers.some(({ ports }) => ports?.some(({ hostPort }) => hostPort))
  )
}

/** What admission (a LimitRange) added to a container of a pod: requests and limits that its template lacks. */
export function defaultsSeen(template: PodTemplate, pod: KubeObject, container: string): Resources {
  const find = (containers: Container[]) => containers.find(({ name }) => name === container)?.resources ?? {}
  const written = find(template.spec.containers)
  const effective = find(pod.spec.containers)
  const added = (which: 'requests' | 'limits') =>
    Object.fromEntries(Object.entries(effective[which] ?? {}).filter(([name]) => !(name in (written[which] ?? {}))))
  return { requests: added('requests'), limits: added('limits') }
}
