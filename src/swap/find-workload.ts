import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import type { Dev } from '../manifest/manifest.ts'
import { selectorText } from './follow.ts'
import { marks, type WorkloadKind } from './record.ts'

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
  if (!dev.selector) {
    const other = await refusedKind(cluster, dev, signal)
    if (other) return other
  }
  const workloads = (await inBoth(kind => cluster.list(kind, { signal }))).flat()
  const names = workloads.filter(({ metadata }) => !metadata.labels?.[marks.clone]).map(titleOf)
  const near = dev.selector ? names.slice(0, 8) : nearest(dev.name, names)
  const hint = near.length > 0 ? `there is ${near.join(', ')}` : 'the namespace has no Deployment and no StatefulSet'
  const what = dev.selector ? `matches ${describe(dev)}` : `is called ${dev.name}`
  return new UserError('not-found', `no Deployment or StatefulSet ${what} ${where}`, { at: dev.at, hint })
}

/** What cannot be swapped cannot be read either (no right); its pods name it. */
async function refusedKind(cluster: Cluster, dev: Dev, signal: AbortSignal): Promise<UserError | undefined> {
  const { name, at } = dev
  for (const pod of await cluster.list('Pod', { signal })) {
    const kind = await kindBehind(cluster, pod, name, signal)
    if (!kind) continue
    return new UserError('unsupported', `${kind} ${name} cannot be swapped: it is not a Deployment or StatefulSet`, {
      at,
      hint: refusalHints[kind] ?? 'give your code a Deployment of its own to develop in, with the same environment',
    })
  }
  return undefined
}

/** The kind of what is called so and made this pod. */
async function kindBehind(cluster: Cluster, pod: KubeObject, name: string, signal: AbortSignal) {
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller)
  if (!owner) return pod.metadata.name === name ? 'Pod' : undefined
  if (!owner.name.startsWith(name)) return undefined
  const rest = owner.name.slice(name.length)
  if (owner.kind === 'Job' && /^-\d+$/.test(rest)) return 'CronJob'
  if (rest === '') return kinds.includes(owner.kind as WorkloadKind) ? undefined : owner.kind
  if (owner.kind !== 'ReplicaSet') return undefined
  const set = await cluster.find('ReplicaSet', owner.name, { signal })
  const above = set?.metadata.ownerReferences?.find(({ controller }) => controller)
  return above?.name === name && above.kind !== 'Deployment' ? above.kind : undefined
}

const refusalHints: Record<string, string> = {
  Pod: 'nothing would bring a bare pod back: make it a Deployment',
  CronJob: 'run its image in a Deployment to develop it, and start the job’s command with `podswap exec`',
  Job: 'run its image in a Deployment to develop it, and start the job’s command with `podswap exec`',
  Rollout: 'Argo owns its ReplicaSets: develop in a Deployment (`workloadRef` can point the Rollout at one)',
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
