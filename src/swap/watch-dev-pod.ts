import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster } from '../cluster/cluster.ts'
import {
  type DevPod,
  type DevPodNews,
  type DevPodTarget,
  DevPodWatcher,
  type WatchDevPodOptions,
} from './dev-pod-watcher.ts'
import { follow } from './follow.ts'
import { marks } from './record.ts'

/**
 * Tells of the clone's pod, at each change, until aborted. Mends what an `up` can mend: a quota's back-off once the old
 * pod is gone, and a LimitRange's default that would evict the pod. Rejects with `not-found` when the clone is gone, and
 * with `held` when it is another session's.
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
  } finally {
    stop.abort()
    watcher.close()
  }
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
