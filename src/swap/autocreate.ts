import { systemTimers } from '../../syncer/base/clock.ts'
import { deadline } from '../../syncer/base/deadline.ts'
import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { clusterErrorOf } from '../cluster/refusal.ts'
import type { Dev } from '../manifest/manifest.ts'
import { findWorkload, titleOf } from './find-workload.ts'
import type { PlanOptions } from './plan-input.ts'
import { fieldManager, marks, readSession, sessionLabel, undoLabel } from './record.ts'
import type { OnSwapEvent } from './swap-event.ts'
import { insist, patchAfresh } from './write-again.ts'

/*
 * `autocreate` makes a Deployment of 0 replicas where there is no workload, and swaps that like any other: its Lease, its
 * clone and its record are those of every swap, so a crash at any point leaves what the next `down` finds. What is made
 * bears `created`; `down` deletes it, unless somebody has written to it meanwhile: then it is theirs.
 */

interface Finding {
  workload: KubeObject
  /** It was made just now. */
  created: boolean
}

interface How {
  dev: Dev
  options: PlanOptions
  signal: AbortSignal
  on: OnSwapEvent
}

const attemptsMax = 5
const serviceRules =
  'a Role must hold {apiGroups: [""], resources: ["services"], verbs: ["get", "create", "patch", "delete"]}'

/** The dev's workload; where there is none, and the dev asks for that, a new one. Fails as `findWorkload`. */
export async function findOrCreate(cluster: Cluster, how: How): Promise<Finding> {
  const { dev, signal } = how
  try {
    return { workload: await findWorkload(cluster, dev, signal), created: false }
  } catch (error) {
    if (!dev.autocreate || !(error instanceof UserError) || error.code !== 'not-found') throw error
  }
  return create(cluster, plannedWorkload(cluster, how), how)
}

async function create(cluster: Cluster, planned: KubeObject, how: How): Promise<Finding> {
  const { signal, on, options } = how
  const { name = '' } = planned.metadata
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { object } = await cluster.create('Deployment', planned, { signal })
      on({ type: 'created', object: titleOf(object) })
      return { workload: object, created: true }
    } catch (error) {
      if (signal.aborted) await forget(cluster, name, options.sessionId)
      signal.throwIfAborted()
      if (!isPassing(error) || attempt >= attemptsMax) throw error
      const found = await cluster.find('Deployment', name, { signal })
      if (found) refuseUnmeant(found, how.dev)
      // done, perhaps, and only the answer was lost; or somebody else was faster
      if (found) return { workload: found, created: readSession(found)?.session === options.sessionId }
    }
  }
}

/** The name alone does not mean it where the dev has a selector. */
function refuseUnmeant(found: KubeObject, { selector = {}, at }: Dev): void {
  const { labels = {} } = found.metadata
  const missing = Object.entries(selector).filter(([name, value]) => labels[name] !== value)
  if (missing.length === 0) return
  const lacks = missing.map(([name, value]) => `${name}=${value}`).join(', ')
  throw new UserError(
    'unsupported',
    `${titleOf(found)} is there, and is not what the selector means: it lacks ${lacks}`,
    {
      at,
      hint: 'give the dev another name, or correct its `selector`',
    },
  )
}

/** The Deployment that stands for the workload: it never runs, but names, selects and is found as one would be. */
export function plannedWorkload(cluster: Pick<Cluster, 'namespace'>, { dev, options }: How): KubeObject {
  const { name, image, at } = dev
  if (image === undefined) {
    throw new UserError('unsupported', `${name} is to be created, and there is no \`image\` to create it from`, {
      at,
      hint: 'add `image` to the manifest',
    })
  }
  // its selector has them all: others may bear one of them
  const labels = { app: name, ...dev.selector }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name,
      namespace: cluster.namespace,
      labels: {
        ...labels,
        [marks.created]: 'true',
        [marks.undo]: undoLabel({ replicas: 0 }),
        [marks.session]: sessionLabel(options.sessionId, options.owner),
      },
    },
    spec: {
      replicas: 0,
      revisionHistoryLimit: 0,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: dev.container ?? 'dev', image, command: ['tail', '-f', '/dev/null'] }] },
      },
    },
  }
}

/** Podswap made this workload, and nobody has written to its spec since but to scale it. */
export function isMade(workload: KubeObject): boolean {
  return workload.metadata.labels?.[marks.created] === 'true' && !isTakenUp(workload)
}

function isTakenUp({ metadata }: KubeObject): boolean {
  return (metadata.managedFields ?? []).some(({ manager, subresource, fieldsV1 }) => {
    const spec = (fieldsV1 as { 'f:spec'?: object } | undefined)?.['f:spec']
    const fields = Object.keys(spec ?? {}).filter(field => field !== 'f:replicas')
    return manager !== fieldManager && subresource !== 'status' && fields.length > 0
  })
}

/**
 * The Service beside a workload that podswap made, with the ports that the dev forwards; none where it forwards none. One
 * of that name that is not ours stays as it is. Without the right to Services there is a warning with the rules.
 */
export async function ensureService(cluster: Cluster, workload: KubeObject, how: How): Promise<void> {
  const { signal, on, dev } = how
  const planned = plannedService(workload, dev)
  if (!planned || !isMade(workload)) return
  const name = planned.metadata.name ?? ''
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await placeService(cluster, planned, how)
      } catch (error) {
        signal.throwIfAborted()
        if (!isPassing(error) || attempt >= attemptsMax) throw error
      }
    }
  } catch (error) {
    if (!(error instanceof UserError) || !['forbidden', 'rejected'].includes(error.code)) throw error
    const hint = error.code === 'forbidden' ? serviceRules : undefined
    on({ type: 'warning', message: `there is no Service ${name}: ${error.message}`, ...(hint && { hint }) })
  }
}

async function placeService(cluster: Cluster, planned: KubeObject, { signal, on }: How): Promise<void> {
  const { name = '' } = planned.metadata
  const found = await cluster.find('Service', name, { signal })
  if (!found) {
    await cluster.create('Service', planned, { signal })
    on({ type: 'created', object: `service/${name}` })
    return
  }
  const { ports } = planned.spec
  const isOurs = isServiceOf(found, planned.metadata.ownerReferences?.[0]?.uid) && !isTakenUp(found)
  if (!isOurs || hasPorts(found, ports)) return
  const { uid, resourceVersion } = found.metadata
  await cluster.patch('Service', name, { metadata: { uid, resourceVersion }, spec: { ports } }, { signal })
}

/** The API server adds fields to what was written. */
function hasPorts(service: KubeObject, wanted: { name: string; port: number }[]): boolean {
  const text = (ports: { name: string; port: number }[]) => JSON.stringify(ports.map(({ name, port }) => [name, port]))
  return text(service.spec.ports ?? []) === text(wanted)
}

export function plannedService(workload: KubeObject, dev: Dev): KubeObject | undefined {
  const { name = '', namespace, uid = '' } = workload.metadata
  const ports = new Set(dev.forward.filter(({ host }) => host === undefined).map(({ remotePort }) => remotePort))
  if (ports.size === 0) return undefined
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name,
      ...(namespace && { namespace }),
      labels: { app: name, [marks.created]: 'true' },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'Deployment', name, uid, controller: false }],
    },
    spec: {
      selector: workload.spec.selector.matchLabels,
      ports: [...ports].map(port => ({ name: `p-${port}`, port, targetPort: port, protocol: 'TCP' })),
    },
  }
}

function isServiceOf(service: KubeObject, uid: string | undefined): boolean {
  const { labels, ownerReferences } = service.metadata
  return labels?.[marks.created] === 'true' && (ownerReferences ?? []).some(owner => owner.uid === uid)
}

/**
 * What podswap made goes, the workload last: while it is there, the next call finds it. Returns the workload where somebody
 * has taken it up meanwhile: then it stays.
 */
export async function removeMade(
  cluster: Cluster,
  workload: KubeObject,
  { signal, on }: { signal: AbortSignal; on: OnSwapEvent },
): Promise<KubeObject | undefined> {
  const { name = '', uid = '' } = workload.metadata
  const look = async () => {
    const found = await cluster.find('Deployment', name, { signal })
    return found?.metadata.uid === uid ? found : undefined
  }
  let now = await look()
  if (!now || isMade(now)) await removeService(cluster, workload, signal)
  await insist(signal, async () => {
    now = await look()
    const { resourceVersion } = now?.metadata ?? {}
    if (now && isMade(now)) await cluster.delete('Deployment', name, { uid, resourceVersion }, { signal })
  })
  if (now && !isMade(now)) return now
  on({ type: 'removed', object: titleOf(workload) })
  return undefined
}

async function removeService(cluster: Cluster, workload: KubeObject, signal: AbortSignal): Promise<void> {
  const service = await serviceOf(cluster, workload, signal)
  if (service && !isTakenUp(service)) {
    const { uid = '', name = '' } = service.metadata
    await allowed(() => insist(signal, () => cluster.delete('Service', name, { uid }, { signal })))
  } else if (service) await letGo(cluster, service, workload, signal)
}

/** What somebody has taken up is theirs: no mark of ours stays on their Service, and it does not go with the workload. */
export async function letGoOfService(cluster: Cluster, workload: KubeObject, signal: AbortSignal): Promise<void> {
  if (workload.metadata.labels?.[marks.created] !== 'true') return
  const service = await serviceOf(cluster, workload, signal)
  if (service) await letGo(cluster, service, workload, signal)
}

async function letGo(cluster: Cluster, service: KubeObject, owner: KubeObject, signal: AbortSignal): Promise<void> {
  await allowed(() =>
    patchAfresh(cluster, service, signal, ({ metadata }) => {
      if (metadata.labels?.[marks.created] === undefined) return undefined
      // a merge patch replaces the list: other owners are written anew
      const ownerReferences = (metadata.ownerReferences ?? []).filter(({ uid }) => uid !== owner.metadata.uid)
      return { metadata: { labels: { [marks.created]: null }, ownerReferences } }
    }),
  )
}

async function serviceOf(cluster: Cluster, workload: KubeObject, signal: AbortSignal): Promise<KubeObject | undefined> {
  const { name = '', uid } = workload.metadata
  const found = await allowed(() => cluster.find('Service', name, { signal }))
  return found && isServiceOf(found, uid) ? { ...found, kind: 'Service' } : undefined
}

/** Without the right to Services the garbage collector does it: the workload owns what we made. */
async function allowed<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof UserError && error.code === 'forbidden') return undefined
    throw error
  }
}

const giveUpMs = 3_000

/** A request that was given up may have been done. */
async function forget(cluster: Cluster, name: string, session: string): Promise<void> {
  using limit = deadline(systemTimers, giveUpMs)
  const { signal } = limit
  try {
    const found = await cluster.find('Deployment', name, { signal })
    if (found && isMade(found) && readSession(found)?.session === session) {
      await removeMade(cluster, found, { signal, on: () => {} })
    }
  } catch {
    // the next `down` finds it by its labels
  }
}

function isPassing(error: unknown): boolean {
  if (clusterErrorOf(error)?.reason === 'AlreadyExists') return true
  return error instanceof UserError && ['conflict', 'timeout', 'unreachable'].includes(error.code)
}
