import type { ApiObject } from '../store/api-object.ts'
import { withoutZeros } from './controller-context.ts'
import { conditionOf, withCondition } from './pod-state.ts'
import { unavailableOf } from './rolling-update.ts'

/** What a Deployment says of itself, from its ReplicaSets. */
export function deploymentStatus(
  deployment: ApiObject,
  sets: ApiObject[],
  newest: ApiObject | undefined,
  time: string,
): object {
  const { spec, metadata, status = {} } = deployment
  const sum = (name: string, of: ApiObject[] = sets) => of.reduce((total, set) => total + (set.status?.[name] ?? 0), 0)
  const replicas = sum('replicas')
  const available = sum('availableReplicas')
  const updated = newest ? sum('replicas', [newest]) : 0
  const wanted = sets.reduce((total, set) => total + set.spec.replicas, 0)
  const isAvailable = available >= spec.replicas - unavailableOf(spec)
  const isComplete = updated === spec.replicas && replicas === spec.replicas && available >= spec.replicas
  let conditions = withCondition(status.conditions, availability(isAvailable), time)
  conditions = withCondition(conditions, progress(newest, isComplete, deployment), time)
  const failure = sets.map(set => conditionOf(set, 'ReplicaFailure')).find(Boolean)
  conditions = failure
    ? withCondition(conditions, { type: 'ReplicaFailure', status: 'True', ...pick(failure) }, time)
    : conditions.filter(({ type }) => type !== 'ReplicaFailure')
  return {
    observedGeneration: metadata.generation,
    ...withoutZeros({
      replicas,
      updatedReplicas: updated,
      readyReplicas: sum('readyReplicas'),
      availableReplicas: available,
      unavailableReplicas: Math.max(0, wanted - available),
    }),
    conditions,
  }
}

function pick({ reason = '', message = '' }: Record<string, string>) {
  return { reason, message }
}

function availability(isAvailable: boolean) {
  return isAvailable
    ? {
        type: 'Available',
        status: 'True',
        reason: 'MinimumReplicasAvailable',
        message: 'Deployment has minimum availability.',
      }
    : {
        type: 'Available',
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      }
}

function progress(newest: ApiObject | undefined, isComplete: boolean, deployment: ApiObject) {
  const base = { type: 'Progressing', status: 'True' }
  if (!newest) {
    const message = `Deployment "${deployment.metadata.name}" waits for its old pods.`
    return { ...base, reason: 'ReplicaSetUpdated', message }
  }
  const set = `ReplicaSet "${newest.metadata.name}"`
  return isComplete
    ? { ...base, reason: 'NewReplicaSetAvailable', message: `${set} has successfully progressed.` }
    : { ...base, reason: 'ReplicaSetUpdated', message: `${set} is progressing.` }
}
