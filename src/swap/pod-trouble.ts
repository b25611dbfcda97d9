import { agentPartName } from '../agent/pod-parts.ts'
import type { KubeObject } from '../cluster/cluster.ts'

/** Why a pod does not run yet, in the cluster's words, on one line. */
export interface PodTrouble {
  /** `ImagePullBackOff`, `Unschedulable`, …; `ContainerCreating` and `PodInitializing` are just the way up. */
  reason: string
  message: string
  hint?: string
  /**
   * `none`: nothing but time is missing. `long`: may mend by itself (a node comes free). `short`: if it stays, it will
   * not mend.
   */
  patience: 'none' | 'long' | 'short'
  /** The container whose log tells more. */
  log?: { container: string; previous: boolean }
}

export interface ContainerStatus {
  name: string
  containerID?: string
  ready?: boolean
  restartCount?: number
  state?: {
    running?: { startedAt?: string }
    waiting?: { reason?: string; message?: string }
    terminated?: ContainerEnd
  }
  lastState?: { terminated?: ContainerEnd }
}

interface ContainerEnd {
  reason?: string
  message?: string
  exitCode?: number
}

export function containerStatus(pod: KubeObject, container: string): ContainerStatus | undefined {
  const statuses: ContainerStatus[] = pod.status?.containerStatuses ?? []
  return statuses.find(({ name }) => name === container)
}

/** undefined: the container runs. */
export function podTrouble(pod: KubeObject, container: string): PodTrouble | undefined {
  const status = containerStatus(pod, container)
  if (status?.state?.running) return undefined
  return podPhaseTrouble(pod) ?? initTrouble(pod) ?? containerTrouble(status) ?? waiting(status)
}

function podPhaseTrouble(pod: KubeObject): PodTrouble | undefined {
  const { phase, reason, message } = pod.status ?? {}
  if (phase === 'Failed' || phase === 'Succeeded') {
    return { reason: reason ?? phase, message: oneLine(message ?? 'the pod has ended'), patience: 'long' }
  }
  const conditions: { type: string; status: string; reason?: string; message?: string }[] = pod.status?.conditions ?? []
  const scheduled = conditions.find(({ type }) => type === 'PodScheduled')
  if (scheduled?.status !== 'False') return undefined
  return {
    reason: scheduled.reason ?? 'Unschedulable',
    message: oneLine(scheduled.message ?? 'no node takes the pod'),
    hint: 'free a node, or ask for less with `resources` in the manifest; a claim that it mounts must be bound',
    patience: 'long',
  }
}

function initTrouble(pod: KubeObject): PodTrouble | undefined {
  for (const status of (pod.status?.initContainerStatuses ?? []) as ContainerStatus[]) {
    const trouble = containerTrouble(status)
    // theirs may wait for a database by failing until it is there
    if (!trouble) continue
    if (isOurs(status)) return isOfImage(trouble) ? { ...trouble, hint: agentImageHint } : trouble
    return { ...trouble, patience: isCrash(trouble) ? 'long' : trouble.patience }
  }
  return undefined
}

function isOurs({ name }: ContainerStatus): boolean {
  return name === agentPartName
}

function isOfImage({ reason }: PodTrouble): boolean {
  return reason.includes('Image')
}

/** Our init container's image is not the manifest's `image`. */
const agentImageHint =
  'this is the image of Node that brings the agent: set PODSWAP_AGENT_IMAGE, or `initContainer.image` in the manifest, ' +
  'to one that the cluster can pull'

function isCrash({ log }: PodTrouble): boolean {
  return log !== undefined
}

const hints: Record<string, string> = {
  ErrImagePull: 'is the image there, and may the cluster pull it? `image` and `imagePullPolicy` are in the manifest',
  ImagePullBackOff:
    'is the image there, and may the cluster pull it? `image` and `imagePullPolicy` are in the manifest',
  ErrImageNeverPull: 'the node does not have the image: change `imagePullPolicy`',
  InvalidImageName: 'correct `image` in the manifest',
  CreateContainerConfigError:
    'what it names must be there; or, for a named USER in the image, set `securityContext.runAsUser`',
}

function containerTrouble(status: ContainerStatus | undefined): PodTrouble | undefined {
  const { waiting, terminated } = status?.state ?? {}
  if (waiting?.reason === 'CrashLoopBackOff') return crash(status, waiting.reason, waiting.message, true)
  if (waiting?.reason && !isOnTheWay(waiting.reason)) {
    const { reason, message = '' } = waiting
    const hint = hints[reason]
    const said = `${status?.name}: ${oneLine(message)}`
    return { reason, message: said, patience: 'short', ...(hint && { hint }) }
  }
  if (terminated && terminated.exitCode !== 0) {
    const { reason = 'Error', exitCode, message } = terminated
    return crash(status, reason, message ?? `exit code ${exitCode}`, false)
  }
  return undefined
}

function crash(status: ContainerStatus | undefined, reason: string, message = '', previous: boolean): PodTrouble {
  const { name: container = '' } = status ?? {}
  const ended = previous ? lastEnd(status) : reason === outOfMemory ? { text: '', hint: memoryHint } : undefined
  const said = `${container}: ${oneLine(message)}${ended?.text ? `; it ended with ${ended.text}` : ''}`
  const hint = ended?.hint
  return { reason, message: said, patience: 'short', log: { container, previous }, ...(hint && { hint }) }
}

/**
 * What keeps another container of the pod from running while the dev container does: the pod is not Ready then. One that
 * failed once and is tried again at once is none.
 */
export function sidecarTrouble(pod: KubeObject, container: string): PodTrouble | undefined {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {}
  const others: ContainerStatus[] = [...initContainerStatuses, ...containerStatuses]
  const stuck = others.find(({ name, state }) => name !== container && state?.waiting)
  const trouble = stuck && containerTrouble(stuck)
  if (!trouble) return undefined
  const hint = trouble.hint ?? `kubectl logs ${pod.metadata.name} -c ${stuck.name} --previous`
  return { ...trouble, message: `${trouble.message}; as long as that lasts no Service leads to the pod`, hint }
}

function waiting(status: ContainerStatus | undefined): PodTrouble {
  const { reason = 'Pending', message } = status?.state?.waiting ?? {}
  return { reason, message: oneLine(message ?? ''), patience: 'none' }
}

function isOnTheWay(reason: string): boolean {
  return reason === 'ContainerCreating' || reason === 'PodInitializing'
}

export function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ').trim().slice(0, 1000)
}

/** Why the cluster took a pod away (evicted, drained, preempted), in its own words; undefined where nobody says. */
export function podEnd(pod: KubeObject): string | undefined {
  const { phase, reason, message } = pod.status ?? {}
  if (phase === 'Failed' && reason) return oneLine(message ? `${reason}: ${message}` : reason)
  const conditions: { type: string; status: string; reason?: string; message?: string }[] = pod.status?.conditions ?? []
  const disruption = conditions.find(({ type, status }) => type === 'DisruptionTarget' && status === 'True')
  return disruption && oneLine(`${disruption.reason}: ${disruption.message ?? ''}`)
}

/** Why a container's last run ended; undefined where it is its first. */
export function lastEnd(status: ContainerStatus | undefined): { text: string; hint?: string } | undefined {
  const end = status?.lastState?.terminated
  if (!end) return undefined
  const { reason = 'Error', exitCode } = end
  return { text: `${reason} (exit code ${exitCode})`, ...(reason === outOfMemory && { hint: memoryHint }) }
}

const outOfMemory = 'OOMKilled'
const memoryHint = 'raise `resources.limits.memory` in the manifest: the container ran out of it'

/** The newest that is not on its way out; one that has ended only where there is no other. */
export function currentPod(pods: KubeObject[]): KubeObject | undefined {
  const rank = (pod: KubeObject) => (['Failed', 'Succeeded'].includes(pod.status?.phase) ? 0 : 1)
  const staying = pods.filter(({ metadata }) => !metadata.deletionTimestamp)
  const created = ({ metadata }: KubeObject) => metadata.creationTimestamp ?? ''
  return staying.sort((a, b) => rank(b) - rank(a) || created(b).localeCompare(created(a)))[0]
}

/** What admission said to the ReplicaSet: a quota, a LimitRange, Pod Security, a webhook. */
export function replicaFailure(clone: KubeObject | undefined): PodTrouble | undefined {
  const conditions: { type: string; status: string; reason?: string; message?: string }[] =
    clone?.status?.conditions ?? []
  const failure = conditions.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True')
  if (!failure) return undefined
  return {
    reason: failure.reason ?? 'FailedCreate',
    message: oneLine(failure.message ?? ''),
    hint: 'the namespace refuses the pod: free quota, or change `resources` or `securityContext` in the manifest',
    patience: 'short',
  }
}
