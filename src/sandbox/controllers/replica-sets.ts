import type { ApiObject } from '../store/api-object.ts'
import { resourceTypes } from '../store/resource-types.ts'
import type { Work } from './control-loop.ts'
import { type ControllerContext, withoutZeros } from './controller-context.ts'
import { isActive, isReady, untilAvailableMs, withCondition } from './pod-state.ts'

export const replicaSetController = 'replicaset-controller'

/** Keeps as many pods as `spec.replicas` says. */
export function reconcileReplicaSet(context: ControllerContext, { namespace, name }: Work): void {
  const set = context.store.get(resourceTypes.ReplicaSet, { namespace, name })
  if (!set || set.metadata.deletionTimestamp) return
  const pods = context.ownedBy(set, resourceTypes.Pod).filter(isActive)
  let failure: Error | undefined
  try {
    createMissing(context, set, set.spec.replicas - pods.length)
  } catch (error) {
    failure = error as Error
  }
  for (const pod of toDelete(pods, pods.length - set.spec.replicas)) {
    context.remove(resourceTypes.Pod, pod)
    const message = `Deleted pod: ${pod.metadata.name}`
    context.events.record(set, replicaSetController, { type: 'Normal', reason: 'SuccessfulDelete', message })
  }
  writeStatus(context, set, failure)
  if (failure) throw failure
}

function createMissing(context: ControllerContext, set: ApiObject, count: number): void {
  const { metadata, spec } = set.spec.template
  for (let made = 0; made < count; made += 1) {
    try {
      const pod = context.createPod(set, { ...metadata, generateName: `${set.metadata.name}-` }, spec)
      const message = `Created pod: ${pod.metadata.name}`
      context.events.record(set, replicaSetController, { type: 'Normal', reason: 'SuccessfulCreate', message })
    } catch (error) {
      const message = `Error creating: ${error instanceof Error ? error.message : String(error)}`
      context.events.record(set, replicaSetController, { type: 'Warning', reason: 'FailedCreate', message })
      throw error
    }
  }
}

/** Those that are least far along, then the youngest. */
function toDelete(pods: ApiObject[], count: number): ApiObject[] {
  const rank = (pod: ApiObject) =>
    (pod.spec.nodeName ? 1 : 0) + (pod.status?.phase === 'Running' ? 2 : 0) + (isReady(pod) ? 4 : 0)
  const versionOf = ({ metadata }: ApiObject) => metadata.creationTimestamp ?? ''
  return [...pods]
    .sort((a, b) => rank(a) - rank(b) || (versionOf(a) < versionOf(b) ? 1 : -1))
    .slice(0, Math.max(0, count))
}

function writeStatus(context: ControllerContext, set: ApiObject, failure: Error | undefined): void {
  const pods = context.ownedBy(set, resourceTypes.Pod).filter(isActive)
  const waits = pods.map(pod => untilAvailableMs(pod, set.spec.minReadySeconds ?? 0, context.now()))
  const next = waits.filter(wait => wait !== undefined && wait > 0) as number[]
  const { namespace = '', name = '' } = set.metadata
  if (next.length > 0) context.loop.enqueueAfter(Math.min(...next), replicaSetController, namespace, name)
  const counts = {
    fullyLabeledReplicas: pods.length,
    readyReplicas: pods.filter(isReady).length,
    availableReplicas: waits.filter(wait => wait === 0).length,
  }
  const others = (set.status?.conditions ?? []).filter(({ type }: { type: string }) => type !== 'ReplicaFailure')
  const failed = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: failure?.message ?? '' }
  const conditions = failure ? withCondition(set.status?.conditions, failed, context.time()) : others
  context.setStatus(resourceTypes.ReplicaSet, set, {
    replicas: pods.length,
    ...withoutZeros(counts),
    observedGeneration: set.metadata.generation,
    ...(conditions.length > 0 && { conditions }),
  })
}
