import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { clusterErrorOf } from '../cluster/refusal.ts'
import { titleOf } from './find-workload.ts'
import { isOfQuota } from './original.ts'
import { podSecurityWarning } from './pod-security.ts'
import { firstPodName, podTemplate, type Volume } from './pod-template.ts'
import type { Situation } from './situation.ts'
import type { OnSwapEvent } from './swap-event.ts'

/**
 * Asks whether the namespace would take the original's pods today: it may have become stricter since they were made, and
 * scaled to 0 they could not come back. Fails with `rejected` where it would not; what a webhook refuses is a warning. Who
 * may not create pods is told what Pod Security says of the workload, which it may enforce or only warn of. Nothing is
 * asked where nothing runs.
 */
export async function tryOriginal(
  cluster: Cluster,
  { workload, oldPods }: Pick<Situation, 'workload' | 'oldPods'>,
  { signal, on }: { signal: AbortSignal; on: OnSwapEvent },
): Promise<void> {
  const running = oldPods.find(pod => pod.status?.phase === 'Running')
  if (!running) return
  try {
    await cluster.create('Pod', podOf(workload, running), { dryRun: true, signal })
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof UserError)) throw error
    if (error.code === 'forbidden') return await warnOfPodSecurity(cluster, workload, { signal, on })
    // What they have of a quota is free again by then. Anything but a refusal by admission is no answer to the question.
    if (error.code !== 'rejected' || clusterErrorOf(error)?.status !== 403 || isOfQuota(error.message)) return
    if (isOfWebhook(error.message)) {
      const message = `a new pod of ${titleOf(workload)} is refused: ${error.message}`
      on({ type: 'warning', message, hint: mayNotComeBack })
      return
    }
    throw new UserError(
      'rejected',
      `${titleOf(workload)} could not come back: its namespace refuses ${error.message}`,
      {
        hint: 'its pods were made before that was forbidden: change the workload, or the namespace; nothing was touched',
        cause: error.cause,
      },
    )
  }
}

async function warnOfPodSecurity(
  cluster: Cluster,
  workload: KubeObject,
  { signal, on }: { signal: AbortSignal; on: OnSwapEvent },
): Promise<void> {
  const violation = await podSecurityWarning(cluster, workload, signal)
  if (!violation) return
  const message = `new pods of ${titleOf(workload)} ${violation}`
  on({ type: 'warning', message, hint: 'where the namespace enforces that, `podswap down` cannot bring them back' })
}

/** It may mean the person who asks, where the controller may. Refusals carry nothing but prose. */
function isOfWebhook(refusal: string): boolean {
  return refusal.includes('admission webhook')
}

const mayNotComeBack = 'where that is not only because it is you who asks, `podswap down` cannot bring it back'

/** As its controller makes the first one; with that controller for an owner, for some namespaces refuse pods without any. */
function podOf(workload: KubeObject, running: KubeObject): KubeObject {
  const { metadata, spec } = podTemplate(workload)
  const first = firstPodName(workload)
  const templates: KubeObject[] = workload.spec.volumeClaimTemplates ?? []
  const claims = templates.map(
    ({ metadata: { name = '' } }): Volume => ({ name, persistentVolumeClaim: { claimName: `${name}-${first}` } }),
  )
  const volumes = [...(spec.volumes ?? []), ...claims]
  // to block its deletion may be a right of its own
  const owners = (running.metadata.ownerReferences ?? []).map(({ blockOwnerDeletion: _, ...owner }) => owner)
  const name = `${workload.metadata.name}-podswap-dry-run`
  return {
    metadata: { ...metadata, name, ...(owners.length > 0 && { ownerReferences: owners }) },
    spec: { ...spec, ...(volumes.length > 0 && { volumes }) },
  }
}
