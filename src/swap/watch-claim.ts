import type { Timers } from '../../syncer/base/clock.ts'
import { UserError } from '../../syncer/base/errors.ts'
import { pause } from '../../syncer/base/pause.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import type { DevPodNews } from './dev-pod-watcher.ts'
import { oneLine } from './pod-trouble.ts'

const lookEveryMs = 2_000
/** Why a claim stays as it is; the first is of type Normal. */
const reasons = ['FailedBinding', 'ProvisioningFailed']
const hint =
  '`persistentVolume` in the manifest asks for it: `storageClass` names one of `kubectl get storageclass`, without it ' +
  'the cluster must have a default one'

type EventObject = KubeObject & { reason?: string; message?: string; lastTimestamp?: string }

/**
 * Until the claim is bound, or gone: tells, in the cluster's words and once for each cause, why it is not. To wait for its first
 * pod is no cause. What cannot be read is passed over: the pod's own trouble says that it waits.
 */
export async function watchClaim(
  cluster: Cluster,
  name: string,
  { signal, on, timers }: { signal: AbortSignal; on: (news: DevPodNews) => void; timers: Timers },
): Promise<void> {
  const told = new Set<string>()
  while (!signal.aborted) {
    const why = await whyUnbound(cluster, name, signal)
    if (why === 'settled' || signal.aborted) return
    if (why && !told.has(why)) {
      told.add(why)
      on({ state: 'warning', name: `the volume ${name}`, message: why, hint })
    }
    await pause(timers, lookEveryMs, signal)
  }
}

async function whyUnbound(cluster: Cluster, name: string, signal: AbortSignal): Promise<string | undefined> {
  try {
    const claim = await cluster.find('PersistentVolumeClaim', name, { signal })
    if (claim?.status?.phase !== 'Pending') return 'settled'
    const fieldSelector = `involvedObject.uid=${claim.metadata.uid}`
    const events = (await cluster.list('Event', { fieldSelector, signal })) as EventObject[]
    const newest = events
      .filter(({ reason = '' }) => reasons.includes(reason))
      .sort((a, b) => (a.lastTimestamp ?? '').localeCompare(b.lastTimestamp ?? ''))
      .at(-1)
    return newest && `${newest.reason}: ${oneLine(newest.message ?? '')}`
  } catch (error) {
    if (signal.aborted) return undefined
    if (error instanceof UserError && error.code === 'forbidden') return 'settled'
    if (error instanceof UserError) return undefined
    throw error
  }
}
