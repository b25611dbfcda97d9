import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { isDrained } from './clone-gone.ts'
import { titleOf } from './find-workload.ts'
import { selectorText, type Topic, until } from './follow.ts'
import { firstPodName, podTemplate } from './pod-template.ts'
import { marks, type WorkloadKind } from './record.ts'
import { isControlledBy } from './situation.ts'
import type { OnSwapEvent } from './swap-event.ts'

const graceSecondsDefault = 30
const marginMs = 60_000

/**
 * Returns when the pod objects that may share something with the clone are gone; a terminating pod still writes to its
 * volume. `workload` is as it is after it was scaled to 0. Fails with `timeout` after their grace periods and a minute.
 */
export async function awaitOldGone(
  cluster: Cluster,
  workload: KubeObject,
  { signal, on }: { signal: AbortSignal; on: OnSwapEvent },
): Promise<void> {
  const { name } = workload.metadata
  const labelSelector = selectorText(workload.spec.selector)
  const topics: Topic[] = [
    { kind: workload.kind as WorkloadKind, fieldSelector: `metadata.name=${name}` },
    { kind: 'Pod', labelSelector },
    ...(workload.kind === 'Deployment' ? [{ kind: 'ReplicaSet', labelSelector } as const] : []),
  ]
  let told = ''
  let last: string[] = []
  const isGone = await until(cluster, topics, { signal, timeoutMs: budgetMs(workload) }, ([current, pods, sets]) => {
    const ownSets = (sets ?? []).filter(isControlledBy(new Set([workload.metadata.uid])))
    const left = podsLeft(workload, pods ?? [], ownSets)
    last = left.map(pod => pod.metadata.name ?? '').sort()
    if (last.length > 0 && told !== last.join()) on({ type: 'waiting-old-pod', pods: last })
    told = last.join()
    const isSettled = ownSets.every(isDrained) && isObserved(workload, current?.[0])
    return last.length === 0 && isSettled ? true : undefined
  })
  if (isGone) return
  throw new UserError('timeout', `${titleOf(workload)} is at 0, but ${last.join(', ') || 'its pod'} does not go`, {
    hint: 'its node may be down; `kubectl describe pod` tells. Two pods at once could corrupt what both write',
  })
}

/**
 * Returns when no pod of the original takes traffic any more: one that is terminating still serves the connections that
 * were opened before. Fails with `timeout` after their grace period and a minute.
 */
export async function awaitAlone(
  cluster: Cluster,
  workload: KubeObject,
  { signal, on }: { signal: AbortSignal; on: OnSwapEvent },
): Promise<void> {
  const topic: Topic = { kind: 'Pod', labelSelector: selectorText(workload.spec.selector) }
  let last: string[] = []
  const isAlone = await until(cluster, [topic], { signal, timeoutMs: budgetMs(workload) }, ([pods = []]) => {
    const leaving = pods.filter(({ metadata }) => metadata.deletionTimestamp && !metadata.labels?.[marks.clone])
    const names = leaving.map(({ metadata }) => metadata.name ?? '').sort()
    if (names.length > 0 && names.join() !== last.join()) on({ type: 'waiting-old-pod', pods: names })
    last = names
    return names.length === 0 ? true : undefined
  })
  if (isAlone) return
  throw new UserError(
    'timeout',
    `${last.join(', ')} of ${titleOf(workload)} does not go, and may still take requests`,
    {
      hint: '`kubectl describe pod` tells why',
    },
  )
}

function isObserved(patched: KubeObject, current: KubeObject | undefined): boolean {
  if (!current || current.metadata.uid !== patched.metadata.uid) return true
  return (current.status?.observedGeneration ?? 0) >= (patched.metadata.generation ?? 0)
}

function podsLeft(workload: KubeObject, pods: KubeObject[], sets: KubeObject[]): KubeObject[] {
  const own = pods.filter(isControlledBy(new Set([workload, ...sets].map(({ metadata }) => metadata.uid))))
  // the clone takes the place of the first pod only
  return workload.kind === 'StatefulSet' ? own.filter(({ metadata }) => metadata.name === firstPodName(workload)) : own
}

/** A StatefulSet goes down one pod at a time, unless it is told otherwise. */
function budgetMs(workload: KubeObject): number {
  const grace: number = (podTemplate(workload).spec.terminationGracePeriodSeconds as number) ?? graceSecondsDefault
  const isOrdered = workload.kind === 'StatefulSet' && workload.spec.podManagementPolicy !== 'Parallel'
  const rounds = isOrdered ? Math.max(1, workload.status?.replicas ?? 1) : 1
  return grace * 1000 * rounds + marginMs
}
