import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject, ManagedField } from '../cluster/cluster.ts'
import { withOwners } from './field-owners.ts'
import { titleOf } from './find-workload.ts'
import { fieldManager, readSession } from './record.ts'
import { patchAfresh } from './write-again.ts'

/**
 * After the replicas are back, in a patch of its own: one that also changes `spec` would be given an entry in
 * `managedFields` again, and the owner's next server-side apply would conflict with it. The labels go in this one, so
 * that a crash before it leaves what the next call finds it by.
 */
export async function removeMarks(
  cluster: Cluster,
  workload: KubeObject,
  owners: ManagedField[],
  signal: AbortSignal,
): Promise<KubeObject> {
  return patchAfresh(cluster, workload, signal, current => {
    refuseSwappedAgain(workload, current)
    if (!hasMarks(current)) return undefined
    const theirs = (current.metadata.managedFields ?? []).filter(entry => !isOurs(entry))
    const others = withOwners(theirs, owners)
    const labels = Object.fromEntries(ourLabels(current).map(label => [label, null]))
    // an empty list would be ignored
    return { metadata: { labels, managedFields: others.length > 0 ? others : [{}] } }
  })
}

/** Without Leases an `up` may come between: its marks are all that knows of the replicas. */
export function refuseSwappedAgain(restored: KubeObject, now: KubeObject): void {
  if (restored.spec.replicas === 0 || now.spec.replicas !== 0 || !readSession(now)) return
  throw new UserError('held', `${titleOf(now)} was swapped again while it was put back`, {
    hint: 'run `podswap down` again where it is to be put back',
  })
}

export function hasMarks(workload: KubeObject): boolean {
  return ourLabels(workload).length > 0 || (workload.metadata.managedFields ?? []).some(isOurs)
}

export function ourLabels({ metadata }: KubeObject): string[] {
  return Object.keys(metadata.labels ?? {}).filter(label => label.startsWith('podswap.dev/'))
}

export function isOurs(entry: ManagedField): boolean {
  return entry.manager === fieldManager
}
