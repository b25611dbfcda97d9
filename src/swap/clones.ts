import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { cloneNames } from './clone-name.ts'
import { marks, readRecord, type WorkloadKind } from './record.ts'
import type { OnSwapEvent } from './swap-event.ts'
import { insist } from './write-again.ts'

/** The workload's clones, and all names that their pods may bear: a clone may be gone before its pods. */
export async function findClones(
  cluster: Cluster,
  { kind, name }: { kind: WorkloadKind; name: string },
  signal: AbortSignal,
): Promise<{ clones: KubeObject[]; names: string[] }> {
  const clones: KubeObject[] = []
  const names = new Set<string>(cloneNames(kind, name))
  for (const clone of await cluster.list('Deployment', { labelSelector: marks.clone, signal })) {
    const record = readRecord(clone)
    const isOurs = record?.kind === kind && record.name === name
    if (isOurs) clones.push(clone)
    if (isOurs) names.add(clone.metadata.name ?? '')
    else names.delete(clone.metadata.name ?? '')
  }
  return { clones, names: [...names] }
}

export interface StoppingClones {
  signal: AbortSignal
  on: OnSwapEvent
  /** Resolves when the session on this laptop that was asked to end has left the dev pod: that stays so long. */
  untilLeft?: () => Promise<void>
}

export async function stopClones(
  cluster: Cluster,
  clones: KubeObject[],
  { signal, on, untilLeft }: StoppingClones,
): Promise<void> {
  await untilLeft?.()
  for (const { metadata, spec } of clones) {
    const { name = '', uid } = metadata
    if (spec.replicas === 0) continue
    on({ type: 'stopping-clone', clone: name })
    const patch = { metadata: { uid }, spec: { replicas: 0 } }
    await insist(signal, () => cluster.patch('Deployment', name, patch, { signal }))
  }
}

export async function deleteClones(
  cluster: Cluster,
  clones: KubeObject[],
  { signal, on }: { signal: AbortSignal; on: OnSwapEvent },
): Promise<void> {
  for (const { metadata } of clones) {
    const { name = '', uid = '' } = metadata
    await insist(signal, () => cluster.delete('Deployment', name, { uid }, { signal }))
    on({ type: 'clone-deleted', clone: name })
  }
}

/** Its dev pod takes requests. */
export function isAnswering({ spec, status, metadata }: KubeObject): boolean {
  return spec.replicas > 0 && status?.readyReplicas > 0 && !metadata.deletionTimestamp
}
