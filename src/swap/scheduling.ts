import type { Dev, Scheduling } from '../manifest/manifest.ts'
import type { PodTemplate } from './pod-template.ts'

type PodSpec = PodTemplate['spec']

/**
 * The pod's spec with what the dev says of where it runs and as whom. As in Okteto's manifests its tolerations come on top
 * of the original's, and the rest replaces what was there.
 */
export function scheduled(spec: PodSpec, wanted: Scheduling | undefined): PodSpec {
  if (!wanted) return spec
  const { nodeSelector, affinity, tolerations, serviceAccount, priorityClassName } = wanted
  const result: PodSpec = { ...spec }
  if (nodeSelector) result.nodeSelector = nodeSelector
  if (affinity) result.affinity = affinity
  if (tolerations) result.tolerations = [...((spec.tolerations as object[]) ?? []), ...tolerations]
  if (serviceAccount !== undefined) {
    result.serviceAccountName = serviceAccount
    // the old name of that field, which the API server fills in beside it
    delete result.serviceAccount
  }
  if (priorityClassName !== undefined) {
    result.priorityClassName = priorityClassName
    // they follow from the class, and admission refuses a pod where they differ from it
    delete result.priority
    delete result.preemptionPolicy
  }
  return result
}

export interface PodMarks {
  labels: Record<string, string>
  annotations: Record<string, string>
}

/**
 * The labels and annotations of the clone's pods: the manifest's, but never in the place of a label that the original's
 * pods bear, for Services, policies and the workload's own selector find them by those.
 */
export function podMarks(template: PodTemplate, dev: Dev): PodMarks {
  const { labels = {}, annotations = {} } = template.metadata ?? {}
  return {
    labels: { ...dev.metadata?.labels, ...labels },
    annotations: { ...annotations, ...dev.metadata?.annotations },
  }
}

/** Says which labels of the manifest come to nothing. */
export function schedulingWarnings(template: PodTemplate, dev: Dev): string[] {
  const { labels = {} } = template.metadata ?? {}
  const kept = Object.entries(dev.metadata?.labels ?? {}).filter(
    ([name, value]) => labels[name] !== undefined && labels[name] !== value,
  )
  return kept.map(
    ([name, value]) =>
      `the label ${name} stays ${labels[name]} and does not become ${value}: Services find the pod by the labels that it has`,
  )
}
