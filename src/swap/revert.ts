import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { isMade, letGoOfService, removeMade } from './autocreate.ts'
import { awaitCloneGone } from './clone-gone.ts'
import { deleteClones, findClones, isAnswering, type StoppingClones, stopClones } from './clones.ts'
import { dropLease } from './lease.ts'
import { awaitAnswering, awaitOriginal, awaitTaken, isOfQuota } from './original.ts'
import { hasMarks, ourLabels, refuseSwappedAgain, removeMarks } from './original-marks.ts'
import { sharesWithOld } from './pod-template.ts'
import { replicaFailure } from './pod-trouble.ts'
import { fieldManager, isRecordOf, marks, readRecord, readUndo, undoLabel, type WorkloadKind } from './record.ts'
import { askAgain, insistOnPods, restore, takenMs } from './scale-up.ts'
import { SetRefusals } from './set-refusals.ts'
import { guardUndo, leaseIfAllowed, type Undoer } from './undo-guard.ts'
import { patchAfresh } from './write-again.ts'

export interface RevertOptions extends StoppingClones {
  by: Undoer
  /** How long the original's pods are waited for; the undo itself is done before. */
  readyMs?: number
}

export interface Reverted {
  /**
   * `nothing`: it was not swapped. `gone`: the original is deleted, and so is its clone now. `removed`: podswap had made
   * the workload, and has deleted it.
   */
  state: 'reverted' | 'nothing' | 'gone' | 'removed'
  /** `deployment/web` */
  workload: string
  replicas: number
  /** All its pods were Ready in time. */
  isReady: boolean
  /** Why the namespace refuses some of them, in the cluster's words. */
  refusal?: string
  /** What could not be done, for the person to know; empty when all is as before. */
  leftovers: string[]
}

const readyMsDefault = 120_000
/** A dev pod that answers is kept for so long until the original does. */
const handOverMs = 30_000
/** Of a controller that backs off. */
const asksMax = 2

/**
 * Puts a workload back, from what the cluster says alone. The dev pod goes when the original answers, so that somebody
 * always does; but first, where both share something. The clone is deleted last, so that its record outlives everything
 * that needs it: any crash in between leaves what the next call wants, and twice is as good as once. Fails where the
 * cluster refuses, or with `timeout` where the clone's pod does not let go of a volume that both use.
 */
export async function revertSwap(
  cluster: Cluster,
  target: { kind: WorkloadKind; name: string },
  options: RevertOptions,
): Promise<Reverted> {
  const { signal, by } = options
  const title = `${target.kind.toLowerCase()}/${target.name}`
  const [workload, { clones, names }, lease] = await Promise.all([
    cluster.find(target.kind, target.name, { signal }),
    findClones(cluster, target, signal),
    leaseIfAllowed(cluster, target, signal),
  ])
  if (!workload || (clones.length === 0 && !hasMarks(workload))) {
    await options.untilLeft?.()
    await deleteClones(cluster, clones, options)
    if (lease) await dropLease(cluster, target, lease.session, signal)
    const state = clones.length > 0 ? 'gone' : 'nothing'
    return { state, workload: title, replicas: workload?.spec.replicas ?? 0, isReady: true, leftovers: [] }
  }
  const found = { workload, clones, names, title }
  if (isMade(workload)) {
    const { leftovers, taken } = await guardUndo(cluster, { workload, lease, by, signal }, signal =>
      remove(cluster, found, { ...options, signal }),
    )
    if (taken) return settle(cluster, { ...found, workload: taken, options })
    return { state: 'removed', workload: title, replicas: 0, isReady: true, leftovers }
  }
  await letGoOfService(cluster, workload, signal)
  const clean = await guardUndo(cluster, { workload, lease, by, signal }, signal =>
    undo(cluster, found, { ...options, signal }),
  )
  return settle(cluster, { ...found, workload: clean, options })
}

interface Found {
  workload: KubeObject
  clones: KubeObject[]
  /** The clones' names. */
  names: string[]
  title: string
}

/** The workload as it is after that. */
async function undo(cluster: Cluster, found: Found, options: RevertOptions): Promise<KubeObject> {
  const { workload, clones, names } = found
  const { signal, on, readyMs = readyMsDefault } = options
  const record = clones.map(readRecord).find(record => isRecordOf(record, workload))
  const kept = await keepRecord(cluster, workload, clones, signal)
  const isHandedOver = !sharesWithOld(workload) && clones.some(isAnswering)
  if (!isHandedOver) await stopClones(cluster, clones, options)
  if (sharesWithOld(workload)) await awaitCloneGone(cluster, { cloneNames: names, workload, signal, on })
  const refusals = new SetRefusals(cluster, workload)
  // scaled up by an earlier call, it may have been refused since
  if (kept.spec.replicas === 0) await refusals.begin(signal)
  const restored = await restore(cluster, kept, { ...options, isHandedOver })
  const timeoutMs = Math.min(readyMs, isHandedOver ? handOverMs : takenMs)
  const { workload: now, refusal } = isHandedOver
    ? await awaitAnswering(cluster, restored, { timeoutMs, signal, on })
    : await awaitTaken(cluster, restored, { timeoutMs, refusals, signal, on })
  if (isHandedOver) refuseSwappedAgain(restored, now)
  const stays = isHandedOver && refusal !== undefined && !isOfQuota(refusal)
  if (isHandedOver && !stays) await stopClones(cluster, clones, options)
  const taken =
    refusal === undefined
      ? restored
      : await insistOnPods(cluster, { ...found, restored, stays, refusal }, { signal, on, readyMs })
  const clean = await removeMarks(cluster, taken, record?.owners ?? [], signal)
  await deleteClones(cluster, clones, options)
  return clean
}

interface Removed {
  leftovers: string[]
  /** The workload, where somebody has taken it up meanwhile: it stays, and bears no mark of ours any more. */
  taken?: KubeObject
}

/** Of a workload that `up` made nothing is to be put back, and nothing waits for the clone's pod. */
async function remove(cluster: Cluster, found: Found, options: RevertOptions): Promise<Removed> {
  const { workload, clones, names } = found
  const { signal, on } = options
  await stopClones(cluster, clones, options)
  const leftovers: string[] = []
  try {
    await awaitCloneGone(cluster, { cloneNames: names, workload, signal, on })
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'timeout') throw error
    leftovers.push(`a pod of ${names.join(' or ')} is still terminating`)
  }
  await deleteClones(cluster, clones, options)
  const taken = await removeMade(cluster, workload, { signal, on })
  if (!taken) return { leftovers }
  await letGoOfService(cluster, taken, signal)
  return { leftovers, taken: await removeMarks(cluster, taken, [], signal) }
}

/**
 * The labels may be gone (`kubectl replace`) while the clone runs: written anew, they say from here on what is to do.
 * Of a clone at 0 the labels have been taken off on purpose.
 */
async function keepRecord(
  cluster: Cluster,
  workload: KubeObject,
  clones: KubeObject[],
  signal: AbortSignal,
): Promise<KubeObject> {
  const running = clones.filter(clone => clone.spec.replicas !== 0).map(readRecord)
  const record = running.find(record => isRecordOf(record, workload))
  if (!record) return workload
  return patchAfresh(cluster, workload, signal, current =>
    readUndo(current) || current.spec.replicas !== 0
      ? undefined
      : { metadata: { labels: { [marks.undo]: undoLabel(record) } } },
  )
}

interface Settling extends Found {
  options: RevertOptions
}

/** The undo is done; what is left is to see it through and to look whether it is true. */
async function settle(cluster: Cluster, { workload, names, title, options }: Settling): Promise<Reverted> {
  const { signal, on, readyMs = readyMsDefault } = options
  const awaiting = { names, timeoutMs: readyMs, signal, on }
  let seen = await awaitOriginal(cluster, { workload, untilRefused: true, ...awaiting })
  for (let asked = 1; seen.isRefused && asked <= asksMax; asked += 1) {
    const asking = await askAgain(cluster, workload, options)
    seen = await awaitOriginal(cluster, { workload: asking, untilRefused: asked < asksMax, ...awaiting })
  }
  const { isReady, pods } = seen
  const leftovers = pods.map(pod => `${pod} is still terminating`)
  const now = await cluster.find(workload.kind as WorkloadKind, workload.metadata.name ?? '', { signal })
  if (now?.metadata.uid !== workload.metadata.uid) leftovers.push(`${title} was deleted meanwhile`)
  const labels = now ? ourLabels(now) : []
  if (labels.length > 0) leftovers.push(`${title} bears ${labels.join(', ')}: another session swapped it again`)
  else if (now && hasMarks(now)) leftovers.push(`managedFields of ${title} still name ${fieldManager}`)
  const refusal = isReady ? undefined : replicaFailure(now ?? undefined)?.message
  return {
    state: 'reverted',
    workload: title,
    replicas: (now ?? workload).spec.replicas,
    isReady,
    ...(refusal !== undefined && { refusal }),
    leftovers,
  }
}
