import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, Kind, KubeObject } from '../cluster/cluster.ts'
import type { Dev } from '../manifest/manifest.ts'
import { selectorText } from './follow.ts'

/** What people develop and podswap does not swap; a Rollout is Argo's, whose API may not be there. */
const otherKinds = ['DaemonSet', 'Job', 'CronJob', 'Rollout'] as const satisfies Kind[]

interface Other {
  kind: string
  name: string
}

/** What was found out of what a dev means, where it is no Deployment and no StatefulSet. */
export interface RefusedKind {
  /** It is of a kind that cannot be swapped. */
  refusal?: UserError
  /** Kinds that the person may not read: whether it is one of them cannot be told. */
  unread: string[]
}

/**
 * Looks for what cannot be swapped. A Role need not let it be read: pods, which every Role of ours reads, name what made
 * them.
 */
export async function findRefusedKind(cluster: Cluster, dev: Dev, signal: AbortSignal): Promise<RefusedKind> {
  const ofPods = await otherBehindPods(cluster, dev, signal)
  if (ofPods) return { refusal: refusalOf(ofPods, dev), unread: [] }
  const unread: string[] = []
  const read = async (kind: (typeof otherKinds)[number]): Promise<Other[]> => {
    try {
      return await readOthers(cluster, kind, dev, signal)
    } catch (error) {
      signal.throwIfAborted()
      // no answer to this question: what was asked for is not there, and that is to be said
      if (!(error instanceof UserError)) throw error
      if (error.code === 'forbidden') unread.push(kind)
      return []
    }
  }
  const [other] = (await Promise.all(otherKinds.map(read))).flat()
  return { ...(other && { refusal: refusalOf(other, dev) }), unread: otherKinds.filter(kind => unread.includes(kind)) }
}

async function readOthers(
  cluster: Cluster,
  kind: (typeof otherKinds)[number],
  dev: Dev,
  signal: AbortSignal,
): Promise<Other[]> {
  if (!dev.selector) {
    const found = await cluster.find(kind, dev.name, { signal })
    return found ? [{ kind, name: dev.name }] : []
  }
  const found = await cluster.list(kind, { labelSelector: selectorText({ matchLabels: dev.selector }), signal })
  return found.map(({ metadata }) => ({ kind, name: metadata.name ?? '' }))
}

async function otherBehindPods(cluster: Cluster, dev: Dev, signal: AbortSignal): Promise<Other | undefined> {
  const labelSelector = dev.selector && selectorText({ matchLabels: dev.selector })
  for (const pod of await cluster.list('Pod', { ...(labelSelector && { labelSelector }), signal })) {
    const other = await behind(cluster, pod, dev.selector ? undefined : dev.name, signal)
    if (other && (dev.selector || other.name === dev.name)) return other
  }
  return undefined
}

/** What made this pod, where that cannot be swapped. `name`: what it should be called, to spare a request. */
async function behind(
  cluster: Cluster,
  pod: KubeObject,
  name: string | undefined,
  signal: AbortSignal,
): Promise<Other | undefined> {
  const owner = controllerOf(pod)
  if (!owner) return { kind: 'Pod', name: pod.metadata.name ?? '' }
  if (name !== undefined && !owner.name.startsWith(name)) return undefined
  if (owner.kind === 'Job' && owner.name !== name) {
    const job = /^(.+)-\d{5,}$/.exec(owner.name)
    return job ? { kind: 'CronJob', name: job[1]! } : { kind: 'Job', name: owner.name }
  }
  if (owner.kind !== 'ReplicaSet') return swappable.includes(owner.kind) ? undefined : owner
  const set = await cluster.find('ReplicaSet', owner.name, { signal })
  const above = set && controllerOf(set)
  if (set && !above) return owner
  return above && !swappable.includes(above.kind) ? above : undefined
}

const swappable: string[] = ['Deployment', 'StatefulSet']

function controllerOf({ metadata }: KubeObject): Other | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller)
}

function refusalOf({ kind, name }: Other, { at }: Dev): UserError {
  return new UserError('unsupported', `${kind} ${name} cannot be swapped: it is not a Deployment or StatefulSet`, {
    at,
    hint: hints[kind] ?? `${ownDeployment}, with the same environment`,
  })
}

const ownDeployment = 'give your code a Deployment of its own to develop in'

const hints: Record<string, string> = {
  Pod: 'nothing would bring a bare pod back: make it a Deployment',
  ReplicaSet: 'nothing would bring its pods back as they were: make it a Deployment',
  DaemonSet: `${ownDeployment}, with the same environment; \`nodeSelector\` in the manifest pins it to one node`,
  CronJob: 'run its image in a Deployment to develop it, and start the job’s command with `podswap exec`',
  Job: 'run its image in a Deployment to develop it, and start the job’s command with `podswap exec`',
  Rollout: 'Argo owns its ReplicaSets: develop in a Deployment (`workloadRef` can point the Rollout at one)',
}
