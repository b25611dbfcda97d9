import { isDeepStrictEqual } from 'node:util'
import { type ApiObject, controllerReference } from '../store/api-object.ts'
import { resourceTypes } from '../store/resource-types.ts'
import type { Work } from './control-loop.ts'
import type { ControllerContext } from './controller-context.ts'
import { deploymentStatus } from './deployment-status.ts'
import { isOver } from './pod-state.ts'
import { newSize, rollStep, surgeOf } from './rolling-update.ts'
import { templateHash } from './template-hash.ts'

export const deploymentController = 'deployment-controller'
const hashLabel = 'pod-template-hash'
export const revisionAnnotation = 'deployment.kubernetes.io/revision'
const notCopied = ['kubectl.kubernetes.io/last-applied-configuration', revisionAnnotation]

/** Keeps one ReplicaSet for each pod template, and moves the replicas to the newest. */
export function reconcileDeployment(context: ControllerContext, { namespace, name }: Work): void {
  const deployment = context.store.get(resourceTypes.Deployment, { namespace, name })
  if (!deployment || deployment.metadata.deletionTimestamp) return
  const sets = context.ownedBy(deployment, resourceTypes.ReplicaSet)
  const current = sets.find(set => isSameTemplate(set, deployment))
  const old = sets.filter(set => set !== current)
  const isRecreate = deployment.spec.strategy.type === 'Recreate'
  if (isRecreate && isOldRunning(context, old)) {
    for (const set of old) scale(context, deployment, set, 0)
  } else {
    const made = current ?? createSet(context, deployment, sets, isRecreate)
    const next = withAnnotations(context, deployment, made, sets)
    if (isRecreate) scale(context, deployment, next, deployment.spec.replicas)
    else for (const { set, replicas } of rollStep(deployment, next, old)) scale(context, deployment, set, replicas)
  }
  const after = context.ownedBy(deployment, resourceTypes.ReplicaSet)
  removeOld(context, deployment, after)
  const newest = after.find(set => isSameTemplate(set, deployment))
  context.setStatus(resourceTypes.Deployment, deployment, deploymentStatus(deployment, after, newest, context.time()))
}

function isSameTemplate(set: ApiObject, deployment: ApiObject): boolean {
  const { [hashLabel]: _hash, ...labels } = set.spec.template.metadata.labels
  const template = { ...set.spec.template, metadata: { ...set.spec.template.metadata, labels } }
  return isDeepStrictEqual(template, deployment.spec.template)
}

/** A pod that is being stopped still runs: `Recreate` waits for its end. */
function isOldRunning(context: ControllerContext, old: ApiObject[]): boolean {
  return old.some(set => set.spec.replicas > 0 || context.ownedBy(set, resourceTypes.Pod).some(pod => !isOver(pod)))
}

function createSet(
  context: ControllerContext,
  deployment: ApiObject,
  sets: ApiObject[],
  isRecreate: boolean,
): ApiObject {
  const { metadata, spec } = deployment
  const hash = templateHash(spec.template)
  const labels = { ...spec.template.metadata.labels, [hashLabel]: hash }
  const replicas = isRecreate ? spec.replicas : newSize(deployment, 0, sets)
  const set = context.create(resourceTypes.ReplicaSet, {
    metadata: {
      name: `${metadata.name}-${hash}`,
      namespace: metadata.namespace,
      labels,
      annotations: copiedAnnotations(deployment, revisionAfter(sets)),
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas,
      selector: { ...spec.selector, matchLabels: { ...spec.selector.matchLabels, [hashLabel]: hash } },
      template: { ...spec.template, metadata: { ...spec.template.metadata, labels } },
      ...(spec.minReadySeconds && { minReadySeconds: spec.minReadySeconds }),
    },
  })
  if (replicas > 0) tellScaled(context, deployment, set, 0, replicas)
  return set
}

function revisionOf({ metadata }: ApiObject): number {
  return Number(metadata.annotations?.[revisionAnnotation] ?? 0)
}

function revisionAfter(sets: ApiObject[]): number {
  return Math.max(0, ...sets.map(revisionOf)) + 1
}

function copiedAnnotations({ metadata, spec }: ApiObject, revision: number): Record<string, string> {
  const copied = Object.entries(metadata.annotations ?? {}).filter(([key]) => !notCopied.includes(key))
  return {
    ...Object.fromEntries(copied),
    'deployment.kubernetes.io/desired-replicas': String(spec.replicas),
    'deployment.kubernetes.io/max-replicas': String(spec.replicas + surgeOf(spec)),
    [revisionAnnotation]: String(revision),
  }
}

/** The Deployment's annotations are copied to its ReplicaSet and never removed there; labels are not copied. */
function withAnnotations(
  context: ControllerContext,
  deployment: ApiObject,
  set: ApiObject,
  sets: ApiObject[],
): ApiObject {
  const others = sets.filter(each => each.metadata.uid !== set.metadata.uid)
  const revision = Math.max(revisionOf(set), others.length > 0 ? revisionAfter(others) : 1)
  const annotations = { ...set.metadata.annotations, ...copiedAnnotations(deployment, revision) }
  const wanted = String(revision)
  if (deployment.metadata.annotations?.[revisionAnnotation] !== wanted) {
    context.update(resourceTypes.Deployment, deployment, before => ({
      ...before,
      metadata: { ...before.metadata, annotations: { ...before.metadata.annotations, [revisionAnnotation]: wanted } },
    }))
  }
  const minReadySeconds = deployment.spec.minReadySeconds
  return context.update(resourceTypes.ReplicaSet, set, before => ({
    ...before,
    metadata: { ...before.metadata, annotations },
    spec: { ...before.spec, ...(minReadySeconds !== undefined && { minReadySeconds }) },
  }))
}

function scale(context: ControllerContext, deployment: ApiObject, set: ApiObject, replicas: number): void {
  if (set.spec.replicas === replicas) return
  context.update(resourceTypes.ReplicaSet, set, before => ({ ...before, spec: { ...before.spec, replicas } }))
  tellScaled(context, deployment, set, set.spec.replicas, replicas)
}

function tellScaled(context: ControllerContext, about: ApiObject, set: ApiObject, from: number, to: number): void {
  const message = `Scaled ${to > from ? 'up' : 'down'} replica set ${set.metadata.name} from ${from} to ${to}`
  context.events.record(about, deploymentController, { type: 'Normal', reason: 'ScalingReplicaSet', message })
}

/** As many old ReplicaSets stay as `revisionHistoryLimit` says, for `rollout undo`. */
function removeOld(context: ControllerContext, deployment: ApiObject, sets: ApiObject[]): void {
  const old = sets.filter(
    set =>
      !isSameTemplate(set, deployment) &&
      set.spec.replicas === 0 &&
      (set.status?.replicas ?? 0) === 0 &&
      set.status?.observedGeneration === set.metadata.generation,
  )
  const excess = old.length - deployment.spec.revisionHistoryLimit
  for (const set of [...old].sort((a, b) => revisionOf(a) - revisionOf(b)).slice(0, Math.max(0, excess))) {
    context.remove(resourceTypes.ReplicaSet, set)
  }
}
