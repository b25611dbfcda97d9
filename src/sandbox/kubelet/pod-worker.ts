import type { Timers } from '../../../syncer/base/clock.ts'
import { pause } from '../../../syncer/base/pause.ts'
import type { EventRecorder, Happening } from '../controllers/event-recorder.ts'
import { type ClusterNames, type PodPlace, type PodRuntime, RuntimeRefusal } from '../pod-runtime.ts'
import type { Registry } from '../registry/registry.ts'
import { type ApiObject, keyOf, timestampOf } from '../store/api-object.ts'
import type { ObjectStore } from '../store/object-store.ts'
import { resourceTypes } from '../store/resource-types.ts'
import { ContainerWorker, type RestartPolicy } from './container-worker.ts'
import type { PodScene } from './environment.ts'
import type { KubeletTimes, PodDesk } from './pod-desk.ts'
import { podStatus } from './pod-status.ts'
import { volumesOf } from './volumes.ts'

export interface PodWorkerParts {
  registry: Registry
  runtime: PodRuntime
  names: ClusterNames
  events: EventRecorder
  timers: Timers
  times: KubeletTimes
  now: () => number
}

const component = 'kubelet'
const hostIp = '127.0.0.1'
const setupBackoffMsMin = 500

/** One pod from the moment it has a node to its end: its place, its containers in their order, its status. */
export class PodWorker implements PodDesk {
  readonly uid: string
  readonly store: ObjectStore
  readonly timers: Timers
  readonly times: KubeletTimes
  readonly workers: ContainerWorker[] = []
  readonly ended: Promise<void>
  readonly #parts: PodWorkerParts
  readonly #startTime: string
  readonly #over = new AbortController()
  #pod: ApiObject
  #place: PodPlace | undefined
  #isInitialized = false
  #isOver = false
  #waiting: { reason: string; message: string } | undefined
  #stopping: Promise<void> | undefined
  #graceSeconds = Number.POSITIVE_INFINITY

  constructor(pod: ApiObject, parts: PodWorkerParts) {
    this.#pod = pod
    this.#parts = parts
    this.uid = pod.metadata.uid ?? ''
    this.store = parts.registry.store
    this.timers = parts.timers
    this.times = parts.times
    this.#startTime = timestampOf(parts.now())
    this.ended = this.#live().catch(error => this.#fail(error))
  }

  get place(): PodPlace | undefined {
    return this.#place
  }

  now(): number {
    return this.#parts.now()
  }

  pause(ms: number, signal: AbortSignal): Promise<void> {
    return pause(this.timers, ms, signal)
  }

  tell(happening: Happening): void {
    this.#parts.events.record(this.#pod, component, happening)
  }

  changed(): void {
    const key = keyOf(this.#pod)
    const stored = this.store.get(resourceTypes.Pod, key)
    if (stored?.metadata.uid !== this.uid) return
    const status = podStatus({
      pod: stored,
      hostIp,
      podIp: this.#place?.ip,
      startTime: this.#startTime,
      workers: this.workers,
      isInitialized: this.#isInitialized,
      isOver: this.#isOver,
      ...(this.#waiting && { waiting: this.#waiting }),
      time: timestampOf(this.now()),
    })
    const options = { manager: component, subresource: 'status' } as const
    this.#parts.registry.update(resourceTypes.Pod, key, before => ({ ...before, status }), options)
  }

  /** A new version of the pod: perhaps it is to be stopped, or sooner than was said. */
  update(pod: ApiObject): void {
    this.#pod = pod
    const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata
    if (!deletionTimestamp || deletionGracePeriodSeconds >= this.#graceSeconds) return
    this.#graceSeconds = deletionGracePeriodSeconds
    this.#stopping ??= this.#stop(true)
    for (const worker of this.workers) void worker.stop(deletionGracePeriodSeconds * 1000)
  }

  /** The pod is gone from the API, or the kubelet ends: everything stops at once. */
  kill(): Promise<void> {
    this.#graceSeconds = 0
    this.#stopping ??= this.#stop(false)
    for (const worker of this.workers) void worker.stop(0)
    return this.#stopping
  }

  async #live(): Promise<void> {
    const { signal } = this.#over
    this.#makeWorkers()
    this.changed()
    const place = await this.#placed(signal)
    if (!place) return
    this.#place = place
    this.#waiting = undefined
    const scene: PodScene = { pod: this.#pod, ip: place.ip, hostIp }
    this.#makeWorkers(scene, place)
    this.changed()
    const sidecars: Promise<boolean>[] = []
    const isInitialized = await this.#initialize(signal, sidecars)
    if (signal.aborted) return
    if (isInitialized) {
      this.#isInitialized = true
      await Promise.all(this.workers.filter(({ isInit }) => !isInit).map(worker => worker.run(signal)))
    }
    if (signal.aborted) return
    this.#over.abort()
    await Promise.all(this.workers.filter(({ isInit }) => isInit).map(worker => worker.stop(this.#ownGraceMs())))
    await Promise.all(sidecars)
    this.#isOver = true
    this.changed()
  }

  #makeWorkers(scene?: PodScene, place?: PodPlace): void {
    const { spec } = this.#pod
    this.workers.length = 0
    const add = (container: ApiObject['spec'], isInit: boolean) => {
      const own = isInit ? (container.restartPolicy ?? initPolicy(spec.restartPolicy)) : spec.restartPolicy
      const policy = own as RestartPolicy
      const parts = { desk: this, scene: scene as PodScene, place: place as PodPlace, container, isInit, policy }
      this.workers.push(new ContainerWorker(parts))
    }
    for (const container of spec.initContainers ?? []) add(container, true)
    for (const container of spec.containers) add(container, false)
    if (!spec.initContainers?.length) {
      for (const worker of this.workers) worker.state = { waiting: { reason: 'ContainerCreating' } }
    }
  }

  /** One after the other; a sidecar only has to have started. */
  async #initialize(signal: AbortSignal, sidecars: Promise<boolean>[]): Promise<boolean> {
    for (const worker of this.workers.filter(({ isInit }) => isInit)) {
      if (worker.container.restartPolicy === 'Always') {
        sidecars.push(worker.run(signal))
        while (!worker.isStarted && !signal.aborted) await this.pause(20, signal)
      } else if (!(await worker.run(signal))) return false
      if (signal.aborted) return false
    }
    return true
  }

  /** Tries until the pod has its volumes and its place. */
  async #placed(signal: AbortSignal): Promise<PodPlace | undefined> {
    let backoffMs = setupBackoffMsMin
    while (!signal.aborted) {
      try {
        const scene: PodScene = { pod: this.#pod, ip: '', hostIp }
        const volumes = volumesOf(this.store, scene)
        const place = await this.#parts.runtime.openPod({ pod: this.#pod, volumes, names: this.#parts.names }, signal)
        if (!signal.aborted) return place
        await place.close()
      } catch (error) {
        if (signal.aborted) return undefined
        const message = error instanceof Error ? error.message : String(error)
        const reason = error instanceof RuntimeRefusal ? error.reason : 'FailedMount'
        this.#waiting = { reason, message }
        this.tell({ type: 'Warning', reason, message })
        this.changed()
        await this.pause(backoffMs, signal)
        backoffMs = Math.min(this.times.retryMs, backoffMs * 2)
      }
    }
    return undefined
  }

  /** Containers first, then sidecars, then the place; last the object itself. */
  async #stop(removes: boolean): Promise<void> {
    // after the caller has set how much time there is
    await Promise.resolve()
    this.#over.abort()
    const isRunning = (worker: ContainerWorker) => worker.isRunning
    for (const { name, isInit } of this.workers.filter(isRunning)) {
      const fieldPath = `spec.${isInit ? 'initContainers' : 'containers'}{${name}}`
      if (removes) this.tell({ type: 'Normal', reason: 'Killing', message: `Stopping container ${name}`, fieldPath })
    }
    const stop = (workers: ContainerWorker[]) =>
      Promise.all(workers.map(worker => worker.stop(this.#graceSeconds * 1000)))
    await stop(this.workers.filter(({ isInit }) => !isInit))
    await stop(this.workers.filter(({ isInit }) => isInit))
    await this.ended
    await this.#place?.close()
    if (!removes) return
    const stored = this.store.get(resourceTypes.Pod, keyOf(this.#pod))
    if (stored?.metadata.uid !== this.uid) return
    this.#parts.registry.remove(resourceTypes.Pod, keyOf(stored), { gracePeriodSeconds: 0, uid: this.uid })
  }

  #ownGraceMs(): number {
    return this.#pod.spec.terminationGracePeriodSeconds * 1000
  }

  /** A fault of ours: said in the cluster, where somebody will look for it. */
  #fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    this.tell({ type: 'Warning', reason: 'FailedSync', message: `error syncing the pod: ${message}` })
  }
}

function initPolicy(podPolicy: RestartPolicy): RestartPolicy {
  return podPolicy === 'Never' ? 'Never' : 'OnFailure'
}
