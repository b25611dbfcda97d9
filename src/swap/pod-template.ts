import type { KubeObject } from '../cluster/cluster.ts'
import type { Resources } from '../manifest/manifest.ts'
import type { Container } from './dev-container.ts'

/** A pod template; only what we look at is named. */
export interface PodTemplate {
  metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> }
  spec: {
    containers: Container[]
    initContainers?: Container[]
    volumes?: { name: string; persistentVolumeClaim?: { claimName: string }; [source: string]: unknown }[]
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

/**
 * Whether two pods of the workload must not run at once: a claim (even ReadWriteOnce lets in all pods of one node), a
 * port of the node, a StatefulSet's identity, or because its owner says so (`strategy: Recreate`).
 */
export function sharesWithOld(workload: KubeObject): boolean {
  const { spec } = podTemplate(workload)
  const containers = [...spec.containers, ...(spec.initContainers ?? [])]
  return (
    workload.kind === 'StatefulSet' ||
    workload.spec.strategy?.type === 'Recreate' ||
    (spec.volumes ?? []).some(volume => volume.persistentVolumeClaim) ||
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
