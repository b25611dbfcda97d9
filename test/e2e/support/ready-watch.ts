import { setTimeout as pause } from 'node:timers/promises'
import { connectCluster } from '../../../src/cluster/connect.ts'
import type { Kubectl } from './kubectl.ts'
import type { Laptop } from './laptop.ts'
import { until } from './until.ts'

/** Of the workload's own pods; the dev pod bears the same labels, and one more. */
const ownPods = 'app=web,!podswap.dev/clone'
const deadlineMs = 120_000

/**
 * Does `act` while the workload `web` has no pod, and says when the first one was Ready, in milliseconds from the start
 * of `act`, as a watch has seen it. It begins `lateMs` later than it could: a kubelet looks once a second how its
 * containers are, and what is done when one of its pods has just come or gone is always at the same point of that second.
 */
async function readyAfter(kubectl: Kubectl, lateMs: number, act: () => Promise<unknown>): Promise<number> {
  const { kubeconfig, namespace } = kubectl
  const cluster = await connectCluster({ kubeconfig, namespace, env: {} })
  const stop = new AbortController()
  let sinceMs = 0
  let atMs: number | undefined
  let isListed = false
  const listed = () => {
    isListed = true
  }
  const watching = cluster.watch('Pod', { labelSelector: ownPods, signal: stop.signal, listed }, ({ object }) => {
    const conditions: { type: string; status: string }[] = object.status?.conditions ?? []
    const isReady = conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
    if (isReady && !object.metadata.deletionTimestamp) atMs ??= performance.now()
  })
  try {
    await until('the pods are listed', () => isListed)
    if (atMs !== undefined) throw new Error('a pod of the workload is Ready before anything was done')
    await pause(lateMs)
    sinceMs = performance.now()
    await Promise.all([act(), until('a pod is Ready', () => atMs !== undefined, { deadlineMs, everyMs: 10 })])
    return (atMs ?? Number.NaN) - sinceMs
  } finally {
    stop.abort()
    await watching
    cluster.close()
  }
}

/** Puts the workload back by `podswap down`: until its pod is Ready. A session runs. */
export function readyAfterDown(kubectl: Kubectl, laptop: Laptop, target: string[], lateMs = 0): Promise<number> {
  return readyAfter(kubectl, lateMs, () => laptop.ok(['down', ...target]))
}

/** Brings the workload from 0 to 1 as `kubectl scale` does: until its pod is Ready. One replica runs. */
export async function readyAfterScale(kubectl: Kubectl, lateMs = 0): Promise<number> {
  await kubectl.run(['scale', 'deployment/web', '--replicas=0'])
  const isGone = async () => (await kubectl.list('pods', ownPods)).length === 0
  await until('its pods are gone', isGone, { deadlineMs, everyMs: 200 })
  return await readyAfter(kubectl, lateMs, () => kubectl.run(['scale', 'deployment/web', '--replicas=1']))
}
