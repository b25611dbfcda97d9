import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { clonesSelector, isDrained } from './clone-gone.ts'
import { titleOf } from './find-workload.ts'
import { selectorText, type Topic, until } from './follow.ts'
import { podTrouble, replicaFailure } from './pod-trouble.ts'
import { marks, type WorkloadKind } from './record.ts'
import type { OnSwapEvent } from './swap-event.ts'

interface Awaiting {
  /** As it is after it was restored. */
  workload: KubeObject
  /** The clones' names. */
  names: string[]
  timeoutMs: number
  /** Ends, too, where the namespace refuses its pods and only its controller's back-off is left to wait for. */
  untilRefused: boolean
  signal: AbortSignal
  on: OnSwapEvent
}

export interface OriginalSeen {
  isReady: boolean
  /** Pods of the clones that are left. */
  pods: string[]
  /** The namespace refused its pods, and nothing of ours is in their way any more: its controller backs off. */
  isRefused: boolean
}

/**
 * Waits until the original's pods are Ready and the clones' are gone; says how far that came in the time, and which pods
 * are left. It ends at once where the original is deleted meanwhile.
 */
export async function awaitOriginal(
  cluster: Cluster,
  { workload, names, timeoutMs, untilRefused, signal, on }: Awaiting,
): Promise<OriginalSeen> {
  const topics: Topic[] = [
    { kind: workload.kind as WorkloadKind, fieldSelector: `metadata.name=${workload.metadata.name}` },
    { kind: 'Pod', labelSelector: clonesSelector(names) },
    { kind: 'ReplicaSet', labelSelector: clonesSelector(names) },
  ]
  let isReady = false
  let isRefused = false
  let pods: string[] = []
  let told = ''
  await until(cluster, topics, { signal, timeoutMs }, ([workloads = [], left = [], sets = []]) => {
    const [current] = workloads
    if (current?.metadata.uid !== workload.metadata.uid) return true
    const progress = progressOf(workload, current as KubeObject)
    pods = left.map(({ metadata }) => metadata.name ?? '')
    const isNews = told !== JSON.stringify(progress)
    told = JSON.stringify(progress)
    if (isNews && progress.isReady)
      on({ type: 'original-ready', workload: titleOf(workload), replicas: progress.wanted })
    else if (isNews) on({ type: 'waiting-original', workload: titleOf(workload), ...progress })
    else if (progress.isReady && !isReady && pods.length > 0) on({ type: 'waiting-clone-pod', pods })
    isReady = progress.isReady
    isRefused = progress.message !== undefined && pods.length === 0 && sets.every(isDrained)
    if (isRefused && untilRefused) return true
    return isReady && pods.length + sets.length === 0 ? true : undefined
  })
  return { isReady, pods, isRefused }
}

/**
 * Returns when a pod of the restored original is Ready, and it may as well: when one of them cannot be without what the
 * clone's pod uses up (quota, a node), or will not be. It ends, too, after the time. Resolves with the workload as last seen.
 */
export async function awaitAnswering(
  cluster: Cluster,
  workload: KubeObject,
  { timeoutMs, signal, on }: { timeoutMs: number; signal: AbortSignal; on: OnSwapEvent },
): Promise<KubeObject> {
  if (workload.spec.replicas === 0) return workload
  const { metadata, spec } = workload
  const topics: Topic[] = [
    { kind: workload.kind as WorkloadKind, fieldSelector: `metadata.name=${metadata.name}` },
    { kind: 'Pod', labelSelector: `${selectorText(spec.selector)},!${marks.clone}` },
  ]
  let told = ''
  let seen = workload
  await until(cluster, topics, { signal, timeoutMs }, ([workloads = [], pods = []]) => {
    const [current] = workloads
    if (current?.metadata.uid !== metadata.uid) return true
    seen = current as KubeObject
    const { isReady, ...progress } = progressOf(workload, current as KubeObject)
    if (isReady || progress.ready > 0 || current?.spec.replicas === 0 || progress.message || pods.some(isStuck))
      return true
    if (told !== JSON.stringify(progress)) on({ type: 'waiting-original', workload: titleOf(workload), ...progress })
    told = JSON.stringify(progress)
    return undefined
  })
  return seen
}

/** It waits for a node, or for something that does not come by waiting. */
function isStuck(pod: KubeObject): boolean {
  if (pod.metadata.deletionTimestamp) return false
  const containers: { name: string }[] = pod.spec.containers
  return containers.some(({ name }) => (podTrouble(pod, name)?.patience ?? 'none') !== 'none')
}

function progressOf(restored: KubeObject, current: KubeObject) {
  const { spec, status = {} } = current
  const ready: number = status.readyReplicas ?? 0
  const isObserved = (status.observedGeneration ?? 0) >= (restored.metadata.generation ?? 0)
  const message = isObserved ? replicaFailure(current)?.message : undefined
  return {
    isReady: isObserved && ready >= spec.replicas,
    ready,
    wanted: spec.replicas as number,
    ...(message && { message }),
  }
}
