import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import type { Dev } from '../manifest/manifest.ts'
import { selectorText } from './follow.ts'
import { marks, type WorkloadKind } from './record.ts'
import { findRefusedKind } from './refused-kind.ts'

const kinds: WorkloadKind[] = ['Deployment', 'StatefulSet']

/**
 * The workload that a dev means: by its name, or by its selector among the workloads' own labels. Fails with
 * `not-found` (near names in the hint), `unsupported` (a kind that cannot be swapped) or `usage` (several match).
 */
export async function findWorkload(cluster: Cluster, dev: Dev, signal: AbortSignal): Promise<KubeObject> {
  const found = dev.selector
    ? await findBySelector(cluster, dev.selector, signal)
    : await findByName(cluster, dev.name, signal)
  if (found.length === 1) return refuseClone(found[0] as KubeObject, dev)
  if (found.length > 1) {
    throw new UserError('usage', `${describe(dev)} matches ${found.map(titleOf).join(' and ')}`, {
      at: dev.at,
      hint: dev.selector
        ? 'add labels that only one of them has'
        : 'add a `selector` of labels that only one of them has',
    })
  }
  throw await notFound(cluster, dev, signal)
}

export function titleOf(workload: KubeObject): string {
  return `${workload.kind?.toLowerCase()}/${workload.metadata.name}`
}

function describe(dev: Dev): string {
  return dev.selector ? `the selector ${selectorText({ matchLabels: dev.selector })}` : `the name ${dev.name}`
}

function refuseClone(workload: KubeObject, dev: Dev): KubeObject {
  if (!workload.metadata.labels?.[marks.clone]) return workload
  throw new UserError('unsupported', `${titleOf(workload)} is podswap’s own clone of a workload`, {
    at: dev.at,
    hint: 'name the workload itself',
  })
}

async function findByName(cluster: Cluster, name: string, signal: AbortSignal): Promise<KubeObject[]> {
  const found = await inBoth(kind => cluster.find(kind, name, { signal }))
  return found.filter(workload => workload !== null)
}

async function findBySelector(
  cluster: Cluster,
  selector: Record<string, string>,
  signal: AbortSignal,
): Promise<KubeObject[]> {
  const labelSelector = selectorText({ matchLabels: selector })
  const found = await inBoth(kind => cluster.list(kind, { labelSelector, signal }))
  return found.flat().filter(workload => !workload.metadata.labels?.[marks.clone])
}

/** A Role without StatefulSets is enough for Deployments. */
export async function inBoth<T>(ask: (kind: WorkloadKind) => Promise<T>): Promise<T[]> {
  const [deployments, statefulSets] = await Promise.allSettled(kinds.map(ask))
  if (deployments?.status === 'rejected') throw deployments.reason
  if (statefulSets?.status === 'fulfilled') return [deployments?.value as T, statefulSets.value]
  if (statefulSets?.reason instanceof UserError && statefulSets.reason.code === 'forbidden') {
    return [deployments?.value as T]
  }
  throw statefulSets?.reason
}

async function notFound(cluster: Cluster, dev: Dev, signal: AbortSignal): Promise<UserError> {
  const where = `in the namespace ${cluster.namespace} (context ${cluster.context})`
  const { refusal, unread } = await findRefusedKind(cluster, dev, signal)
  if (refusal) return refusal
  const workloads = (await inBoth(kind => cluster.list(kind, { signal }))).flat()
  const names = workloads.filter(({ metadata }) => !metadata.labels?.[marks.clone]).map(titleOf)
  const near = dev.selector ? names.slice(0, 8) : nearest(dev.name, names)
  const there = near.length > 0 ? `there is ${near.join(', ')}` : 'the namespace has no Deployment and no StatefulSet'
  const hint =
    unread.length > 0
      ? `${there}\nwhether it is a ${listed(unread)} you have no right to see; podswap swaps none`
      : there
  const what = dev.selector ? `matches ${describe(dev)}` : `is called ${dev.name}`
  return new UserError('not-found', `no Deployment or StatefulSet ${what} ${where}`, { at: dev.at, hint })
}

function listed(kinds: string[]): string {
  return kinds.length > 1 ? `${kinds.slice(0, -1).join(', ')} or ${kinds.at(-1)}` : kinds.join()
}

/** Those that a slip of the finger may have meant, the likeliest first; else all, up to eight. */
function nearest(name: string, titles: string[]): string[] {
  const scored = titles.map(title => {
    const other = title.slice(title.indexOf('/') + 1)
    const contained = other.includes(name) || name.includes(other)
    return { title, distance: contained ? 1 : editDistance(name, other) }
  })
  scored.sort((a, b) => a.distance - b.distance)
  const close = scored.filter(({ distance }) => distance <= Math.max(2, name.length / 3))
  return (close.length > 0 ? close.slice(0, 3) : scored.slice(0, 8)).map(({ title }) => title)
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[b.length] as number
}
