import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { titleOf } from './find-workload.ts'
import type { OnSwapEvent } from './swap-event.ts'

/** KEDA scales through an autoscaler of this name, and past it where that is paused by 0 replicas. */
const kedaPrefix = 'keda-hpa-'

/** Says what else scales the workload; nothing of it is changed. Without the right to see autoscalers it says nothing. */
export async function tellAutoscalers(
  cluster: Cluster,
  workload: KubeObject,
  { signal, on }: { signal: AbortSignal; on: OnSwapEvent },
): Promise<void> {
  for (const { metadata } of await autoscalersOf(cluster, workload, signal)) {
    const { name = '' } = metadata
    const title = titleOf(workload)
    if (name.startsWith(kedaPrefix)) {
      const scaledObject = name.slice(kedaPrefix.length)
      on({
        type: 'warning',
        message: `KEDA (autoscaler ${name}) may scale ${title} up again while it is swapped`,
        hint: `pause it: kubectl -n ${cluster.namespace} annotate scaledobject ${scaledObject} autoscaling.keda.sh/paused=true`,
      })
    } else on({ type: 'warning', message: `the autoscaler ${name} is paused while ${title} is at 0` })
  }
}

async function autoscalersOf(cluster: Cluster, workload: KubeObject, signal: AbortSignal): Promise<KubeObject[]> {
  try {
    const all = await cluster.list('HorizontalPodAutoscaler', { signal })
    return all.filter(({ spec }) => {
      const { kind, name } = spec?.scaleTargetRef ?? {}
      return kind === workload.kind && name === workload.metadata.name
    })
  } catch (error) {
    // no right to them, or none in this cluster
    if (error instanceof UserError && (error.code === 'forbidden' || error.code === 'not-found')) return []
    throw error
  }
}
