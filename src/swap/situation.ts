import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { cloneNames } from './clone-name.ts'
import { selectorText } from './follow.ts'
import { findLease, type LeaseState } from './lease.ts'
import { workloadKind } from './plan.ts'
import { isRecordOf, marks, readRecord, readSession, readUndo, type SwapRecord } from './record.ts'

/** What there is of a swap in the cluster before we do anything. */
export interface Situation {
  workload: KubeObject
  /** The clone of this very workload. */
  clone: KubeObject | undefined
  record: SwapRecord | undefined
  /** Name that the clone has or will have. */
  cloneName: string
  /** A clone that is over, or of a workload that had this name before; it is in the way. */
  stale: KubeObject | undefined
  /** Who is at it now; null: nobody. */
  lease: LeaseState | null
  /** Leases may not be read here: then nobody can tell whether a holder is still there. */
  leaseDenied?: UserError
  /** Pods that the original's selector finds, without the clone's; newest first. */
  oldPods: KubeObject[]
}

export async function readSituation(cluster: Cluster, workload: KubeObject, signal: AbortSignal): Promise<Situation> {
  const { name = '' } = workload.metadata
  const names = cloneNames(workloadKind(workload), name)
  const labelSelector = selectorText(workload.spec.selector)
  const [first, pods, { lease, leaseDenied }] = await Promise.all([
    cluster.find('Deployment', names[0], { signal }),
    cluster.list('Pod', { labelSelector, signal }),
    lookForLease(cluster, workload, signal),
  ])
  const found = first && isOfOther(first, workload) ? await cluster.find('Deployment', names[1], { signal }) : first
  const record = found ? readRecord(found) : undefined
  // a `down` that died at its very end leaves a clone at 0 and no label
  const isOver = found?.spec.replicas === 0 && !readUndo(workload)
  const isOurs = found !== null && isRecordOf(record, workload) && !isOver
  return {
    workload,
    clone: isOurs ? found : undefined,
    record: isOurs ? record : undefined,
    cloneName: found?.metadata.name ?? (first ? names[1] : names[0]),
    lease,
    ...(leaseDenied && { leaseDenied }),
    stale: isOurs ? undefined : (found ?? undefined),
    oldPods: pods.filter(pod => !pod.metadata.labels?.[marks.clone]).sort(byAge),
  }
}

async function lookForLease(
  cluster: Cluster,
  workload: KubeObject,
  signal: AbortSignal,
): Promise<Pick<Situation, 'lease' | 'leaseDenied'>> {
  const target = { kind: workloadKind(workload), name: workload.metadata.name ?? '' }
  try {
    return { lease: await findLease(cluster, target, signal) }
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'forbidden') throw error
    return { lease: null, leaseDenied: error }
  }
}

/** Not ours, or the clone of another workload. */
function isOfOther(clone: KubeObject, workload: KubeObject): boolean {
  const record = readRecord(clone)
  return record?.kind !== workload.kind || record?.name !== workload.metadata.name
}

function byAge(a: KubeObject, b: KubeObject): number {
  return (b.metadata.creationTimestamp ?? '').localeCompare(a.metadata.creationTimestamp ?? '')
}

/** Who has the workload; undefined: nobody. */
export interface Holder {
  session: string
  isMine: boolean
  /** `user@host`; unknown where only the label is there. */
  owner?: string
  since?: string
  /**
   * `here`: its Lease was renewed lately. `lapsed`: it was not, and the workload is anybody's. `unknown`: it has no Lease
   * to tell by.
   */
  life: 'here' | 'lapsed' | 'unknown'
}

/**
 * A live Lease says who is at the workload; without one, the session on it says who swapped it. The session alone tells
 * whose it is: two machines may well have one `user@host`, as containers do.
 */
export function holderOf(situation: Situation, session: string): Holder | undefined {
  const { lease } = situation
  const swapper = swapperOf(situation)
  const leased = lease && { session: lease.session, owner: lease.owner, since: lease.since }
  if (leased && !lease.isExpired && lease.session !== session) return { ...leased, isMine: false, life: 'here' }
  if (!swapper) return leased ? { ...leased, isMine: lease.session === session, life: 'lapsed' } : undefined
  const isMine = swapper.session === session
  if (isMine || swapper.session !== lease?.session) return { ...swapper, isMine, life: 'unknown' }
  return { ...swapper, ...leased, isMine, life: 'lapsed' }
}

/** Who has the workload swapped, by its labels and the clone's record. */
function swapperOf({ workload, clone, record }: Situation): Pick<Holder, 'session' | 'owner' | 'since'> | undefined {
  const label = readSession(workload)
  // a record on a workload that is not at 0, and no clone: whatever it was is over
  if (!clone && (workload.spec.replicas !== 0 || !readUndo(workload))) return undefined
  const session = label?.session ?? record?.session
  if (session === undefined) return undefined
  const account = record?.session === session ? record : undefined
  return { session, ...(account && { owner: account.owner, since: account.since }) }
}

/** Pods that the workload's own controller made: others may bear the same labels. */
export async function podsOf(
  cluster: Cluster,
  workload: KubeObject,
  pods: KubeObject[],
  signal: AbortSignal,
): Promise<KubeObject[]> {
  const uids = new Set([workload.metadata.uid])
  if (workload.kind === 'Deployment' && pods.length > 0) {
    const labelSelector = selectorText(workload.spec.selector)
    const sets = await cluster.list('ReplicaSet', { labelSelector, signal })
    for (const { metadata } of sets.filter(isControlledBy(new Set(uids)))) uids.add(metadata.uid)
  }
  return pods.filter(isControlledBy(uids))
}

export function isControlledBy(uids: Set<string | undefined>): (object: KubeObject) => boolean {
  return ({ metadata }) => metadata.ownerReferences?.some(({ controller, uid }) => controller && uids.has(uid)) ?? false
}
