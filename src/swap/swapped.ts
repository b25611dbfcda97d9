import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { isMade } from './autocreate.ts'
import { inBoth } from './find-workload.ts'
import { type LeaseState, readLease } from './lease.ts'
import { currentPod, replicaFailure } from './pod-trouble.ts'
import { marks, readRecord, readSession, readUndo, type WorkloadKind } from './record.ts'
import { SetRefusals } from './set-refusals.ts'

/** A workload that podswap holds, or something that it left. */
export interface Swapped {
  kind: WorkloadKind
  name: string
  uid: string
  /** What `down` will restore; a value that somebody set meanwhile wins. */
  replicas: number
  session: string
  /** The workload's own; absent where it is gone, or was not seen. */
  labels?: Record<string, string>
  clone?: string
  /** Only the clone knows. */
  dev?: string
  container?: string
  owner?: string
  since?: string
  /** The claim that keeps the dev's volumes. */
  claim?: string
  pod?: { name: string; phase: string }
  /** It is scaled up again, and the namespace refuses some of its pods: how many there are, and why, in its words. */
  refused?: { pods: number; reason: string }
  /** Podswap made it: `down` deletes it. */
  made?: true
  /** Who is at it now; absent: nobody, or the person has no right to Leases. */
  lease?: LeaseState
  /**
   * `no-clone`: a crash came between, or somebody deleted it. `left-over`: a clone whose original is gone, or is back
   * already. `claimed`: nothing but a Lease.
   */
  state: 'swapped' | 'no-clone' | 'left-over' | 'claimed'
}

/** `deployment/web` */
export function swappedTitle({ kind, name }: Pick<Swapped, 'kind' | 'name'>): string {
  return `${kind.toLowerCase()}/${name}`
}

/**
 * What is swapped in the namespace, whoever did it; `name` is a workload's, a dev's or a clone's. It needs neither
 * manifest nor state: labels and the clones' records say all.
 */
export async function findSwapped(
  cluster: Cluster,
  { name, signal }: { name?: string; signal: AbortSignal },
): Promise<Swapped[]> {
  const [originals, clones, pods, leases] = await Promise.all([
    inBoth(kind => cluster.list(kind, { labelSelector: marks.undo, signal })),
    cluster.list('Deployment', { labelSelector: marks.clone, signal }),
    cluster.list('Pod', { labelSelector: marks.clone, signal }),
    listLeases(cluster, signal),
  ])
  const found = new Map<string, Swapped>()
  for (const original of originals.flat()) {
    const swapped = fromOriginal(original)
    const refused = await refusedOf(cluster, original, signal)
    found.set(swapped.uid, { ...swapped, ...(refused && { refused }) })
  }
  for (const clone of clones) {
    const swapped = fromClone(clone, pods)
    if (!swapped) continue
    const known = found.get(swapped.uid)
    found.set(
      swapped.uid,
      known ? { ...swapped, ...known, state: 'swapped' } : await orphan(cluster, swapped, clone, signal),
    )
  }
  for (const lease of leases) {
    const claimed = fromLease(lease)
    if (claimed) found.set(claimed.uid, { ...claimed, ...found.get(claimed.uid), lease })
  }
  const all = [...found.values()].sort((a, b) => a.name.localeCompare(b.name))
  return name === undefined ? all : all.filter(swapped => [swapped.name, swapped.dev, swapped.clone].includes(name))
}

async function listLeases(cluster: Cluster, signal: AbortSignal): Promise<LeaseState[]> {
  try {
    const leases = await cluster.list('Lease', { labelSelector: marks.lease, signal })
    return leases.map(lease => readLease(lease, cluster.serverTimeMs()))
  } catch (error) {
    if (error instanceof UserError && error.code === 'forbidden') return []
    throw error
  }
}

function fromLease(lease: LeaseState): Swapped | undefined {
  const [of] = lease.object.metadata.ownerReferences ?? []
  if (of?.kind !== 'Deployment' && of?.kind !== 'StatefulSet') return undefined
  const { kind, name, uid } = of
  const { session, owner, since, dev } = lease
  return { kind, name, uid, replicas: 0, session, owner, since, dev, state: 'claimed' }
}

function fromOriginal(original: KubeObject): Swapped {
  const { metadata, kind } = original
  return {
    kind: kind as WorkloadKind,
    name: metadata.name ?? '',
    uid: metadata.uid ?? '',
    replicas: original.spec.replicas || (readUndo(original)?.replicas ?? 0),
    session: readSession(original)?.session ?? '',
    labels: metadata.labels ?? {},
    ...(isMade(original) && { made: true }),
    state: 'no-clone',
  }
}

/** Its pods, where a `down` has scaled it up and could not see them through. */
async function refusedOf(
  cluster: Cluster,
  original: KubeObject,
  signal: AbortSignal,
): Promise<Swapped['refused'] | undefined> {
  const { spec, status } = original
  const pods: number = status?.replicas ?? 0
  if (pods >= spec.replicas) return undefined
  const reason = replicaFailure(original)?.message ?? (await new SetRefusals(cluster, original).newest(signal))
  return reason === undefined ? undefined : { pods, reason }
}

function fromClone(clone: KubeObject, pods: KubeObject[]): Swapped | undefined {
  const record = readRecord(clone)
  if (!record) return undefined
  const { name = '' } = clone.metadata
  const own = pods.filter(pod => pod.metadata.labels?.[marks.clone] === name)
  const pod = currentPod(own) ?? own[0]
  const { kind, uid, replicas, session, dev, container, owner, since, claim } = record
  return {
    kind,
    name: record.name,
    uid,
    replicas,
    session,
    clone: name,
    dev,
    container,
    owner,
    since,
    ...(claim !== undefined && { claim }),
    ...(pod && { pod: { name: pod.metadata.name ?? '', phase: pod.status?.phase ?? 'Unknown' } }),
    state: 'swapped',
  }
}

/** A clone whose original bears no label: it lost it, or is swapped no more. */
async function orphan(cluster: Cluster, swapped: Swapped, clone: KubeObject, signal: AbortSignal): Promise<Swapped> {
  const original = await cluster.find(swapped.kind, swapped.name, { signal })
  const isOver = original?.metadata.uid !== swapped.uid || clone.spec.replicas === 0
  return isOver ? { ...swapped, state: 'left-over' } : swapped
}
