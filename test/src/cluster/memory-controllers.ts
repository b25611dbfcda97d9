import { createHash } from 'node:crypto'
import type { Kind, KubeObject } from '../../../src/cluster/cluster.ts'

/** What controllers do to the objects. */
export interface ObjectStore {
  all(kind: Kind): KubeObject[]
  peek(kind: Kind, name: string): KubeObject | undefined
  put(kind: Kind, object: KubeObject, manager: string): KubeObject
  store(kind: Kind, object: KubeObject): KubeObject
  remove(kind: Kind, name: string): void
}

/** Makes a pod's status; the default runs every container. */
export type PodBehaviour = (pod: KubeObject) => object

/**
 * Deployments, ReplicaSets, StatefulSets, pods and the garbage collector: each pass makes one step of each, so that the
 * states in between can be seen.
 */
export class MemoryControllers {
  readonly #cluster: ObjectStore
  #timer: NodeJS.Immediate | undefined
  #stopped = false
  behave: PodBehaviour = running
  /** What admission adds to a pod (a LimitRange), or its refusal. */
  admit: (pod: KubeObject) => KubeObject | Error = pod => pod
  /** Terminating pods stay until this says no: a grace period, a dead node. */
  holds: (pod: KubeObject) => boolean = () => false

  constructor(cluster: ObjectStore) {
    this.#cluster = cluster
  }

  changed(): void {
    if (this.#stopped) return
    this.#timer ??= setImmediate(() => {
      this.#timer = undefined
      this.#pass()
    })
  }

  stop(): void {
    this.#stopped = true
    clearImmediate(this.#timer)
  }

  #pass(): void {
    this.#collectGarbage()
    for (const deployment of this.#cluster.all('Deployment')) this.#deployment(deployment)
    for (const set of this.#cluster.all('ReplicaSet')) this.#replicaSet(set)
    for (const set of this.#cluster.all('StatefulSet')) this.#statefulSet(set)
    for (const pod of this.#cluster.all('Pod')) this.#pod(pod)
  }

  #collectGarbage(): void {
    const kinds: Kind[] = ['Deployment', 'StatefulSet', 'ReplicaSet', 'Pod']
    const alive = new Set(kinds.flatMap(kind => this.#cluster.all(kind).map(({ metadata }) => metadata.uid)))
    for (const kind of kinds) {
      for (const { metadata } of this.#cluster.all(kind)) {
        const owners = metadata.ownerReferences ?? []
        if (owners.length === 0 || owners.some(({ uid }) => alive.has(uid))) continue
        if (kind === 'Pod') this.#terminate(metadata.name ?? '')
        else this.#cluster.remove(kind, metadata.name ?? '')
      }
    }
  }

  #deployment(deployment: KubeObject): void {
    const { spec, metadata } = deployment
    const hash = shortHash(spec.template)
    const name = `${metadata.name}-${hash}`
    const sets = this.#cluster.all('ReplicaSet').filter(set => isOwnedBy(set, deployment))
    const old = sets.filter(set => set.metadata.name !== name)
    for (const set of old) this.#update('ReplicaSet', set, { ...set, spec: { ...set.spec, replicas: 0 } })
    const oldPods = this.#cluster.all('Pod').filter(pod => old.some(set => isOwnedBy(pod, set)))
    const current = sets.find(set => set.metadata.name === name)
    const replicas = spec.strategy?.type === 'Recreate' && oldPods.length > 0 ? 0 : spec.replicas
    if (!current) {
      const labels = { ...spec.template.metadata.labels, 'pod-template-hash': hash }
      const template = { ...spec.template, metadata: { ...spec.template.metadata, labels } }
      const selector = { matchLabels: { ...spec.selector.matchLabels, 'pod-template-hash': hash } }
      const annotations = { ...metadata.annotations }
      const ownerReferences = [ownerOf(deployment)]
      const object = {
        metadata: { name, labels, annotations, ownerReferences },
        spec: { replicas, selector, template },
      }
      this.#cluster.put('ReplicaSet', object, 'controllers')
    } else {
      // copied, never removed
      const annotations = { ...current.metadata.annotations, ...metadata.annotations }
      const changed = {
        ...current,
        metadata: { ...current.metadata, annotations },
        spec: { ...current.spec, replicas },
      }
      this.#update('ReplicaSet', current, changed)
    }
    this.#workloadStatus('Deployment', deployment, sets)
  }

  #workloadStatus(kind: Kind, workload: KubeObject, owners: KubeObject[]): void {
    const pods = this.#cluster.all('Pod').filter(pod => owners.some(owner => isOwnedBy(pod, owner)))
    const staying = pods.filter(({ metadata }) => !metadata.deletionTimestamp)
    // no such condition is ever on a StatefulSet
    const refusals = kind === 'StatefulSet' ? [] : owners
    const refused = refusals.map(({ metadata }) => this.#refusals.get(metadata.uid ?? '')?.message).find(Boolean)
    const failure = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: refused }
    const status = {
      observedGeneration: workload.metadata.generation,
      replicas: staying.length,
      readyReplicas: staying.filter(isReady).length,
      ...(refused && { conditions: [failure] }),
    }
    this.#update(kind, workload, { ...workload, status })
  }

  /** Backs off until the ReplicaSet itself changes. */
  readonly #refusals = new Map<string, { message: string; version: string | undefined }>()

  #replicaSet(set: KubeObject): void {
    const { uid = '' } = set.metadata
    const pods = this.#cluster.all('Pod').filter(pod => isOwnedBy(pod, set) && !pod.metadata.deletionTimestamp)
    for (const pod of pods.slice(set.spec.replicas)) this.#terminate(pod.metadata.name ?? '')
    const status = { observedGeneration: set.metadata.generation, replicas: Math.min(pods.length, set.spec.replicas) }
    this.#update('ReplicaSet', set, { ...set, status })
    if (set.spec.replicas <= pods.length) this.#refusals.delete(uid)
    if (this.#refusals.get(uid)?.version === set.metadata.resourceVersion) return
    for (let index = pods.length; index < set.spec.replicas; index += 1) {
      this.#createPod(
        `${set.metadata.name}-${shortHash([uid, this.#cluster.all('Pod').length, Math.random()]).slice(0, 5)}`,
        set,
      )
    }
  }

  #statefulSet(set: KubeObject): void {
    const pods = this.#cluster.all('Pod').filter(pod => isOwnedBy(pod, set))
    const ordinal = ({ metadata }: KubeObject) => Number(metadata.name?.slice((set.metadata.name ?? '').length + 1))
    const deletes = set.spec.persistentVolumeClaimRetentionPolicy?.whenScaled === 'Delete'
    for (const pod of pods.filter(pod => ordinal(pod) >= set.spec.replicas)) {
      this.#terminate(pod.metadata.name ?? '')
      for (const { metadata } of deletes ? (set.spec.volumeClaimTemplates ?? []) : []) {
        this.#cluster.remove('PersistentVolumeClaim', `${metadata.name}-${pod.metadata.name}`)
      }
    }
    for (let index = 0; index < set.spec.replicas; index += 1) {
      const name = `${set.metadata.name}-${index}`
      if (pods.some(({ metadata }) => metadata.name === name)) continue
      if (this.#refusals.get(set.metadata.uid ?? '')?.version === set.metadata.resourceVersion) continue
      for (const { metadata, spec } of set.spec.volumeClaimTemplates ?? []) {
        const claim = `${metadata.name}-${name}`
        if (this.#cluster.peek('PersistentVolumeClaim', claim)) continue
        this.#cluster.put('PersistentVolumeClaim', { metadata: { name: claim }, spec }, 'controllers')
      }
      this.#createPod(name, set)
    }
    this.#workloadStatus('StatefulSet', set, [set])
  }

  #createPod(name: string, owner: KubeObject): void {
    const { metadata, spec } = owner.spec.template
    const pod = this.admit({ metadata: { ...metadata, name, ownerReferences: [ownerOf(owner)] }, spec })
    const { uid = '', resourceVersion: version } = owner.metadata
    if (pod instanceof Error) {
      this.#refusals.set(uid, { message: pod.message, version })
      if (owner.kind === 'StatefulSet') this.#tellRefusal(name, owner, pod.message)
    } else {
      this.#refusals.delete(uid)
      this.#cluster.put('Pod', pod, 'controllers')
    }
  }

  #tellRefusal(pod: string, set: KubeObject, why: string): void {
    const { name, uid } = set.metadata
    const told = this.#cluster.all('Event') as (KubeObject & { involvedObject: { uid?: string }; count: number })[]
    const before = told.find(({ involvedObject }) => involvedObject.uid === uid)
    const event = {
      metadata: { name: `${name}.refused` },
      involvedObject: { kind: 'StatefulSet', name, uid },
      type: 'Warning',
      reason: 'FailedCreate',
      message: `create Pod ${pod} in StatefulSet ${name} failed error: ${why}`,
      count: (before?.count ?? 0) + 1,
    }
    if (before) this.#cluster.store('Event', { ...before, ...event, metadata: before.metadata })
    else this.#cluster.put('Event', event, 'controllers')
  }

  #terminate(name: string): void {
    const pod = this.#cluster.peek('Pod', name)
    if (!pod || pod.metadata.deletionTimestamp) return
    this.#cluster.store('Pod', { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2027-01-15T08:00:00Z' } })
  }

  #pod(pod: KubeObject): void {
    if (!pod.metadata.deletionTimestamp) {
      this.#update('Pod', pod, { ...pod, status: this.behave(pod) })
    } else if (!this.holds(pod)) this.#cluster.remove('Pod', pod.metadata.name ?? '')
  }

  #update(kind: Kind, before: KubeObject, after: KubeObject): void {
    if (JSON.stringify(before) === JSON.stringify(after)) return
    const isSpecSame = JSON.stringify(before.spec) === JSON.stringify(after.spec)
    const generation = (before.metadata.generation ?? 0) + (isSpecSame ? 0 : 1)
    this.#cluster.store(kind, { ...after, metadata: { ...after.metadata, generation } })
  }
}

export function running(pod: KubeObject): object {
  const containers: { name: string }[] = pod.spec.containers
  return {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: 'True' }],
    containerStatuses: containers.map(({ name }) => ({
      name,
      ready: true,
      restartCount: 0,
      containerID: `memory://${pod.metadata.uid}/${name}`,
      state: { running: {} },
    })),
  }
}

function isReady(pod: KubeObject): boolean {
  return pod.status?.conditions?.some(
    ({ type, status }: Record<string, string>) => type === 'Ready' && status === 'True',
  )
}

function ownerOf({ apiVersion = 'apps/v1', kind = '', metadata }: KubeObject) {
  return {
    apiVersion,
    kind,
    name: metadata.name ?? '',
    uid: metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  }
}

function isOwnedBy(object: KubeObject, owner: KubeObject): boolean {
  return (
    object.metadata.ownerReferences?.some(({ controller, uid }) => controller && uid === owner.metadata.uid) ?? false
  )
}

function shortHash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 9)
}
