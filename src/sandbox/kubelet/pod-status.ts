import type { ApiObject } from '../store/api-object.ts'
import type { ContainerWorker } from './container-worker.ts'

export interface PodProgress {
  pod: ApiObject
  hostIp: string
  /** Absent until the pod has its place. */
  podIp: string | undefined
  startTime: string
  workers: ContainerWorker[]
  /** Whether all init containers have done their part. */
  isInitialized: boolean
  /** The pod will run nothing more. */
  isOver: boolean
  /** Something before the first container does not work. */
  waiting?: { reason: string; message: string }
  time: string
}

type Condition = Record<string, unknown>

/** A pod's `status`, from what its containers do; transition times are kept from the status before. */
export function podStatus(progress: PodProgress): object {
  const { pod, hostIp, podIp, startTime, workers } = progress
  const inits = workers.filter(({ isInit }) => isInit)
  const mains = workers.filter(({ isInit }) => !isInit)
  const phase = phaseOf(progress, mains)
  return {
    observedGeneration: pod.metadata.generation,
    phase,
    conditions: conditionsOf(progress, inits, mains, phase),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    ...(podIp && { podIP: podIp, podIPs: [{ ip: podIp }] }),
    startTime,
    ...(inits.length > 0 && { initContainerStatuses: inits.map(worker => statusOf(worker, progress)) }),
    containerStatuses: mains.map(worker => statusOf(worker, progress)),
    qosClass: pod.status?.qosClass,
  }
}

function phaseOf({ isOver, isInitialized, workers }: PodProgress, mains: ContainerWorker[]): string {
  const hasFailed = (worker: ContainerWorker) => (worker.state.terminated?.exitCode ?? 0) !== 0
  if (isOver) return mains.some(hasFailed) || (!isInitialized && workers.some(hasFailed)) ? 'Failed' : 'Succeeded'
  const hasRun = ({ state, lastState }: ContainerWorker) => state.running ?? state.terminated ?? lastState.terminated
  return isInitialized && mains.length > 0 && mains.some(hasRun) && mains.every(worker => !isWaitingFirst(worker))
    ? 'Running'
    : 'Pending'
}

function isWaitingFirst({ state, lastState }: ContainerWorker): boolean {
  return state.waiting !== undefined && lastState.terminated === undefined
}

function conditionsOf(
  progress: PodProgress,
  inits: ContainerWorker[],
  mains: ContainerWorker[],
  phase: string,
): Condition[] {
  const named = (workers: ContainerWorker[]) => `[${workers.map(({ name }) => name).join(' ')}]`
  const incomplete = inits.filter(worker => !(worker.state.terminated?.exitCode === 0 || worker.isStarted))
  const unready = mains.filter(({ isReady }) => !isReady)
  const sidecars = inits.filter(({ container }) => container.restartPolicy === 'Always')
  const missing = [...sidecars.filter(({ isReady }) => !isReady), ...unready]
  const ready =
    phase === 'Succeeded' || phase === 'Failed'
      ? { status: 'False', reason: phase === 'Failed' ? 'PodFailed' : 'PodCompleted' }
      : missing.length === 0 && progress.isInitialized
        ? { status: 'True' }
        : notReady(`containers with unready status: ${named(missing)}`, 'ContainersNotReady')
  const initialized = progress.isInitialized
    ? { status: 'True', ...(phase === 'Succeeded' && { reason: 'PodCompleted' }) }
    : notReady(`containers with incomplete status: ${named(incomplete)}`, 'ContainersNotInitialized')
  const placed = { status: progress.podIp && !progress.isOver ? 'True' : 'False' }
  const scheduled = progress.pod.status?.conditions?.find(({ type }: Condition) => type === 'PodScheduled')
  return [
    condition(progress, 'PodReadyToStartContainers', placed),
    condition(progress, 'Initialized', initialized),
    condition(progress, 'Ready', ready),
    condition(progress, 'ContainersReady', ready),
    ...(scheduled ? [scheduled] : []),
  ]
}

function notReady(message: string, reason: string) {
  return { status: 'False', reason, message }
}

function condition({ pod, time }: PodProgress, type: string, now: { status: string }): Condition {
  const before = pod.status?.conditions?.find((each: Condition) => each.type === type)
  const lastTransitionTime = before?.status === now.status ? before.lastTransitionTime : time
  return { type, observedGeneration: pod.metadata.generation, lastProbeTime: null, lastTransitionTime, ...now }
}

function statusOf(worker: ContainerWorker, { waiting, podIp }: PodProgress): object {
  const { name, state, lastState, isReady, isStarted, restartCount, containerId, container, isInit } = worker
  const isDone = isInit && state.terminated?.exitCode === 0
  return {
    name,
    state: podIp || !waiting ? state : { waiting: { reason: 'ContainerCreating' } },
    lastState,
    ready: isReady || isDone,
    restartCount,
    image: container.image,
    imageID: containerId ? `podswap://${container.image}` : '',
    ...(containerId && { containerID: containerId }),
    started: isStarted,
  }
}
