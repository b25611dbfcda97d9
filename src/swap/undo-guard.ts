import { systemTimers, type Timers } from '../../syncer/base/clock.ts'
import { deadline } from '../../syncer/base/deadline.ts'
import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { findLease, type LeaseState, takeLease } from './lease.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import type { WorkloadKind } from './record.ts'

/** Who puts a workload back; a `down` has a session of its own (`undoSession`). */
export interface Undoer {
  /** `user@host` */
  owner: string
  session: string
}

/** The workload's lease; null, too, where the person has no right to Leases: labels alone decide then. */
export async function leaseIfAllowed(
  cluster: Cluster,
  target: { kind: WorkloadKind; name: string },
  signal: AbortSignal,
): Promise<LeaseState | null> {
  try {
    return await findLease(cluster, target, signal)
  } catch (error) {
    if (error instanceof UserError && error.code === 'forbidden') return null
    throw error
  }
}

/** For the last word of a `work` that failed. */
const dropTimeoutMs = 3_000

/**
 * Does `work` with the workload's lease in hand, so that nobody swaps what is being put back, and deletes it in the end,
 * also where `work` fails: nobody is at it then, and the labels say what is left to do.
 * Where somebody takes it meanwhile, the signal that `work` is given aborts with `held`. A workload without a lease gets
 * none: its labels guard it as well as they can.
 */
export async function guardUndo<T>(
  cluster: Cluster,
  of: { workload: KubeObject; lease: LeaseState | null; by: Undoer; signal: AbortSignal; timers?: Timers },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { workload, lease, by, signal, timers = systemTimers } = of
  if (!lease) return work(signal)
  const holder = { ...by, dev: lease.dev }
  const taken = await takeLease(cluster, { workload, holder, takeOver: true, signal }, lease)
  const keeper = new LeaseKeeper(cluster, { workload, holder, lease: taken, timers })
  const done = new AbortController()
  const lost = new AbortController()
  const keeping = keeper.keep(AbortSignal.any([signal, done.signal])).catch(error => lost.abort(error))
  try {
    const result = await work(AbortSignal.any([signal, lost.signal]))
    await keeper.drop(signal)
    return result
  } catch (error) {
    using limit = deadline(timers, dropTimeoutMs)
    // it lapses by itself
    await keeper.drop(limit.signal).catch(() => {})
    throw error
  } finally {
    done.abort()
    await keeping
  }
}
