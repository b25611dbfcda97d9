import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { clonesSelector, isDrained } from './clone-gone.ts'
import { titleOf } from './find-workload.ts'
import { selectorText, type Topic, until } from './follow.ts'
import { podTrouble, replicaFailure } from './pod-trouble.ts'
import { marks, type WorkloadKind } from './record.ts'
import type { SetRefusals } from './set-refusals.ts'
import type { OnSwapEvent } from './swap-event.ts'

/** How often events are asked for that tell of a StatefulSet's pods. */
const refusalsEveryMs = 1_000

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
    // one that has some gets the rest by its controller's back-off: to ask anew would end those
    const hasNone = !current?.status?.replicas
    isRefused = progress.message !== undefined && hasNone && pods.length === 0 && sets.every(isDrained)
    if (isRefused && untilRefused) return true
    return isReady && pods.length + sets.length === 0 ? true : undefined
  })
  return { isReady, pods, isRefused }
}

/** The restored original, as last seen. */
export interface Restored {
  workload: KubeObject
  /** Why the namespace refuses its pods, in the cluster's words; absent where it has some. */
  refusal?: string
}

interface Awaited {
  timeoutMs: number
  signal: AbortSignal
  on: OnSwapEvent
}

/**
 * Returns when a pod of the restored original is Ready, and it may as well: when one of them cannot be without what the
 * clone's pod uses up (quota, a node), or will not be. It ends, too, after the time.
 */
export async function awaitAnswering(
  cluster: Cluster,
  workload: KubeObject,
  { timeoutMs, signal, on }: Awaited,
): Promise<Restored> {
  if (workload.spec.replicas === 0) return { workload }
  const { metadata, spec } = workload
  const topics: Topic[] = [
    { kind: workload.kind as WorkloadKind, fieldSelector: `metadata.name=${metadata.name}` },
    { kind: 'Pod', labelSelector: `${selectorText(spec.selector)},!${marks.clone}` },
  ]
  let told = ''
  let seen: Restored = { workload }
  await until(cluster, topics, { signal, timeoutMs }, ([workloads = [], pods = []]) => {
    const [current] = workloads
    if (current?.metadata.uid !== metadata.uid) return true
    seen = restoredAs(workload, current as KubeObject)
    const { isReady, ...progress } = progressOf(workload, current as KubeObject)
    if (progress.message) on({ type: 'waiting-original', workload: titleOf(workload), ...progress })
    if (isReady || progress.ready > 0 || current?.spec.replicas === 0 || progress.message || pods.some(isStuck))
      return true
    if (told !== JSON.stringify(progress)) on({ type: 'waiting-original', workload: titleOf(workload), ...progress })
    told = JSON.stringify(progress)
    return undefined
  })
  return seen
}

/**
 * Returns when the namespace has taken a pod of the restored original, or refuses it: at once, or where that may pass by
 * itself (`isPatient`) at the end of the time. It ends then in any case.
 */
export async function awaitTaken(
  cluster: Cluster,
  workload: KubeObject,
  { timeoutMs, refusals, isPatient = false, signal, on }: Awaited & { refusals: SetRefusals; isPatient?: boolean },
): Promise<Restored> {
  if (workload.spec.replicas === 0) return { workload }
  const { kind, metadata } = workload
  const topic = { kind: kind as WorkloadKind, fieldSelector: `metadata.name=${metadata.name}` }
  let seen: Restored = { workload }
  let told: string | undefined
  let said: string | undefined
  const look = ([workloads = []]: KubeObject[][]) => {
    const [current] = workloads
    if (current?.metadata.uid !== metadata.uid) return true
    seen = restoredAs(workload, current as KubeObject, said)
    const { isReady: _, ...progress } = progressOf(workload, current as KubeObject, said)
    const isRefused = seen.refusal !== undefined
    if (isRefused && told !== seen.refusal) on({ type: 'waiting-original', workload: titleOf(workload), ...progress })
    told = seen.refusal
    const isTaken = isObserved(workload, current as KubeObject) && current?.status?.replicas > 0
    return isTaken || current?.spec.replicas === 0 || (isRefused && !isPatient) ? true : undefined
  }
  const lookMs = refusals.areAsked ? refusalsEveryMs : timeoutMs
  for (let leftMs = timeoutMs; leftMs > 0; leftMs -= lookMs) {
    if (await until(cluster, [topic], { signal, timeoutMs: Math.min(leftMs, lookMs) }, look)) break
    said = await refusals.newest(signal)
  }
  return seen
}

/** Returns when what was refused to the workload at 0 is forgotten: what is said of it from then on is new. */
export async function awaitUnrefused(
  cluster: Cluster,
  atZero: KubeObject,
  { timeoutMs, signal }: Omit<Awaited, 'on'>,
): Promise<void> {
  const { kind, metadata } = atZero
  const topic = { kind: kind as WorkloadKind, fieldSelector: `metadata.name=${metadata.name}` }
  await until(cluster, [topic], { signal, timeoutMs }, ([workloads = []]) => {
    const [current] = workloads
    if (current?.metadata.uid !== metadata.uid) return true
    return isObserved(atZero, current as KubeObject) && !replicaFailure(current) ? true : undefined
  })
}

/** Refusals carry nothing but prose (kube-apiserver, resourcequota admission). */
export function isOfQuota(refusal: string): boolean {
  return refusal.includes('exceeded quota')
}

function restoredAs(workload: KubeObject, current: KubeObject, said?: string): Restored {
  const { message } = progressOf(workload, current, said)
  const hasNone = !current.status?.replicas
  return { workload: current, ...(message !== undefined && hasNone && { refusal: message }) }
}

function isObserved(written: KubeObject, { status = {} }: KubeObject): boolean {
  return (status.observedGeneration ?? 0) >= (written.metadata.generation ?? 0)
}

/** It waits for a node, or for something that does not come by waiting. */
function isStuck(pod: KubeObject): boolean {
  if (pod.metadata.deletionTimestamp) return false
  const containers: { name: string }[] = pod.spec.containers
  return containers.some(({ name }) => (podTrouble(pod, name)?.patience ?? 'none') !== 'none')
}

/** @param said what was refused, where the workload itself does not say it */
function progressOf(restored: KubeObject, current: KubeObject, said?: string) {
  const { spec, status = {} } = current
  const ready: number = status.readyReplicas ?? 0
  const isNow = isObserved(restored, current)
  const message = isNow ? (replicaFailure(current)?.message ?? said) : undefined
  return {
    isReady: isNow && ready >= spec.replicas,
    ready,
    wanted: spec.replicas as number,
    ...(message && { message }),
  }
}
