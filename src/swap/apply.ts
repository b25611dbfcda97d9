import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { clusterErrorOf } from '../cluster/refusal.ts'
import type { Resources } from '../manifest/manifest.ts'
import { ensureService } from './autocreate.ts'
import { claimSwap, draftSwap, type SwapClaim, type SwapDraft, type SwapRequest } from './claim.ts'
import { awaitDeleted, placeClone } from './clone.ts'
import { awaitCloneGone } from './clone-gone.ts'
import { titleOf } from './find-workload.ts'
import { awaitOldGone } from './old-pod.ts'
import { planSwap } from './plan.ts'
import type { PlanInput } from './plan-input.ts'
import { isBeingUndone, marks, type SwapRecord, sessionLabel, undoLabel, type WorkloadKind } from './record.ts'
import type { OnSwapEvent } from './swap-event.ts'
import { placeClaim } from './volume-claim.ts'

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
  /** The original as it was left. */
  original: KubeObject
  /**
   * Brings the clone and the record to what the original has become; scales it down where that is asked for. Says what
   * that did to the dev pod; `over`: somebody puts the workload back, and nothing was done.
   */
  renew(original: KubeObject, how: { scaleDown: boolean; signal: AbortSignal }): Promise<'same' | 'restarts' | 'over'>
}

/** A status write moves the resourceVersion; more than this is a fight. */
const attemptsMax = 5

/** Both steps of a swap at once; without anybody to renew it the Lease lapses. */
export async function applySwap(cluster: Cluster, request: SwapRequest): Promise<AppliedSwap> {
  return applyClaim(cluster, await claimSwap(cluster, request), request.signal)
}

/**
 * Swaps the workload that was claimed, or takes up a swap of the same session; the clone's pod may still be starting
 * then (see `watchDevPod`). After the event `touching`, a failure or an abort leaves something that `revertSwap` undoes.
 */
export async function applyClaim(cluster: Cluster, claim: SwapClaim, signal: AbortSignal): Promise<AppliedSwap> {
  const { on, options } = claim.request
  if (claim.created) on({ type: 'touching', workload: titleOf(claim.workload) })
  const { workload, plan, situation, input, volume } = await scaleDown(cluster, claim, signal)
  const { clone, stale } = situation
  if (volume) await placeClaim(cluster, volume, { signal, on })
  if (stale) await awaitDeleted(cluster, stale, signal)
  // the pod of the last swap may linger, and it writes to the volume
  if (volume && !clone) await awaitCloneGone(cluster, { cloneNames: [situation.cloneName], workload, signal, on })
  if (plan.waitOldGone && !clone) await awaitOldGone(cluster, workload, { signal, on })
  await ensureService(cluster, workload, { ...claim.request, signal })
  await placeClone(cluster, { plan, clone, signal, on })
  const { kind, name, container, replicas } = plan.record
  let latest: PlanInput = { ...input, workload, earlier: plan.record }
  /** What is planned next starts from what was planned last. */
  const place = async (change: Partial<PlanInput>, placed: KubeObject, signal: AbortSignal) => {
    const next = planSwap({ ...latest, ...change })
    await placeClone(cluster, { plan: next, clone: placed, signal, on: quiet(on) })
    latest = { ...latest, ...change, earlier: next.record }
    const template = ({ metadata }: KubeObject) => metadata.annotations?.[marks.template]
    return template(placed) === template(next.clone) ? 'same' : 'restarts'
  }
  const cloneNow = (signal: AbortSignal) => cluster.find('Deployment', situation.cloneName, { signal })
  return {
    workload: titleOf(workload),
    kind,
    name,
    clone: situation.cloneName,
    container,
    session: options.sessionId,
    replicas,
    resumed: clone !== undefined,
    record: plan.record,
    adapt: async (seen, signal) => {
      const placed = await cloneNow(signal)
      if (placed) await place({ defaults: seen }, placed, signal)
    },
    original: workload,
    renew: async (original, { scaleDown, signal }) => {
      // a `down` takes the session's label off, or stops the clone, before it restores the original
      if (isBeingUndone(original)) return 'over'
      const placed = await cloneNow(signal)
      if (placed?.spec.replicas !== 1 || placed.metadata.deletionTimestamp) return 'over'
      if (scaleDown) {
        const { scalePatch, record } = planSwap({ ...latest, workload: original })
        try {
          await cluster.patch(kind, name, scalePatch, { signal })
        } catch (error) {
          // done, perhaps, and only the answer was lost
          if (!isClaimed(await readAgain(cluster, original, error, signal), record)) throw error
        }
      }
      return place({ workload: original }, placed, signal)
    },
  }
}

/** What follows from a change is told as that change. */
function quiet(on: OnSwapEvent): OnSwapEvent {
  return event => {
    if (event.type === 'warning') on(event)
  }
}

/** The original is at 0 and carries this session's record when this returns. */
async function scaleDown(cluster: Cluster, claim: SwapClaim, signal: AbortSignal): Promise<SwapDraft> {
  const request = { ...claim.request, signal }
  const { on } = request
  let draft: SwapDraft = claim
  for (let attempt = 1; ; attempt += 1) {
    const { workload, plan } = draft
    if (isClaimed(workload, plan.record)) return draft
    const { kind, name, replicas } = plan.record
    on({ type: 'touching', workload: titleOf(workload) })
    try {
      const { object } = await cluster.patch(kind, name, plan.scalePatch, { signal })
      on({ type: 'scaled-down', workload: titleOf(object), replicas })
      return { ...draft, workload: object }
    } catch (error) {
      signal.throwIfAborted()
      const now = await readAgain(cluster, workload, error, signal)
      if (isClaimed(now, plan.record)) return { ...draft, workload: now }
      if (attempt >= attemptsMax) throw error
      draft = await draftSwap(cluster, request, now)
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
