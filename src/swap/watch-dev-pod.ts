import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import {
  CloneGone,
  type DevPod,
  type DevPodNews,
  type DevPodTarget,
  DevPodWatcher,
  type WatchDevPodOptions,
} from './dev-pod-watcher.ts'
import { follow } from './follow.ts'
import { marks, readSession, readUndo } from './record.ts'

/**
 * Tells of the clone's pod, at each change, until aborted. Mends what an `up` can mend: a quota's back-off once the old
 * pod is gone, and a LimitRange's default that would evict the pod. Rejects with `not-found` when the clone is gone, and
 * says what that means for the workload; with `held` when it is another session's.
 */
export async function watchDevPod(cluster: Cluster, target: DevPodTarget, options: WatchDevPodOptions): Promise<void> {
  const stop = new AbortController()
  const watcher = new DevPodWatcher(cluster, target, options, AbortSignal.any([options.signal, stop.signal]))
  const topics = [
    { kind: 'Pod', labelSelector: `${marks.clone}=${target.clone}` },
    { kind: 'Deployment', fieldSelector: `metadata.name=${target.clone}` },
  ] as const
  try {
    await follow(cluster, [...topics], options.signal, ([pods = [], clones = []]) => watcher.see(pods, clones[0]))
  } catch (error) {
    if (!(error instanceof CloneGone)) throw error
    throw await whyGone(cluster, target, options.signal).catch(asked => rightGone(target, asked))
  } finally {
    stop.abort()
    watcher.close()
  }
}

/** With the namespace go its roles, often first. */
function rightGone({ workload, clone }: DevPodTarget, error: unknown): unknown {
  if (!(error instanceof UserError) || error.code !== 'forbidden') return error
  return new UserError('not-found', `${clone} was deleted, and the right to see ${workload} is gone too`, {
    hint: 'the namespace is being deleted, or a Role was taken away',
    cause: error,
  })
}

/** What became of the workload whose clone is gone. */
async function whyGone(cluster: Cluster, target: DevPodTarget, signal: AbortSignal): Promise<UserError> {
  const { kind, name, workload: title, clone, session } = target
  const gone = (message: string, hint: string) => new UserError('not-found', message, { hint })
  const workload = await cluster.find(kind, name, { signal })
  if (!workload || workload.metadata.deletionTimestamp) {
    return gone(`${title} was deleted, and its dev pod with it`, 'there is nothing left to put back')
  }
  if (readSession(workload)?.session !== session || !readUndo(workload)) {
    return gone(`${title} was put back by somebody else`, '`podswap up` swaps it again')
  }
  return gone(
    `the clone ${clone} was deleted, and ${title} is still at 0`,
    `podswap up ${name} swaps it again, podswap down ${name} puts it back`,
  )
}

/** Waits until the dev container runs. Fails with `pod-failed`, or as {@link watchDevPod} does. */
export async function awaitDevPod(
  cluster: Cluster,
  target: DevPodTarget,
  options: Omit<WatchDevPodOptions, 'on'> & { on?: (news: DevPodNews) => void },
): Promise<DevPod> {
  const done = new AbortController()
  let outcome: DevPod | UserError | undefined
  const on = (news: DevPodNews) => {
    if (outcome) return
    options.on?.(news)
    if (news.state === 'running') outcome = news.pod
    if (news.state === 'failed') outcome = news.error
    if (outcome) done.abort()
  }
  await watchDevPod(cluster, target, { ...options, signal: AbortSignal.any([options.signal, done.signal]), on })
  if (!outcome) throw options.signal.reason
  if (outcome instanceof UserError) throw outcome
  return outcome
}
