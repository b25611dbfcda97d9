import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { titleOf } from './find-workload.ts'
import { marks, type WorkloadKind } from './record.ts'

/*
 * One Lease for each workload says who is at it now: it is taken before anything is touched, renewed while a session
 * lives, and deleted by `down`. What is swapped, and how it is undone, say the labels (docs/decisions/0013).
 */

/** Not renewed for so long, it is anybody's. */
export const leaseSeconds = 45

/** Contenders; more than this is a fight. */
const attemptsMax = 5

/** Who takes a lease. */
export interface LeaseHolder {
  /** `user@host` */
  owner: string
  session: string
  dev: string
}

/** What a Lease says. */
export interface LeaseState {
  object: KubeObject
  /** `user@host` */
  owner: string
  session: string
  dev: string
  /** ISO 8601: when this holder took it. */
  since: string
  /** Since it was renewed, by the API server's clock alone: those of the laptops may differ. */
  ageMs: number
  isExpired: boolean
}

export interface LeaseTaking {
  workload: KubeObject
  holder: LeaseHolder
  /** Takes it from the one that was found, whether or not that one is alive. */
  takeOver: boolean
  signal: AbortSignal
}

/** The session of a `down`, which keeps others from swapping what it puts back. */
export function undoSession(random: string): string {
  return `down-${random}`
}

export function isUndoing(session: string): boolean {
  return session.startsWith('down-')
}

export function leaseName(kind: WorkloadKind, name: string): string {
  return `podswap.${kind.toLowerCase()}.${name}`
}

/** `nowMs` is the API server's time. */
export function readLease(object: KubeObject, nowMs: number): LeaseState {
  const { holderIdentity = '', acquireTime = '', leaseDurationSeconds = leaseSeconds } = object.spec ?? {}
  // a session has no blank, and a user's name may have some
  const [, owner = '', session = ''] = /^(.*?)(?: ([^ ]*))?$/.exec(String(holderIdentity)) ?? []
  const ageMs = nowMs - renewedAtMs(object)
  return {
    object,
    owner,
    session,
    dev: object.metadata.annotations?.[marks.dev] ?? '',
    since: acquireTime === '' ? '' : new Date(acquireTime).toISOString(),
    ageMs: Math.max(0, ageMs),
    isExpired: ageMs > leaseDurationSeconds * 1000,
  }
}

/** `managedFields` carries the API server's own stamp of the last change of a field; `renewTime` is the holder's. */
function renewedAtMs({ metadata, spec }: KubeObject): number {
  const stamps = (metadata.managedFields ?? []).map(({ time }) => Date.parse(time ?? '')).filter(time => time > 0)
  const renewed = stamps.length > 0 ? Math.max(...stamps) : Date.parse(spec?.renewTime ?? '')
  return Number.isNaN(renewed) ? 0 : renewed
}

/** The workload's lease, or null. Fails with `forbidden` where the person has no right to Leases. */
export async function findLease(
  cluster: Cluster,
  { kind, name }: { kind: WorkloadKind; name: string },
  signal: AbortSignal,
): Promise<LeaseState | null> {
  const object = await cluster.find('Lease', leaseName(kind, name), { signal })
  return object && readLease(object, cluster.serverTimeMs())
}

/**
 * Takes the workload's lease, or takes up the same session's; `found` is what was there. Of several who try at once one
 * succeeds, the others fail with `held`.
 */
export async function takeLease(cluster: Cluster, taking: LeaseTaking, found: LeaseState | null): Promise<KubeObject> {
  const { workload, holder, signal } = taking
  // whoever comes between is not the one who was to be taken over from
  const takenFrom = taking.takeOver ? found?.session : undefined
  let seen = found
  for (let attempt = 1; ; attempt += 1) {
    if (seen && !isFree(seen, holder) && seen.session !== takenFrom) throw heldBy(workload, seen)
    const wanted = leaseObject(workload, holder, seen, cluster.serverTimeMs())
    try {
      const written = seen
        ? await cluster.replace('Lease', wanted, { signal })
        : await cluster.create('Lease', wanted, { signal })
      return written.object
    } catch (error) {
      signal.throwIfAborted()
      if (!mayBeOtherwise(error) || attempt >= attemptsMax) throw error
      seen = await findLease(cluster, targetOf(workload), signal)
    }
  }
}

/** The lease as it is when its holder has just shown that it lives. */
export function renewed(lease: KubeObject, nowMs: number): KubeObject {
  return { ...lease, spec: { ...lease.spec, renewTime: microTime(nowMs) } }
}

/** Deletes the lease, if it is this session's; what somebody else has taken meanwhile stays. */
export async function dropLease(
  cluster: Cluster,
  target: { kind: WorkloadKind; name: string },
  session: string,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const lease = await findLease(cluster, target, signal)
      if (lease?.session !== session) return
      const { name = '', uid, resourceVersion } = lease.object.metadata
      return await cluster.delete('Lease', name, { uid, resourceVersion }, { signal })
    } catch (error) {
      signal.throwIfAborted()
      if (!mayBeOtherwise(error) || attempt >= attemptsMax) throw error
    }
  }
}

export function heldBy(workload: KubeObject, lease: LeaseState): UserError {
  const { owner, since, ageMs } = lease
  const seen = `seen ${Math.round(ageMs / 1000)} s ago`
  return new UserError('held', `${titleOf(workload)} is held by ${owner} since ${since} (${seen})`, {
    hint: 'ask them to run `podswap down`, or take it with `podswap up --take-over`',
  })
}

function targetOf(workload: KubeObject): { kind: WorkloadKind; name: string } {
  return { kind: workload.kind as WorkloadKind, name: workload.metadata.name ?? '' }
}

function isFree(lease: LeaseState, holder: LeaseHolder): boolean {
  return lease.session === holder.session || lease.isExpired
}

function leaseObject(
  workload: KubeObject,
  { owner, session, dev }: LeaseHolder,
  seen: LeaseState | null,
  nowMs: number,
): KubeObject {
  const { kind, name } = targetOf(workload)
  const { apiVersion = 'apps/v1', metadata } = workload
  const before = seen?.object
  const isSame = seen?.session === session
  const transitions: number = before?.spec.leaseTransitions ?? 0
  return {
    metadata: {
      ...before?.metadata,
      name: leaseName(kind, name),
      labels: { [marks.lease]: session },
      annotations: { [marks.dev]: dev },
      // it goes with the workload
      ownerReferences: [{ apiVersion, kind, name, uid: metadata.uid ?? '' }],
    },
    spec: {
      holderIdentity: `${owner} ${session}`,
      leaseDurationSeconds: leaseSeconds,
      acquireTime: isSame ? before?.spec.acquireTime : microTime(Math.max(nowMs, acquiredAtMs(before) + 1)),
      renewTime: microTime(nowMs),
      // counts the holders: who has an older number has lost it
      leaseTransitions: before && !isSame ? transitions + 1 : transitions,
    },
  }
}

/** Later than that of any holder before, whatever our estimate of the server's clock is; 0 where there was none. */
export function acquiredAtMs(lease: KubeObject | null | undefined): number {
  const ms = Date.parse(lease?.spec?.acquireTime ?? '')
  return Number.isNaN(ms) ? 0 : ms
}

/** Kubernetes wants six digits. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z')
}

/** Somebody was faster, or the answer did not come: the lease itself says how it is. */
function mayBeOtherwise(error: unknown): boolean {
  return error instanceof UserError && ['conflict', 'timeout', 'unreachable', 'not-found'].includes(error.code)
}
