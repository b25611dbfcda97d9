import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { marks, type WorkloadKind } from './record.ts'

/** `would violate PodSecurity "restricted:latest": …`; the header carries nothing but prose. */
export function isPodSecurity(warning: string): boolean {
  return warning.includes('violate PodSecurity')
}

/** What the API server's `Warning` header says of the workload; undefined where it says nothing of Pod Security. */
export async function podSecurityWarning(
  cluster: Cluster,
  { kind, metadata }: KubeObject,
  signal: AbortSignal,
): Promise<string | undefined> {
  // a label of ours, not written: an empty patch would not reach admission
  const patch = { metadata: { labels: { [marks.session]: 'dry-run' } } }
  const { warnings } = await cluster.patch(kind as WorkloadKind, metadata.name ?? '', patch, { dryRun: true, signal })
  return warnings.find(isPodSecurity)
}
