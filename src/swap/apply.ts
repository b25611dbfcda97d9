import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { clusterErrorOf } from '../cluster/refusal.ts'
import type { Dev, Resources } from '../manifest/manifest.ts'
import { awaitDeleted, placeClone, tryClone } from './clone.ts'
import { findWorkload, titleOf } from './find-workload.ts'
import { awaitOldGone } from './old-pod.ts'
import { type PlanInput, type PlanOptions, planSwap, type SwapPlan } from './plan.ts'
import { defaultsSeen, podTemplate } from './pod-template.ts'
import { marks, type SwapRecord, sessionLabel, undoLabel, type WorkloadKind } from './record.ts'
import { holderOf, podsOf, readSituation, type Situation } from './situation.ts'
import type { OnSwapEvent } from './swap-event.ts'

export interface SwapRequest {
  dev: Dev
  options: PlanOptions
  /** Takes the workload from whoever holds it. */
  takeOver?: boolean
  signal: AbortSignal
  on: OnSwapEvent
}

export interface AppliedSwap {
  /** `deployment/web` */
  workload: string
  kind: WorkloadKind
  name: string
  /** Name of the clone, a Deployment. */
  clone: string
  container: string
  session: string
  /** What the workload had, and will have again. */
  replicas: number
  /** It was swapped already. */
  resumed: boolean
  record: SwapRecord
  /** Writes out what a LimitRange was seen to add to the clone's pod, raised by the agent's share. */
  adapt(seen: Resources, signal: AbortSignal): Promise<void>
}

/** A status write moves the resourceVersion; more than this is a fight. */
const attemptsMax = 5

/**
 * Swaps the dev's workload, or takes up a swap of the same session or owner; the clone's pod may still be starting then
 * (see `watchDevPod`). Stops before anything is touched where the workload is somebody else's (`held`), cannot be
 * swapped, or the cluster would refuse the clone (`rejected`). After the event `touching`, a failure or an abort leaves
 * something that `revertSwap` undoes.
 */
export async function applySwap(cluster: Cluster, request: SwapRequest): Promise<AppliedSwap> {
  const { dev, options, signal, on } = request
  const claim = await claimWorkload(cluster, request, await findWorkload(cluster, dev, signal))
  const { plan, situation } = claim
  const { clone, stale } = situation
  if (stale) await awaitDeleted(cluster, stale, signal)
  if (plan.waitOldGone && !clone) await awaitOldGone(cluster, claim.workload, { signal, on })
  await placeClone(cluster, { plan, clone, signal, on })
  const { kind, name, container, replicas } = plan.record
  return {
    workload: titleOf(claim.workload),
    kind,
    name,
    clone: situation.cloneName,
    container,
    session: options.sessionId,
    replicas,
    resumed: clone !== undefined,
    record: plan.record,
    adapt: async (seen, signal) => {
      const adapted = planSwap({ ...claim.input, workload: claim.workload, earlier: plan.record, defaults: seen })
      const placed = await cluster.get('Deployment', situation.cloneName, { signal })
      await placeClone(cluster, { plan: adapted, clone: placed, signal, on })
    },
  }
}

interface Claim {
  /** As it is after the patch. */
  workload: KubeObject
  situation: Situation
  input: PlanInput
  plan: SwapPlan
}

/** The original is at 0 and carries this session's record when this returns. */
async function claimWorkload(cluster: Cluster, request: SwapRequest, found: KubeObject): Promise<Claim> {
  const { signal, on } = request
  let workload = found
  let isTold = false
  for (let attempt = 1; ; attempt += 1) {
    const situation = await readSituation(cluster, workload, signal)
    refuseHeld(situation, request)
    const input = await planInput(cluster, situation, request)
    const plan = planSwap(input)
    if (!isTold) await tryClone(cluster, { plan, situation, signal, on })
    isTold = true
    if (isClaimed(workload, plan.record)) return { workload, situation, input, plan }
    const { kind, name } = plan.record
    on({ type: 'touching', workload: titleOf(workload) })
    try {
      const { object } = await cluster.patch(kind, name, plan.scalePatch, { signal })
      on({ type: 'scaled-down', workload: titleOf(object), replicas: plan.record.replicas })
      return { workload: object, situation, input, plan }
    } catch (error) {
      signal.throwIfAborted()
      workload = await readAgain(cluster, workload, error, signal)
      if (isClaimed(workload, plan.record)) return { workload, situation, input, plan }
      if (attempt >= attemptsMax) throw error
    }
  }
}

function isClaimed(workload: KubeObject, record: SwapRecord): boolean {
  const { labels = {} } = workload.metadata
  return (
    workload.spec.replicas === 0 &&
    labels[marks.undo] === undoLabel(record) &&
    labels[marks.session] === sessionLabel(record.session, record.owner)
  )
}

/** After a conflict, or an answer that did not come, the object says what happened. Any other failure stands. */
async function readAgain(cluster: Cluster, workload: KubeObject, error: unknown, signal: AbortSignal) {
  const code = error instanceof UserError ? error.code : undefined
  const mayHaveMoved = code === 'conflict' || clusterErrorOf(error)?.status === 422
  if (!mayHaveMoved && code !== 'timeout' && code !== 'unreachable') throw error
  const { kind, metadata } = workload
  const now = await cluster.get(kind as WorkloadKind, metadata.name ?? '', { signal })
  if (now.metadata.uid !== metadata.uid) {
    throw new UserError('conflict', `${titleOf(workload)} was deleted and made anew just now`, {
      hint: 'run `podswap up` again',
      cause: error,
    })
  }
  if (clusterErrorOf(error)?.status === 422) throw error
  return now
}

function refuseHeld(situation: Situation, { options, takeOver, on }: SwapRequest): void {
  const holder = holderOf(situation, options.sessionId)
  if (!holder || holder.isMine) return
  const { owner = `somebody else (session ${holder.session})`, since } = holder
  const who = `${titleOf(situation.workload)} is held by ${owner}${since ? ` since ${since}` : ''}`
  if (!takeOver) {
    const hint = 'ask them to run `podswap down`, or take it with `podswap up --take-over`'
    throw new UserError('held', who, { hint })
  }
  on({ type: 'warning', message: `${who}: taken over` })
}

async function planInput(cluster: Cluster, situation: Situation, request: SwapRequest): Promise<PlanInput> {
  const { workload, record, cloneName, oldPods } = situation
  const { dev, options, signal } = request
  const [defaults, assignsUsers] = await Promise.all([
    record ? record.defaults : readDefaults(cluster, workload, oldPods, dev, signal),
    leavesUserOpen(workload, dev) && cluster.hasApiGroup('security.openshift.io', { signal }),
  ])
  return {
    workload,
    dev,
    options,
    cloneName,
    ...(record && { earlier: record }),
    ...(defaults && { defaults }),
    ...(assignsUsers && { assignsUsers }),
  }
}

async function readDefaults(
  cluster: Cluster,
  workload: KubeObject,
  pods: KubeObject[],
  dev: Dev,
  signal: AbortSignal,
): Promise<Resources | undefined> {
  const [pod] = (await podsOf(cluster, workload, pods, signal)).filter(({ status }) => status?.phase !== 'Failed')
  const container = dev.container ?? podTemplate(workload).spec.containers[0]?.name
  return pod && container !== undefined ? defaultsSeen(podTemplate(workload), pod, container) : undefined
}

/** Only then does it matter whether the cluster assigns users by itself. */
function leavesUserOpen(workload: KubeObject, dev: Dev): boolean {
  const { containers, securityContext: ofPod } = podTemplate(workload).spec
  const chosen = dev.container === undefined ? containers[0] : containers.find(({ name }) => name === dev.container)
  const security: Record<string, unknown> = { ...ofPod, ...chosen?.securityContext, ...dev.securityContext }
  return security.runAsNonRoot === true && security.runAsUser === undefined
}
