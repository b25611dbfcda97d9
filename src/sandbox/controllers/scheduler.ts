import type { ApiObject } from '../store/api-object.ts'
import { resourceTypes } from '../store/resource-types.ts'
import { claimNamesOf } from './claims.ts'
import type { Work } from './control-loop.ts'
import type { ControllerContext } from './controller-context.ts'
import { isOver } from './pod-state.ts'

/** The one node there is. */
export const nodeName = 'sandbox'
const component = 'default-scheduler'

/** Gives a pod to the node as soon as its claims are there and bound. */
export function schedulePod(context: ControllerContext, { namespace, name }: Work): void {
  const pod = context.store.get(resourceTypes.Pod, { namespace, name })
  if (!pod || pod.spec.nodeName || pod.metadata.deletionTimestamp || isOver(pod)) return
  const problem = claimProblem(context, pod)
  if (problem) {
    const message = `0/1 nodes are available: ${problem}`
    if (setScheduled(context, pod, { status: 'False', reason: 'Unschedulable', message })) {
      context.events.record(pod, component, { type: 'Warning', reason: 'FailedScheduling', message })
    }
    return
  }
  const bound = context.update(resourceTypes.Pod, pod, before => ({ ...before, spec: { ...before.spec, nodeName } }))
  setScheduled(context, bound, { status: 'True' })
  const message = `Successfully assigned ${namespace}/${name} to ${nodeName}`
  context.events.record(pod, component, { type: 'Normal', reason: 'Scheduled', message })
}

function claimProblem(context: ControllerContext, pod: ApiObject): string | undefined {
  const { namespace = '' } = pod.metadata
  for (const name of claimNamesOf(pod)) {
    const claim = context.store.get(resourceTypes.PersistentVolumeClaim, { namespace, name })
    if (!claim) return `persistentvolumeclaim ${JSON.stringify(name)} not found.`
    if (claim.metadata.deletionTimestamp) return `persistentvolumeclaim ${JSON.stringify(name)} is being deleted.`
    if (claim.status?.phase !== 'Bound') return 'pod has unbound immediate PersistentVolumeClaims.'
    const problem = exclusiveProblem(context, pod, claim)
    if (problem) return problem
  }
  return undefined
}

/** `ReadWriteOncePod` is for one pod at a time. */
function exclusiveProblem(context: ControllerContext, pod: ApiObject, claim: ApiObject): string | undefined {
  if (!claim.spec.accessModes.includes('ReadWriteOncePod')) return undefined
  const { namespace, name = '' } = claim.metadata
  const isTaken = context.store
    .list(resourceTypes.Pod, namespace)
    .some(
      other =>
        other.metadata.uid !== pod.metadata.uid &&
        other.spec.nodeName &&
        !isOver(other) &&
        claimNamesOf(other).includes(name),
    )
  return isTaken
    ? 'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.'
    : undefined
}

/** Whether that was news. */
function setScheduled(
  context: ControllerContext,
  pod: ApiObject,
  condition: { status: string; reason?: string; message?: string },
): boolean {
  const before = (pod.status?.conditions ?? []) as Record<string, string>[]
  const own = before.find(({ type }) => type === 'PodScheduled')
  if (own?.status === condition.status && own?.message === condition.message) return false
  const time = own?.status === condition.status ? own.lastTransitionTime : context.time()
  const next = {
    type: 'PodScheduled',
    observedGeneration: pod.metadata.generation,
    status: condition.status,
    lastProbeTime: null,
    lastTransitionTime: time,
    ...(condition.reason && { reason: condition.reason, message: condition.message }),
  }
  const conditions = [...before.filter(({ type }) => type !== 'PodScheduled'), next]
  context.setStatus(resourceTypes.Pod, pod, { ...pod.status, conditions })
  return true
}
