import { systemTimers, type Timers } from '../../syncer/base/clock.ts'
import { deadline } from '../../syncer/base/deadline.ts'
import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import type { Dev, Resources } from '../manifest/manifest.ts'
import { findOrCreate, isMade, removeMade } from './autocreate.ts'
import { tellAutoscalers } from './autoscalers.ts'
import { tryClone } from './clone.ts'
import { titleOf } from './find-workload.ts'
import { type KeptCommand, learnCommand } from './kept-command.ts'
import { dropLease, heldBy, type LeaseHolder, takeLease } from './lease.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import { ago } from './leftovers.ts'
import { planSwap, type SwapPlan, workloadKind } from './plan.ts'
import type { PlanInput, PlanOptions } from './plan-input.ts'
import { defaultsSeen, podTemplate } from './pod-template.ts'
import { readSession } from './record.ts'
import { type Holder, holderOf, podsOf, readSituation, type Situation } from './situation.ts'
import type { OnSwapEvent } from './swap-event.ts'
import { tryOriginal } from './try-original.ts'
import { type ClaimDraft, draftClaim } from './volume-claim.ts'

export interface SwapRequest {
  dev: Dev
  options: PlanOptions
  /** Takes the workload from whoever holds it. */
  takeOver?: boolean
  /** The original's own command is wanted. */
  keepCommand?: boolean
  signal: AbortSignal
  on: OnSwapEvent
  timers?: Timers
}

/** What is to be done, from one look at the cluster. */
export interface SwapDraft {
  workload: KubeObject
  situation: Situation
  input: PlanInput
  plan: SwapPlan
  /** The claim that the dev pod is to find; absent: none is wanted, or allowed. */
  volume?: ClaimDraft
}

/** A workload that nobody else will swap, and that is not touched yet. */
export interface SwapClaim extends SwapDraft {
  request: SwapRequest
  /** Renews the Lease; null where the person has no right to Leases. */
  keeper: LeaseKeeper | null
  /** Somebody else held it, or may have. */
  tookOver: boolean
  /** There was no workload: it was made for this claim. */
  created: boolean
  /** The original's own, where it was asked for. */
  command?: KeptCommand
}

/**
 * Finds the dev's workload, plans the swap, asks the cluster whether it would take it, and takes the workload's Lease.
 * Fails, with nothing of the workload touched, where it is somebody else's (`held`), cannot be swapped, or the cluster
 * would refuse the clone (`rejected`).
 */
export async function claimSwap(cluster: Cluster, request: SwapRequest): Promise<SwapClaim> {
  const { workload, created } = await findOrCreate(cluster, request)
  try {
    return { ...(await claimWorkload(cluster, request, workload)), created }
  } catch (error) {
    if (created) await removeCreated(cluster, workload, request)
    throw error
  }
}

const attemptsMax = 3

async function claimWorkload(cluster: Cluster, request: SwapRequest, found: KubeObject) {
  const { signal } = request
  let workload = found
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await claimOnce(cluster, request, workload)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof UserError) || error.code !== 'conflict' || attempt >= attemptsMax) throw error
      // what was not there at the look was made since: the next look says whose it is
      workload = await cluster.get(workloadKind(found), found.metadata.name ?? '', { signal })
    }
  }
}

async function claimOnce(
  cluster: Cluster,
  request: SwapRequest,
  workload: KubeObject,
): Promise<Omit<SwapClaim, 'created'>> {
  const { signal, on } = request
  const draft = await draftSwap(cluster, request, workload)
  const { plan, situation } = draft
  const other = tellOther(situation, request)
  // what goes on already has been said
  const isFresh = !situation.clone
  const [command] = await Promise.all([
    request.keepCommand ? askCommand(cluster, draft, request) : undefined,
    tryClone(cluster, { plan, situation, signal, on }),
    isFresh && tryOriginal(cluster, situation, { signal, on }),
    isFresh && tellAutoscalers(cluster, draft.workload, { signal, on }),
  ])
  const keeper = await takeLeaseOf(cluster, draft, request)
  return { ...draft, request, keeper, tookOver: other !== undefined, ...(command && { command }) }
}

async function askCommand(
  cluster: Cluster,
  { workload, situation }: SwapDraft,
  { dev, signal, on }: SwapRequest,
): Promise<KeptCommand> {
  const isSwapped = situation.clone !== undefined
  const command = await learnCommand(cluster, { workload, pods: situation.oldPods, dev, isSwapped, signal })
  if (command.argv) on({ type: 'command-kept', command: command.argv })
  return command
}

/** Gives a claim back that came to nothing; a swap that was there before goes on to be this session's. */
export async function releaseClaim(cluster: Cluster, claim: SwapClaim): Promise<void> {
  const { workload, situation, keeper, request, created } = claim
  using limit = deadline(systemTimers, releaseTimeoutMs)
  if (!situation.clone) await keeper?.drop(limit.signal)
  if (created) await removeCreated(cluster, workload, request)
}

/** Nothing of it has been of use. */
async function removeCreated(cluster: Cluster, workload: KubeObject, { on, options }: SwapRequest): Promise<void> {
  using limit = deadline(systemTimers, releaseTimeoutMs)
  const { signal } = limit
  try {
    const now = await cluster.find('Deployment', workload.metadata.name ?? '', { signal })
    // somebody else has swapped it meanwhile, or taken it up: it is theirs
    if (!now || !isMade(now) || readSession(now)?.session !== options.sessionId) return
    await removeMade(cluster, now, { signal, on })
  } catch {
    const message = `${titleOf(workload)}, which was made just now, could not be deleted`
    on({ type: 'warning', message, hint: '`podswap down` does it' })
  }
}

const releaseTimeoutMs = 5_000

/** Looks at the workload and plans. Fails with `held` where it is somebody else's. */
export async function draftSwap(cluster: Cluster, request: SwapRequest, workload: KubeObject): Promise<SwapDraft> {
  const situation = await readSituation(cluster, workload, request.signal)
  refuseHeld(situation, request)
  const { dev, options, signal, on } = request
  const [input, volume] = await Promise.all([
    planInput(cluster, situation, request),
    draftClaim(cluster, { workload, dev, options, record: situation.record, signal, on }),
  ])
  const withClaim = { ...input, ...(volume && { claim: volume.name }) }
  return { workload, situation, input: withClaim, plan: planSwap(withClaim), ...(volume && { volume }) }
}

async function takeLeaseOf(
  cluster: Cluster,
  { workload, situation }: SwapDraft,
  { dev, options, takeOver = false, signal, on, timers = systemTimers }: SwapRequest,
): Promise<LeaseKeeper | null> {
  const holder: LeaseHolder = { owner: options.owner, session: options.sessionId, dev: dev.name }
  const { lease: found, leaseDenied } = situation
  try {
    if (leaseDenied) throw leaseDenied
    const lease = await takeLease(cluster, { workload, holder, takeOver, signal }, found)
    return new LeaseKeeper(cluster, { workload, holder, lease, timers })
  } catch (error) {
    if (signal.aborted) await dropOwn(cluster, workload, holder.session)
    if (!(error instanceof UserError) || error.code !== 'forbidden') throw error
    const message = `you may not use Leases in ${cluster.namespace}: others cannot see whether you are still at ${titleOf(workload)}`
    on({ type: 'warning', message, hint: leaseRules })
    return null
  }
}

/** A request that was given up may have been done. */
async function dropOwn(cluster: Cluster, workload: KubeObject, session: string): Promise<void> {
  using limit = deadline(systemTimers, giveUpMs)
  const { signal } = limit
  const target = { kind: workloadKind(workload), name: workload.metadata.name ?? '' }
  try {
    await dropLease(cluster, target, session, signal)
  } catch {
    // it lapses by itself
  }
}

const giveUpMs = 3_000

const leaseRules =
  'a Role must hold {apiGroups: ["coordination.k8s.io"], resources: ["leases"], ' +
  'verbs: ["get", "list", "watch", "create", "update", "delete"]}'

function refuseHeld(situation: Situation, { options, takeOver }: SwapRequest): void {
  const holder = holderOf(situation, options.sessionId)
  if (!holder || holder.isMine || holder.life === 'lapsed' || takeOver) return
  if (holder.life === 'here' && situation.lease) throw heldBy(situation.workload, situation.lease)
  throw new UserError('held', heldText(situation, holder), {
    hint: [
      'whether they are still there cannot be told: no Lease says so',
      'ask them to run `podswap down`, or take it with `podswap up --take-over`',
    ].join('\n'),
  })
}

/** Says from whom the workload is taken, if from anybody. */
function tellOther(situation: Situation, { options, on }: SwapRequest): Holder | undefined {
  const holder = holderOf(situation, options.sessionId)
  if (!holder || holder.isMine) return undefined
  const isLapsed = holder.life === 'lapsed' && situation.lease
  const how = isLapsed ? ` and was last there ${ago(situation.lease?.ageMs ?? 0)} ago` : ''
  on({ type: 'warning', message: `${heldText(situation, holder)}${how}: taken over` })
  return holder
}

function heldText({ workload }: Situation, holder: Holder): string {
  const { owner = `somebody else (session ${holder.session})`, since } = holder
  return `${titleOf(workload)} is held by ${owner}${since ? ` since ${since}` : ''}`
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
