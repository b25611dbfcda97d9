import { createHash } from 'node:crypto'
import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import type { Dev, PersistentVolume } from '../manifest/manifest.ts'
import { titleOf } from './find-workload.ts'
import type { PlanOptions } from './plan-input.ts'
import { parseQuantity } from './quantity.ts'
import { marks, type SwapRecord } from './record.ts'
import type { OnSwapEvent } from './swap-event.ts'

/*
 * The claim in which a dev's `volumes` and synced folders survive `down`: one for each session, so that two people never
 * share one. It has no owner reference, for it may hold what is nowhere else: only `down --volumes` deletes it.
 */

/** A claim that is to be there before the dev pod. */
export interface ClaimDraft {
  name: string
  /** What is missing; absent: it is there as it should be. */
  write?: { verb: 'create'; object: KubeObject } | { verb: 'patch'; body: object }
}

interface Asked {
  workload: KubeObject
  dev: Dev
  options: PlanOptions
  record: SwapRecord | undefined
  signal: AbortSignal
  on: OnSwapEvent
}

const attemptsMax = 5

const claimRules =
  'a Role must hold {apiGroups: [""], resources: ["persistentvolumeclaims"], ' +
  'verbs: ["get", "list", "create", "patch", "delete"]}'

/** The session's claim for this workload. */
export function claimName(workload: KubeObject, session: string): string {
  const hash = createHash('sha256').update(session).digest('hex').slice(0, 8)
  return `${(workload.metadata.name ?? '').slice(0, 200)}-podswap-${hash}`
}

/**
 * What there is to do for the dev's persistent volume, after the cluster was asked whether it would take it; undefined
 * where none is wanted, or where the person has no right to claims, which is said.
 */
export async function draftClaim(cluster: Cluster, asked: Asked): Promise<ClaimDraft | undefined> {
  const { workload, dev, options, record, signal, on } = asked
  const wanted = dev.persistentVolume
  if (!wanted) return undefined
  const name = claimName(workload, options.sessionId)
  try {
    const found = await cluster.find('PersistentVolumeClaim', name, { signal })
    const draft = found ? growDraft(found, wanted, options) : createDraft(name, asked, wanted)
    await write(cluster, draft, { signal, dryRun: true })
    return draft
  } catch (error) {
    if (!(error instanceof UserError) || error.code !== 'forbidden') throw error
    // the pod has it: without it, it would be another
    if (record?.claim === name) return { name }
    const message = `you may not use claims in ${cluster.namespace}: nothing in the dev pod survives \`podswap down\``
    on({ type: 'warning', message, hint: `${claimRules}; or take \`persistentVolume\` out of the manifest` })
    return undefined
  }
}

function createDraft(name: string, { workload, dev, options }: Asked, wanted: PersistentVolume): ClaimDraft {
  const { size, accessMode, storageClass, labels, annotations } = wanted
  const { namespace } = workload.metadata
  const object: KubeObject = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name,
      ...(namespace && { namespace }),
      labels: { ...labels, [marks.volume]: options.sessionId },
      annotations: {
        ...annotations,
        [marks.dev]: dev.name,
        [marks.workload]: titleOf(workload),
        [marks.owner]: options.owner,
        ...(dev.selector && { [marks.selector]: JSON.stringify(dev.selector) }),
      },
    },
    spec: {
      accessModes: [accessMode],
      resources: { requests: { storage: size } },
      ...(storageClass !== undefined && { storageClassName: storageClass }),
    },
  }
  return { name, write: { verb: 'create', object } }
}

/** Kubernetes lets a claim grow, and nothing else of it change. */
function growDraft(claim: KubeObject, wanted: PersistentVolume, options: PlanOptions): ClaimDraft {
  const { name = '', uid, labels, deletionTimestamp } = claim.metadata
  const refuse = (message: string, hint: string) => new UserError('unsupported', message, { at: wanted.at, hint })
  if (labels?.[marks.volume] !== options.sessionId) {
    throw refuse(`the claim ${name} is not one of yours`, 'it is in the way of `persistentVolume`')
  }
  if (deletionTimestamp) throw refuse(`the claim ${name} is being deleted`, 'try again when it is gone')
  const anew = '`podswap down --volumes` deletes it with all that it holds, and the next `up` makes another'
  const { storageClassName, accessModes = [], resources } = claim.spec
  if (wanted.storageClass !== undefined && wanted.storageClass !== storageClassName) {
    throw refuse(`the claim ${name} has the storage class ${storageClassName}, which cannot be changed`, anew)
  }
  if (!accessModes.includes(wanted.accessMode)) {
    throw refuse(`the claim ${name} is ${accessModes.join(', ')}, which cannot be changed`, anew)
  }
  const size: string = resources?.requests?.storage ?? '0'
  const [has, wants] = [parseQuantity(size) ?? 0, parseQuantity(wanted.size) ?? 0]
  if (wants < has) throw refuse(`the claim ${name} asks for ${size}, and cannot shrink to ${wanted.size}`, anew)
  if (wants === has) return { name }
  const body = { metadata: { uid }, spec: { resources: { requests: { storage: wanted.size } } } }
  return { name, write: { verb: 'patch', body } }
}

/** The claim is there, bound or not, when this returns. */
export async function placeClaim(
  cluster: Cluster,
  draft: ClaimDraft,
  { signal, on }: { signal: AbortSignal; on: OnSwapEvent },
): Promise<void> {
  if (!draft.write) return
  for (let attempt = 1; ; attempt += 1) {
    try {
      await write(cluster, draft, { signal })
      return on({ type: draft.write.verb === 'create' ? 'volume-created' : 'volume-grown', claim: draft.name })
    } catch (error) {
      signal.throwIfAborted()
      const code = error instanceof UserError ? error.code : ''
      if (!['conflict', 'timeout', 'unreachable'].includes(code) || attempt >= attemptsMax) throw error
      // done, perhaps, and only the answer was lost
      const isNew = draft.write.verb === 'create'
      if (isNew && (await cluster.find('PersistentVolumeClaim', draft.name, { signal }))) return
    }
  }
}

async function write(
  cluster: Cluster,
  { name, write }: ClaimDraft,
  options: { signal: AbortSignal; dryRun?: boolean },
): Promise<void> {
  if (write?.verb === 'create') await cluster.create('PersistentVolumeClaim', write.object, options)
  if (write?.verb === 'patch') await cluster.patch('PersistentVolumeClaim', name, write.body, options)
}

/** A claim that a swap left, or still uses. */
export interface KeptClaim {
  name: string
  uid: string
  session: string
  dev: string
  /** The dev's. */
  selector?: Record<string, string>
  /** `deployment/web` */
  workload: string
  /** `user@host` */
  owner: string
  size: string
}

/** All claims of ours in the namespace. Fails with `forbidden` where the person has no right to them. */
export async function listClaims(cluster: Cluster, signal: AbortSignal): Promise<KeptClaim[]> {
  const claims = await cluster.list('PersistentVolumeClaim', { labelSelector: marks.volume, signal })
  return claims
    .filter(({ metadata }) => !metadata.deletionTimestamp)
    .map(({ metadata, spec }) => ({
      name: metadata.name ?? '',
      uid: metadata.uid ?? '',
      session: metadata.labels?.[marks.volume] ?? '',
      dev: metadata.annotations?.[marks.dev] ?? '',
      workload: metadata.annotations?.[marks.workload] ?? '',
      owner: metadata.annotations?.[marks.owner] ?? '',
      size: spec.resources?.requests?.storage ?? '',
      ...readSelector(metadata.annotations?.[marks.selector]),
    }))
}

function readSelector(text: string | undefined): Pick<KeptClaim, 'selector'> {
  try {
    return text === undefined ? {} : { selector: JSON.parse(text) as Record<string, string> }
  } catch {
    // somebody wrote to it: then it is nobody's that we know
    return { selector: { [text ?? '']: '' } }
  }
}

/** It goes, with all that it holds, as soon as no pod has it any more. */
export async function deleteClaim(cluster: Cluster, { name, uid }: KeptClaim, signal: AbortSignal): Promise<void> {
  await cluster.delete('PersistentVolumeClaim', name, { uid }, { signal })
}
