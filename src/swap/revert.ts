import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject, ManagedField } from '../cluster/cluster.ts'
import { isMade, letGoOfService, removeMade } from './autocreate.ts'
import { awaitCloneGone } from './clone-gone.ts'
import { cloneNames } from './clone-name.ts'
import { ownersOf, withOwners } from './field-owners.ts'
import { titleOf } from './find-workload.ts'
import { dropLease } from './lease.ts'
import { awaitAnswering, awaitOriginal, awaitTaken, awaitUnrefused, isOfQuota } from './original.ts'
import { sharesWithOld } from './pod-template.ts'
import {
  fieldManager,
  isRecordOf,
  marks,
  readRecord,
  readSession,
  readUndo,
  type Undo,
  undoLabel,
  type WorkloadKind,
} from './record.ts'
import type { OnSwapEvent } from './swap-event.ts'
import { guardUndo, leaseIfAllowed, type Undoer } from './undo-guard.ts'
import { insist, patchAfresh } from './write-again.ts'

export interface RevertOptions {
  by: Undoer
  signal: AbortSignal
  on: OnSwapEvent
  /** How long the original's pods are waited for; the undo itself is done before. */
  readyMs?: number
  /** Resolves when the session on this laptop that was asked to end has left the dev pod: that stays so long. */
  untilLeft?: () => Promise<void>
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
  /** What could not be done, for the person to know; empty when all is as before. */
  leftovers: string[]
}

const readyMsDefault = 120_000
/** A dev pod that answers is kept for so long until the original does. */
const handOverMs = 30_000
/** A controller says within a second whether its first pod was taken. */
const takenMs = 10_000
const quotaMs = 30_000
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
  const { signal, on, readyMs = readyMsDefault, untilLeft = async () => {} } = options
  const record = clones.map(readRecord).find(record => isRecordOf(record, workload))
  const kept = await keepRecord(cluster, workload, clones, signal)
  const isHandedOver = !sharesWithOld(workload) && clones.some(isAnswering)
  if (!isHandedOver) await untilLeft()
  if (!isHandedOver) await stopClones(cluster, clones, options)
  if (sharesWithOld(workload)) await awaitCloneGone(cluster, { cloneNames: names, workload, signal, on })
  const restored = await restore(cluster, kept, { ...options, isHandedOver })
  const timeoutMs = Math.min(readyMs, isHandedOver ? handOverMs : takenMs)
  const { workload: now, refusal } = isHandedOver
    ? await awaitAnswering(cluster, restored, { timeoutMs, signal, on })
    : await awaitTaken(cluster, restored, { timeoutMs, signal, on })
  if (isHandedOver) refuseSwappedAgain(restored, now)
  const stays = isHandedOver && refusal !== undefined && !isOfQuota(refusal)
  if (isHandedOver && !stays) {
    await untilLeft()
    await stopClones(cluster, clones, options)
  }
  const taken =
    refusal === undefined ? restored : await insistOnPods(cluster, { ...found, restored, stays, refusal }, options)
  const clean = await removeMarks(cluster, taken, record?.owners ?? [], signal)
  await deleteClones(cluster, clones, options)
  return clean
}

interface Insisting extends Found {
  restored: KubeObject
  /** The dev pod, which is not in the way. */
  stays: boolean
  refusal: string
}

/**
 * What is refused now may have been so for another reason: the clone's pod used up the quota, or the controller backs off since
 * an earlier `down`. Fails with `rejected` where the namespace goes on; all that undoes the swap is still there then.
 */
async function insistOnPods(
  cluster: Cluster,
  { workload, names, title, restored, stays, refusal: first }: Insisting,
  options: RevertOptions,
): Promise<KubeObject> {
  const { signal, on, readyMs = readyMsDefault } = options
  // what a pod had of a quota is free a while after it is gone
  const isPatient = isOfQuota(first)
  const timeoutMs = Math.min(readyMs, isPatient ? quotaMs : takenMs)
  if (!stays) await awaitCloneGone(cluster, { cloneNames: names, workload, signal, on })
  const down = await scaleToNone(cluster, restored, signal)
  await awaitUnrefused(cluster, down, { timeoutMs, signal })
  const again = await restore(cluster, down, { ...options, on: () => {} })
  const { refusal } = await awaitTaken(cluster, again, { timeoutMs, isPatient, signal, on })
  if (refusal === undefined) return again
  const dev = stays ? 'Its dev pod stays until then.' : 'Nothing of it runs until then.'
  throw new UserError('rejected', `${title} is scaled up, but the namespace refuses its pods: ${refusal}`, {
    hint: `when the namespace takes them again, run \`podswap down\` once more. ${dev}`,
  })
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
  await options.untilLeft?.()
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

/** The workload's clones, and all names that their pods may bear: a clone may be gone before its pods. */
async function findClones(
  cluster: Cluster,
  { kind, name }: { kind: WorkloadKind; name: string },
  signal: AbortSignal,
): Promise<{ clones: KubeObject[]; names: string[] }> {
  const clones: KubeObject[] = []
  const names = new Set<string>(cloneNames(kind, name))
  for (const clone of await cluster.list('Deployment', { labelSelector: marks.clone, signal })) {
    const record = readRecord(clone)
    const isOurs = record?.kind === kind && record.name === name
    if (isOurs) clones.push(clone)
    if (isOurs) names.add(clone.metadata.name ?? '')
    else names.delete(clone.metadata.name ?? '')
  }
  return { clones, names: [...names] }
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

async function stopClones(cluster: Cluster, clones: KubeObject[], { signal, on }: RevertOptions): Promise<void> {
  for (const { metadata, spec } of clones) {
    const { name = '', uid } = metadata
    if (spec.replicas === 0) continue
    on({ type: 'stopping-clone', clone: name })
    const patch = { metadata: { uid }, spec: { replicas: 0 } }
    await insist(signal, () => cluster.patch('Deployment', name, patch, { signal }))
  }
}

async function deleteClones(cluster: Cluster, clones: KubeObject[], { signal, on }: RevertOptions): Promise<void> {
  for (const { metadata } of clones) {
    const { name = '', uid = '' } = metadata
    await insist(signal, () => cluster.delete('Deployment', name, { uid }, { signal }))
    on({ type: 'clone-deleted', clone: name })
  }
}

/** Its dev pod takes requests. */
function isAnswering({ spec, status, metadata }: KubeObject): boolean {
  return spec.replicas > 0 && status?.readyReplicas > 0 && !metadata.deletionTimestamp
}

/**
 * A value other than 0 is what somebody wants meanwhile: it stays. Where the clone still runs, the session's label goes
 * first of all: it tells a session that lives elsewhere that this is no scaling up to fight (`isBeingUndone`).
 */
async function restore(
  cluster: Cluster,
  workload: KubeObject,
  { signal, on, isHandedOver = false }: RevertOptions & { isHandedOver?: boolean },
): Promise<KubeObject> {
  let isTold = false
  const restored = await patchAfresh(cluster, workload, signal, current => {
    const undo = readUndo(current)
    const spec = undo && restoredSpec(current, undo)
    isTold ||= spec !== undefined
    const isSession = isHandedOver && undo !== undefined && readSession(current) !== undefined
    if (!spec && !isSession) return undefined
    return { ...(spec && { spec }), ...(isSession && { metadata: { labels: { [marks.session]: null } } }) }
  })
  if (isTold) on({ type: 'restored', workload: titleOf(restored), replicas: restored.spec.replicas })
  return restored
}

/** undefined: nothing to put back. */
function restoredSpec(workload: KubeObject, undo: Undo): object | undefined {
  const isDown = workload.spec.replicas === 0 && undo.replicas > 0
  const retains = workload.spec.persistentVolumeClaimRetentionPolicy?.whenScaled === 'Retain'
  const isKept = undo.whenScaled !== undefined && retains
  if (!isDown && !isKept) return undefined
  return {
    ...(isDown && { replicas: undo.replicas }),
    ...(isKept && { persistentVolumeClaimRetentionPolicy: { whenScaled: undo.whenScaled } }),
  }
}

/**
 * After the replicas are back, in a patch of its own: one that also changes `spec` would be given an entry in
 * `managedFields` again, and the owner's next server-side apply would conflict with it. The labels go in this one, so
 * that a crash before it leaves what the next call finds it by.
 */
async function removeMarks(
  cluster: Cluster,
  workload: KubeObject,
  owners: ManagedField[],
  signal: AbortSignal,
): Promise<KubeObject> {
  return patchAfresh(cluster, workload, signal, current => {
    refuseSwappedAgain(workload, current)
    if (!hasMarks(current)) return undefined
    const theirs = (current.metadata.managedFields ?? []).filter(entry => !isOurs(entry))
    const others = withOwners(theirs, owners)
    const labels = Object.fromEntries(ourLabels(current).map(label => [label, null]))
    // an empty list would be ignored
    return { metadata: { labels, managedFields: others.length > 0 ? others : [{}] } }
  })
}

/** Without Leases an `up` may come between: its marks are all that knows of the replicas. */
function refuseSwappedAgain(restored: KubeObject, now: KubeObject): void {
  if (restored.spec.replicas === 0 || now.spec.replicas !== 0 || !readSession(now)) return
  throw new UserError('held', `${titleOf(now)} was swapped again while it was put back`, {
    hint: 'run `podswap down` again where it is to be put back',
  })
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
  return { state: 'reverted', workload: title, replicas: (now ?? workload).spec.replicas, isReady, leftovers }
}

/**
 * The controller backs off for up to 16 minutes after a quota, which the clone's pod still used up, refused a pod. A
 * change of its replicas has it try at once; that is a swap of a moment, and undone as any other.
 */
async function askAgain(cluster: Cluster, workload: KubeObject, options: RevertOptions): Promise<KubeObject> {
  const { signal } = options
  const owners = ownersOf(workload).filter(entry => !isOurs(entry))
  const down = await scaleToNone(cluster, workload, signal)
  const restored = await restore(cluster, down, { ...options, on: () => {} })
  return removeMarks(cluster, restored, owners, signal)
}

/** With a record of what it had. */
function scaleToNone(cluster: Cluster, workload: KubeObject, signal: AbortSignal): Promise<KubeObject> {
  return patchAfresh(cluster, workload, signal, ({ spec: { replicas } }) =>
    replicas === 0
      ? undefined
      : { metadata: { labels: { [marks.undo]: undoLabel({ replicas }) } }, spec: { replicas: 0 } },
  )
}

function hasMarks(workload: KubeObject): boolean {
  return ourLabels(workload).length > 0 || (workload.metadata.managedFields ?? []).some(isOurs)
}

function ourLabels({ metadata }: KubeObject): string[] {
  return Object.keys(metadata.labels ?? {}).filter(label => label.startsWith('podswap.dev/'))
}

function isOurs(entry: ManagedField): boolean {
  return entry.manager === fieldManager
}
