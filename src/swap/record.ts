import { createHash } from 'node:crypto'
import { assert } from '../../syncer/base/errors.ts'
import type { KubeObject, ManagedField } from '../cluster/cluster.ts'
import type { Resources } from '../manifest/manifest.ts'

/**
 * What is written on the cluster's objects. The original carries the two labels `undo` and `session` while it is
 * swapped and nothing else of ours: a Deployment's annotations leak into its ReplicaSets and come back with
 * `rollout undo`, its labels do not. The clone carries the label `clone` (its pods too) and the two annotations; the
 * Lease beside them says who is at it.
 */
export const marks = {
  undo: 'podswap.dev/undo',
  session: 'podswap.dev/session',
  clone: 'podswap.dev/clone',
  record: 'podswap.dev/record',
  template: 'podswap.dev/template',
  /** On a Lease of ours: label, the holder's session. */
  lease: 'podswap.dev/lease',
  /** On a Lease of ours: annotation, the manifest's name for what is developed. */
  dev: 'podswap.dev/dev',
  /** On a workload, and its Service, that podswap made: `down` deletes them. */
  created: 'podswap.dev/created',
  /** On a claim of ours: label, the session whose volume it is. */
  volume: 'podswap.dev/volume',
  /** On a claim of ours: annotations, `deployment/web` and `user@host`. */
  workload: 'podswap.dev/workload',
  owner: 'podswap.dev/owner',
  /** On a claim of ours: annotation, the dev's `selector` as JSON; absent where it has none. */
  selector: 'podswap.dev/selector',
  /** Changed to have a controller look again at once. */
  nudge: 'podswap.dev/nudge',
} as const

export const fieldManager = 'podswap'

export type WorkloadKind = 'Deployment' | 'StatefulSet'

/** What `down` puts back. As a label: `r2`, or `r2.wDelete`. */
export interface Undo {
  replicas: number
  /** The StatefulSet deletes the claims of replicas that it loses: set to Retain while it is at 0. */
  whenScaled?: 'Delete'
}

/** The full account, kept as an annotation on the clone. */
export interface SwapRecord extends Undo {
  version: 1
  kind: WorkloadKind
  name: string
  uid: string
  /** Key in the manifest. */
  dev: string
  container: string
  session: string
  /** `user@host`. */
  owner: string
  /** ISO 8601, by the owner's clock. */
  since: string
  /** Who owned the fields that the swap changes; see `ownersOf`. */
  owners?: ManagedField[]
  /** What the namespace's LimitRange adds to the container, as seen on a pod. */
  defaults?: Resources
  /** Name of the claim that keeps the dev's volumes; it stays when the swap is undone. */
  claim?: string
}

export function undoLabel(undo: Undo): string {
  return `r${undo.replicas}${undo.whenScaled ? `.w${undo.whenScaled}` : ''}`
}

/** undefined where the label is missing or was not written by us. */
export function readUndo(workload: KubeObject): Undo | undefined {
  const match = /^r(\d{1,9})(\.wDelete)?$/.exec(workload.metadata.labels?.[marks.undo] ?? '')
  if (!match) return undefined
  return { replicas: Number(match[1]), ...(match[2] && { whenScaled: 'Delete' as const }) }
}

/** `<session>.<tag of the owner>`: whose it is can be told even before the clone, with the owner's name, is there. */
export function sessionLabel(session: string, owner: string): string {
  const label = `${session}.${ownerTag(owner)}`
  assert(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(label), `a session id that fits a label: ${session}`)
  return label
}

export function readSession(workload: KubeObject): { session: string; ownerTag: string } | undefined {
  const label = workload.metadata.labels?.[marks.session]
  if (!label) return undefined
  const dot = label.lastIndexOf('.')
  return dot === -1
    ? { session: label, ownerTag: '' }
    : { session: label.slice(0, dot), ownerTag: label.slice(dot + 1) }
}

/** A `down` puts it back, and lets its clone run until it answers: it takes the session's label off first. */
export function isBeingUndone(workload: KubeObject): boolean {
  return readUndo(workload) !== undefined && readSession(workload) === undefined
}

export function ownerTag(owner: string): string {
  return createHash('sha256').update(owner).digest('hex').slice(0, 8)
}

/** The clone's account of the swap; undefined where it is no clone of ours. */
export function readRecord(clone: KubeObject): SwapRecord | undefined {
  const text = clone.metadata.annotations?.[marks.record]
  if (!text) return undefined
  try {
    const record = JSON.parse(text) as SwapRecord
    const isWhole =
      record.version === 1 &&
      (record.kind === 'Deployment' || record.kind === 'StatefulSet') &&
      Number.isInteger(record.replicas) &&
      [record.name, record.uid, record.session, record.owner, record.since].every(field => typeof field === 'string')
    return isWhole ? record : undefined
  } catch {
    return undefined
  }
}

/** Whether the record is of this very object, not of one that bore its name before. */
export function isRecordOf(record: SwapRecord | undefined, workload: KubeObject): record is SwapRecord {
  return record !== undefined && record.uid === workload.metadata.uid
}
