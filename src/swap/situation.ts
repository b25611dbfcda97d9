import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { cloneNames } from './clone-name.ts'
import { selectorText } from './follow.ts'
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
  /** Pods that the original's selector finds, without the clone's; newest first. */
  oldPods: KubeObject[]
}

export async function readSituation(cluster: Cluster, workload: KubeObject, signal: AbortSignal): Promise<Situation> {
  const { name = '' } = workload.metadata
  const names = cloneNames(workloadKind(workload), name)
  const labelSelector = selectorText(workload.spec.selector)
  const [first, pods] = await Promise.all([
    cluster.find('Deployment', names[0], { signal }),
    cluster.list('Pod', { labelSelector, signal }),
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
    stale: isOurs ? undefined : (found ?? undefined),
    oldPods: pods.filter(pod => !pod.metadata.labels?.[marks.clone]).sort(byAge),
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

/** Who has the workload swapped; undefined: nobody. */
export interface Holder {
  session: string
  isMine: boolean
  /** `user@host`; unknown where only the label is there. */
  owner?: string
  since?: string
}

/** The session alone tells whose it is: two machines may well have one `user@host`, as containers do. */
export function holderOf(situation: Situation, session: string): Holder | undefined {
  const { workload, clone, record } = situation
  const label = readSession(workload)
  // a record on a workload that is not at 0, and no clone: whatever it was is over
  if (!clone && (workload.spec.replicas !== 0 || !readUndo(workload))) return undefined
  if (label) {
    const isMine = label.session === session
    const account = record?.session === label.session ? record : undefined
    return { session: label.session, isMine, ...(account && { owner: account.owner, since: account.since }) }
  }
  if (!record) return undefined
  const isMine = record.session === session
  return { session: record.session, isMine, owner: record.owner, since: record.since }
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
