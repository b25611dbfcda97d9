import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { awaitCloneGone } from './clone-gone.ts'
import { ownersOf } from './field-owners.ts'
import { titleOf } from './find-workload.ts'
import { awaitTaken, awaitUnrefused, isOfQuota } from './original.ts'
import { isOurs, removeMarks } from './original-marks.ts'
import { marks, readSession, readUndo, type Undo, undoLabel } from './record.ts'
import { SetRefusals } from './set-refusals.ts'
import type { OnSwapEvent } from './swap-event.ts'
import { patchAfresh } from './write-again.ts'

/** A controller says within a second whether its first pod was taken. */
export const takenMs = 10_000
const quotaMs = 30_000

interface ScalingUp {
  signal: AbortSignal
  on: OnSwapEvent
}

/**
 * A value other than 0 is what somebody wants meanwhile: it stays. Where the clone still runs, the session's label goes
 * first of all: it tells a session that lives elsewhere that this is no scaling up to fight (`isBeingUndone`).
 */
export async function restore(
  cluster: Cluster,
  workload: KubeObject,
  { signal, on, isHandedOver = false }: ScalingUp & { isHandedOver?: boolean },
): Promise<KubeObject> {
  let isTold = false
  const restored = await patchAfresh(cluster, workload, signal, current => {
    const undo = readUndo(current)
    const spec = undo && restoredSpec(current, undo)
    isTold ||= spec !== undefined
    const isSession = isHandedOver && undo !== undefined && readSession(current) !== undefined
    if (!spec && !isSession) return undefined
    return { ...(spec && { spec }), ...(isSession && { metadata: { labels: { [marks.session]: null } } }) }
  })
  if (isTold) on({ type: 'restored', workload: titleOf(restored), replicas: restored.spec.replicas })
  return restored
}

/** undefined: nothing to put back. */
function restoredSpec(workload: KubeObject, undo: Undo): object | undefined {
  const isDown = workload.spec.replicas === 0 && undo.replicas > 0
  const retains = workload.spec.persistentVolumeClaimRetentionPolicy?.whenScaled === 'Retain'
  const isKept = undo.whenScaled !== undefined && retains
  if (!isDown && !isKept) return undefined
  return {
    ...(isDown && { replicas: undo.replicas }),
    ...(isKept && { persistentVolumeClaimRetentionPolicy: { whenScaled: undo.whenScaled } }),
  }
}

interface Insisting {
  workload: KubeObject
  /** The clones' names. */
  names: string[]
  title: string
  restored: KubeObject
  /** The dev pod, which is not in the way. */
  stays: boolean
  refusal: string
}

/**
 * What is refused now may have been so for another reason: the clone's pod used up the quota, or the controller backs off since
 * an earlier `down`. Fails with `rejected` where the namespace goes on; all that undoes the swap is still there then.
 */
export async function insistOnPods(
  cluster: Cluster,
  { workload, names, title, restored, stays, refusal: first }: Insisting,
  options: ScalingUp & { readyMs: number },
): Promise<KubeObject> {
  const { signal, on, readyMs } = options
  // what a pod had of a quota is free a while after it is gone
  const isPatient = isOfQuota(first)
  const timeoutMs = Math.min(readyMs, isPatient ? quotaMs : takenMs)
  if (!stays) await awaitCloneGone(cluster, { cloneNames: names, workload, signal, on })
  const down = await scaleToNone(cluster, restored, signal)
  await awaitUnrefused(cluster, down, { timeoutMs, signal })
  const refusals = new SetRefusals(cluster, down)
  await refusals.begin(signal)
  const again = await restore(cluster, down, { ...options, on: () => {} })
  const { refusal } = await awaitTaken(cluster, again, { timeoutMs, refusals, isPatient, signal, on })
  if (refusal === undefined) return again
  const dev = stays ? 'Its dev pod stays until then.' : 'Nothing of it runs until then.'
  throw new UserError('rejected', `${title} is scaled up, but the namespace refuses its pods: ${refusal}`, {
    hint: `when the namespace takes them again, run \`podswap down\` once more. ${dev}`,
  })
}

/**
 * The controller backs off for up to 16 minutes after a quota, which the clone's pod still used up, refused a pod. A
 * change of its replicas has it try at once; that is a swap of a moment, and undone as any other.
 */
export async function askAgain(cluster: Cluster, workload: KubeObject, options: ScalingUp): Promise<KubeObject> {
  const { signal } = options
  const owners = ownersOf(workload).filter(entry => !isOurs(entry))
  const down = await scaleToNone(cluster, workload, signal)
  const restored = await restore(cluster, down, { ...options, on: () => {} })
  return removeMarks(cluster, restored, owners, signal)
}

/** With a record of what it had; claims that scaling to 0 would delete stay. */
function scaleToNone(cluster: Cluster, workload: KubeObject, signal: AbortSignal): Promise<KubeObject> {
  return patchAfresh(cluster, workload, signal, ({ spec }) => {
    const { replicas } = spec
    if (replicas === 0) return undefined
    const deletes = spec.persistentVolumeClaimRetentionPolicy?.whenScaled === 'Delete'
    return {
      metadata: { labels: { [marks.undo]: undoLabel({ replicas, ...(deletes && { whenScaled: 'Delete' }) }) } },
      spec: { replicas: 0, ...(deletes && { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Retain' } }) },
    }
  })
}
