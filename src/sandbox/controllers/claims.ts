import type { ApiObject } from '../store/api-object.ts'
import { resourceTypes } from '../store/resource-types.ts'
import type { Work } from './control-loop.ts'
import type { ControllerContext } from './controller-context.ts'
import { isOver } from './pod-state.ts'

const protection = 'kubernetes.io/pvc-protection'

/** Binds a claim at once (a folder is made when a pod comes), and lets a deleted one go when no pod uses it. */
export function reconcileClaim(context: ControllerContext, { namespace, name }: Work): void {
  const claim = context.store.get(resourceTypes.PersistentVolumeClaim, { namespace, name })
  if (!claim) return
  const { finalizers = [], deletionTimestamp } = claim.metadata
  if (deletionTimestamp && finalizers.includes(protection) && !isUsed(context, claim)) {
    context.update(resourceTypes.PersistentVolumeClaim, claim, before => ({
      ...before,
      metadata: { ...before.metadata, finalizers: finalizers.filter(each => each !== protection) },
    }))
    return
  }
  if (claim.status?.phase === 'Bound' || deletionTimestamp) return
  const volumeName = `pvc-${claim.metadata.uid}`
  const bound = context.update(resourceTypes.PersistentVolumeClaim, claim, before => ({
    ...before,
    spec: { ...before.spec, volumeName },
  }))
  context.setStatus(resourceTypes.PersistentVolumeClaim, bound, {
    phase: 'Bound',
    accessModes: claim.spec.accessModes,
    capacity: { storage: claim.spec.resources.requests.storage },
  })
}

export function claimNamesOf(pod: ApiObject): string[] {
  const volumes: { persistentVolumeClaim?: { claimName: string } }[] = pod.spec.volumes ?? []
  return volumes.flatMap(({ persistentVolumeClaim }) =>
    persistentVolumeClaim ? [persistentVolumeClaim.claimName] : [],
  )
}

function isUsed(context: ControllerContext, claim: ApiObject): boolean {
  return context.store
    .list(resourceTypes.Pod, claim.metadata.namespace)
    .some(pod => !isOver(pod) && claimNamesOf(pod).includes(claim.metadata.name ?? ''))
}
