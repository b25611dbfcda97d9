import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { clusterErrorOf } from '../cluster/refusal.ts'
import type { WorkloadKind } from './record.ts'

/** A status write moves the resourceVersion; more than this is a fight. */
const attemptsMax = 8

/** Patches what `change` says of the newest version; a conflict is answered with a newer one. */
export async function patchAfresh(
  cluster: Cluster,
  object: KubeObject,
  signal: AbortSignal,
  change: (current: KubeObject) => { metadata?: object; spec?: object } | undefined,
): Promise<KubeObject> {
  const kind = object.kind as WorkloadKind
  const { uid, name = '' } = object.metadata
  let current = object
  for (let attempt = 1; ; attempt += 1) {
    const patch = change(current)
    if (!patch) return current
    const metadata = { uid, resourceVersion: current.metadata.resourceVersion, ...patch.metadata }
    try {
      return (await cluster.patch(kind, name, { ...patch, metadata }, { signal })).object
    } catch (error) {
      signal.throwIfAborted()
      if (!isPassing(error) || attempt >= attemptsMax) throw error
      current = await cluster.get(kind, name, { signal })
      if (current.metadata.uid !== uid) throw error
    }
  }
}

/** Again after a lost answer: these may be done twice. What is gone by now, or another by that name, is not ours. */
export async function insist(signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await work()
      return
    } catch (error) {
      signal.throwIfAborted()
      const status = clusterErrorOf(error)?.status
      if (status === 404 || status === 422) return
      if (!isPassing(error) || attempt >= attemptsMax) throw error
    }
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof UserError && ['conflict', 'timeout', 'unreachable'].includes(error.code)
}
