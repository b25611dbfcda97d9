import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { clusterErrorOf } from '../cluster/refusal.ts'
import { titleOf } from './find-workload.ts'
import { until } from './follow.ts'
import { mergePatch } from './merge-patch.ts'
import type { SwapPlan } from './plan.ts'
import { isPodSecurity, podSecurityWarning } from './pod-security.ts'
import { podTemplate } from './pod-template.ts'
import { marks, readRecord } from './record.ts'
import type { Situation } from './situation.ts'
import type { OnSwapEvent } from './swap-event.ts'

interface Placing {
  plan: SwapPlan
  /** The clone that is there. */
  clone: KubeObject | undefined
  signal: AbortSignal
  on: OnSwapEvent
}

const attemptsMax = 5
const deletedTimeoutMs = 60_000

/**
 * Asks the cluster whether it would take the clone, and tells the plan's warnings. Fails with its refusal, or with
 * `rejected` where Pod Security would refuse the pod: for a Deployment that is only a warning.
 */
export async function tryClone(
  cluster: Cluster,
  { plan, situation, signal, on }: { plan: SwapPlan; situation: Situation; signal: AbortSignal; on: OnSwapEvent },
): Promise<void> {
  const { clone, stale } = situation
  for (const message of plan.warnings) on({ type: 'warning', message })
  if (stale || (clone && isUpToDate(clone, plan))) return
  const name = plan.clone.metadata.name ?? ''
  on({ type: 'dry-run', clone: name })
  const { warnings } = clone
    ? await cluster.patch('Deployment', name, clonePatch(clone, plan), { dryRun: true, signal })
    : await cluster.create('Deployment', plan.clone, { dryRun: true, signal })
  const violation = warnings.find(isPodSecurity)
  if (violation && !(await isOnlyWarned(cluster, situation, signal))) {
    throw new UserError('rejected', `the namespace ${cluster.namespace} would refuse the dev pod: ${violation}`, {
      hint: 'set `securityContext` in the manifest to what the message asks for; nothing was touched',
    })
  }
  for (const message of warnings) on({ type: 'warning', message })
}

/** Creates the clone, or brings the one that is there up to date; again after an answer that was lost. */
export async function placeClone(cluster: Cluster, { plan, clone: existing, signal, on }: Placing): Promise<void> {
  const name = plan.clone.metadata.name ?? ''
  let clone = existing
  for (let attempt = 1; ; attempt += 1) {
    if (clone && isUpToDate(clone, plan)) {
      const type = attempt > 1 ? 'clone-created' : 'clone-reused'
      return on({ type, clone: name })
    }
    try {
      if (clone) await cluster.patch('Deployment', name, clonePatch(clone, plan), { signal })
      else await cluster.create('Deployment', plan.clone, { signal })
      return on({ type: clone ? 'clone-changed' : 'clone-created', clone: name })
    } catch (error) {
      signal.throwIfAborted()
      const code = error instanceof UserError ? error.code : ''
      if (!['conflict', 'timeout', 'unreachable'].includes(code) || attempt >= attemptsMax) throw error
      clone = (await cluster.find('Deployment', name, { signal })) ?? undefined
      if (clone) refuseOther(clone, plan, error)
    }
  }
}

/** Deletes what is in the clone's place, and returns when its name is free. */
export async function awaitDeleted(cluster: Cluster, object: KubeObject, signal: AbortSignal): Promise<void> {
  const { name = '', uid = '' } = object.metadata
  await cluster.delete('Deployment', name, { uid }, { signal })
  const topic = { kind: 'Deployment', fieldSelector: `metadata.name=${name}` } as const
  const isGone = await until(cluster, [topic], { signal, timeoutMs: deletedTimeoutMs }, ([found]) =>
    found?.some(({ metadata }) => metadata.uid === uid) ? undefined : true,
  )
  if (!isGone) throw new UserError('timeout', `${titleOf(object)} is being deleted and does not go`)
}

/** The plan's hash decides, not the spec: the API server fills defaults in. */
function isUpToDate(clone: KubeObject, plan: SwapPlan): boolean {
  const { annotations = {}, deletionTimestamp } = clone.metadata
  const wanted = plan.clone.metadata.annotations ?? {}
  return (
    clone.spec.replicas === 1 &&
    !deletionTimestamp &&
    [marks.record, marks.template].every(mark => annotations[mark] === wanted[mark])
  )
}

/** Whether the pod of the clone is what the plan wants, and goes on. */
export function isSamePod(clone: KubeObject, plan: SwapPlan): boolean {
  const template = ({ metadata }: KubeObject) => metadata.annotations?.[marks.template]
  return template(clone) === template(plan.clone)
}

function clonePatch(clone: KubeObject, plan: SwapPlan): object {
  const { uid, resourceVersion, annotations } = clone.metadata
  const { annotations: wanted = {}, labels = {} } = plan.clone.metadata
  const isSame = isSamePod(clone, plan) && clone.spec.replicas === 1
  const { metadata: earlier } = podTemplate(clone)
  return {
    metadata: {
      uid,
      resourceVersion,
      labels: { ...dropped(clone.metadata.labels, earlier?.labels, labels), ...labels },
      annotations: { ...dropped(annotations, earlier?.annotations, wanted), ...wanted },
    },
    ...(!isSame && { spec: mergePatch(clone.spec, plan.clone.spec) }),
  }
}

/** What an earlier manifest put both on the clone and on its pods, and this one does not: with null, to be taken off. */
function dropped(
  marks: Record<string, string> = {},
  ofPods: Record<string, string> = {},
  wanted: Record<string, string>,
): Record<string, null> {
  const names = Object.keys(marks).filter(name => marks[name] === ofPods[name] && !(name in wanted))
  return Object.fromEntries(names.map(name => [name, null]))
}

/** Somebody else's clone came between. */
function refuseOther(clone: KubeObject, plan: SwapPlan, error: unknown): void {
  const record = readRecord(clone)
  if (record?.session === plan.record.session && record.uid === plan.record.uid) return
  const owner = record ? `held by ${record.owner} since ${record.since}` : 'somebody else’s'
  throw new UserError('held', `${clone.metadata.name} is ${owner}`, {
    hint: '`podswap up --take-over` takes it',
    cause: clusterErrorOf(error),
  })
}

/** A namespace may warn of more than it enforces: then the original's own pods run although they draw the warning too. */
async function isOnlyWarned(cluster: Cluster, situation: Situation, signal: AbortSignal): Promise<boolean> {
  const { workload, oldPods } = situation
  if (!oldPods.some(pod => pod.status?.phase === 'Running')) return false
  return (await podSecurityWarning(cluster, workload, signal)) !== undefined
}
