import type { ApiObject } from '../store/api-object.ts'
import { resourceTypes } from '../store/resource-types.ts'
import type { Work } from './control-loop.ts'
import { type ControllerContext, withoutZeros } from './controller-context.ts'
import { isActive, isOver, isReady } from './pod-state.ts'
import { templateHash } from './template-hash.ts'

export const statefulSetController = 'statefulset-controller'
const revisionLabel = 'controller-revision-hash'

/** Keeps pods of fixed names, in their order, each with its own claims. */
export function reconcileStatefulSet(context: ControllerContext, { namespace, name }: Work): void {
  const set = context.store.get(resourceTypes.StatefulSet, { namespace, name })
  if (!set || set.metadata.deletionTimestamp) return
  const revision = `${name}-${templateHash(set.spec.template)}`
  step(context, set, revision)
  writeStatus(context, set, revision)
}

/** One after the other unless the policy is `Parallel`: nothing moves while a pod is on its way up or down. */
function step(context: ControllerContext, set: ApiObject, revision: string): void {
  const { replicas, podManagementPolicy, ordinals } = set.spec
  const start = ordinals?.start ?? 0
  const isParallel = podManagementPolicy === 'Parallel'
  const pods = new Map(context.ownedBy(set, resourceTypes.Pod).map(pod => [ordinalOf(pod), pod]))
  for (let ordinal = start; ordinal < start + replicas; ordinal += 1) {
    const pod = pods.get(ordinal)
    if (!pod) createPod(context, set, ordinal, revision)
    // a pod that ended is made anew under its name
    else if (isOver(pod) && !pod.metadata.deletionTimestamp) remove(context, set, pod)
    if (!isParallel && !(pod && isReady(pod) && isActive(pod))) return
  }
  const excess = [...pods].filter(([ordinal]) => ordinal < start || ordinal >= start + replicas)
  for (const [, pod] of excess.sort(([a], [b]) => b - a)) {
    if (!pod.metadata.deletionTimestamp) remove(context, set, pod)
    if (!isParallel) return
  }
  if (excess.length > 0) return
  replaceOutdated(context, set, pods, revision)
}

function replaceOutdated(
  context: ControllerContext,
  set: ApiObject,
  pods: Map<number, ApiObject>,
  revision: string,
): void {
  const { type, rollingUpdate } = set.spec.updateStrategy
  if (type !== 'RollingUpdate') return
  for (const [ordinal, pod] of [...pods].sort(([a], [b]) => b - a)) {
    if (ordinal < (rollingUpdate?.partition ?? 0)) return
    if (pod.metadata.labels?.[revisionLabel] !== revision) {
      if (!pod.metadata.deletionTimestamp) remove(context, set, pod)
      return
    }
    if (!isReady(pod)) return
  }
}

function ordinalOf({ metadata }: ApiObject): number {
  return Number(/-(\d+)$/.exec(metadata.name ?? '')?.[1])
}

function createPod(context: ControllerContext, set: ApiObject, ordinal: number, revision: string): void {
  const { name: setName = '', namespace } = set.metadata
  const name = `${setName}-${ordinal}`
  const { metadata, spec } = set.spec.template
  const templates: ApiObject[] = set.spec.volumeClaimTemplates ?? []
  for (const template of templates) createClaim(context, set, template, name)
  const claims = templates.map(template => ({
    name: template.metadata.name,
    persistentVolumeClaim: { claimName: `${template.metadata.name}-${name}` },
  }))
  const others = (spec.volumes ?? []).filter(
    ({ name: own }: { name: string }) => !claims.some(claim => claim.name === own),
  )
  const volumes = [...claims, ...others]
  const labels = {
    ...metadata.labels,
    'apps.kubernetes.io/pod-index': String(ordinal),
    [revisionLabel]: revision,
    'statefulset.kubernetes.io/pod-name': name,
  }
  const identity = { hostname: name, ...(set.spec.serviceName && { subdomain: set.spec.serviceName }) }
  try {
    context.createPod(
      set,
      { ...metadata, name, namespace, generateName: `${setName}-`, labels },
      { ...spec, ...identity, ...(volumes.length > 0 && { volumes }) },
    )
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const message = `create Pod ${name} in StatefulSet ${setName} failed error: ${why}`
    context.events.record(set, statefulSetController, { type: 'Warning', reason: 'FailedCreate', message })
    throw error
  }
  tell(context, set, 'SuccessfulCreate', `create Pod ${name} in StatefulSet ${setName} successful`)
}

function createClaim(context: ControllerContext, set: ApiObject, template: ApiObject, pod: string): void {
  const { namespace = '' } = set.metadata
  const name = `${template.metadata.name}-${pod}`
  if (context.store.get(resourceTypes.PersistentVolumeClaim, { namespace, name })) return
  const labels = { ...template.metadata.labels, ...set.spec.selector.matchLabels }
  context.create(resourceTypes.PersistentVolumeClaim, {
    metadata: {
      name,
      namespace,
      labels,
      ...(template.metadata.annotations && { annotations: template.metadata.annotations }),
    },
    spec: template.spec,
  })
  tell(context, set, 'SuccessfulCreate', `create Claim ${name} Pod ${pod} in StatefulSet ${set.metadata.name} success`)
}

/** With `whenScaled: Delete` the claims of a pod that is scaled away go with it, once it is gone. */
function remove(context: ControllerContext, set: ApiObject, pod: ApiObject): void {
  context.remove(resourceTypes.Pod, pod)
  const { name } = set.metadata
  tell(context, set, 'SuccessfulDelete', `delete Pod ${pod.metadata.name} in StatefulSet ${name} successful`)
  const start = set.spec.ordinals?.start ?? 0
  const isScaledAway = ordinalOf(pod) < start || ordinalOf(pod) >= start + set.spec.replicas
  if (!isScaledAway || set.spec.persistentVolumeClaimRetentionPolicy?.whenScaled !== 'Delete') return
  for (const template of (set.spec.volumeClaimTemplates ?? []) as ApiObject[]) {
    const key = { namespace: set.metadata.namespace ?? '', name: `${template.metadata.name}-${pod.metadata.name}` }
    const claim = context.store.get(resourceTypes.PersistentVolumeClaim, key)
    if (claim) context.remove(resourceTypes.PersistentVolumeClaim, claim)
  }
}

function writeStatus(context: ControllerContext, set: ApiObject, revision: string): void {
  const pods = context.ownedBy(set, resourceTypes.Pod).filter(pod => !isOver(pod))
  const ready = pods.filter(isReady).length
  const updated = pods.filter(pod => pod.metadata.labels?.[revisionLabel] === revision).length
  const isComplete = updated === pods.length
  const currentRevision = isComplete ? revision : (set.status?.currentRevision ?? revision)
  const current = pods.filter(pod => pod.metadata.labels?.[revisionLabel] === currentRevision).length
  context.setStatus(resourceTypes.StatefulSet, set, {
    observedGeneration: set.metadata.generation,
    replicas: pods.length,
    ...withoutZeros({ readyReplicas: ready, currentReplicas: current, updatedReplicas: updated }),
    currentRevision,
    updateRevision: revision,
    collisionCount: 0,
    availableReplicas: ready,
  })
}

function tell(context: ControllerContext, set: ApiObject, reason: string, message: string): void {
  context.events.record(set, statefulSetController, { type: 'Normal', reason, message })
}
