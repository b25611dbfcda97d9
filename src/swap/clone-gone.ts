import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { titleOf } from './find-workload.ts'
import { type Topic, until } from './follow.ts'
import { podTemplate } from './pod-template.ts'
import { marks } from './record.ts'
import type { OnSwapEvent } from './swap-event.ts'

const marginMs = 60_000

/**
 * Returns when the pods of a clone at 0 are gone, not only terminating: they write to the volume that the original
 * wants back. Also where the clone itself went before a crash. Fails with `timeout`.
 */
export async function awaitCloneGone(
  cluster: Cluster,
  options: { cloneNames: string[]; workload: KubeObject; signal: AbortSignal; on: OnSwapEvent },
): Promise<void> {
  const { workload, signal, on } = options
  const graceSeconds = (podTemplate(workload).spec.terminationGracePeriodSeconds as number) ?? 30
  const timeoutMs = graceSeconds * 1000 + marginMs
  let last = ''
  const labelSelector = clonesSelector(options.cloneNames)
  const topics: Topic[] = [
    { kind: 'Pod', labelSelector },
    { kind: 'ReplicaSet', labelSelector },
  ]
  const isGone = await until(cluster, topics, { signal, timeoutMs }, ([pods = [], sets = []]) => {
    const names = pods.map(({ metadata }) => metadata.name ?? '').sort()
    if (names.length > 0 && names.join(', ') !== last) on({ type: 'waiting-clone-pod', pods: names })
    last = names.join(', ')
    return pods.length === 0 && sets.every(isDrained) ? true : undefined
  })
  if (isGone) return
  throw new UserError('timeout', `${last} does not go, and ${titleOf(workload)} must not run beside it`, {
    hint: `its node may be down; when it is gone (\`kubectl delete pod ${last} --force\`), run \`podswap down\` again`,
  })
}

/** A ReplicaSet that will make no pod any more. */
export function isDrained({ metadata, spec, status = {} }: KubeObject): boolean {
  return spec.replicas === 0 && (status.observedGeneration ?? 0) >= (metadata.generation ?? 0) && !status.replicas
}

/** Finds the clones' ReplicaSets and pods. */
export function clonesSelector(cloneNames: string[]): string {
  return `${marks.clone} in (${cloneNames.join(',')})`
}
