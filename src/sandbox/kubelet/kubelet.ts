import type { PodRuns } from '../api/pod-access.ts'
import type { DialPod } from '../api/port-forward.ts'
import { nodeName } from '../controllers/scheduler.ts'
import type { ContainerRun } from '../pod-runtime.ts'
import type { Change } from '../store/object-store.ts'
import { resourceTypes } from '../store/resource-types.ts'
import type { ContainerWorker } from './container-worker.ts'
import { PodWorker, type PodWorkerParts } from './pod-worker.ts'

/** Runs the pods that are on this node, through the runtime. */
export class Kubelet implements PodRuns {
  readonly #parts: PodWorkerParts
  readonly #workers = new Map<string, PodWorker>()
  readonly #ending = new Set<Promise<void>>()
  readonly #unlisten: () => void
  #isClosed = false

  constructor(parts: PodWorkerParts) {
    this.#parts = parts
    this.#unlisten = parts.registry.store.listen(change => this.#changed(change))
  }

  current(podUid: string, container: string): ContainerRun | undefined {
    return this.#worker(podUid, container)?.current
  }

  previous(podUid: string, container: string): ContainerRun | undefined {
    return this.#worker(podUid, container)?.previous
  }

  running(podUid: string, container: string): ContainerRun | undefined {
    const worker = this.#worker(podUid, container)
    return worker?.isRunning ? worker.current : undefined
  }

  dial(podUid: string): DialPod | undefined {
    const place = this.#workers.get(podUid)?.place
    return place && ((port, signal) => place.dial(port, signal))
  }

  /** Ends every pod at once. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#unlisten()
    await Promise.all([...this.#workers.values()].map(worker => worker.kill()))
    await Promise.all(this.#ending)
  }

  #worker(podUid: string, container: string): ContainerWorker | undefined {
    return this.#workers.get(podUid)?.workers.find(({ name }) => name === container)
  }

  /** Within a change nothing may be written: the workers get it in a turn of their own. */
  #changed({ kind, type, object }: Change): void {
    const uid = object.metadata.uid ?? ''
    if (kind === 'PersistentVolumeClaim' && type === 'DELETED') this.#track(this.#parts.runtime.removeClaim(uid))
    if (kind !== 'Pod' || object.spec.nodeName !== nodeName) return
    if (type === 'DELETED') {
      const worker = this.#workers.get(uid)
      this.#workers.delete(uid)
      if (worker) this.#track(worker.kill())
    } else queueMicrotask(() => this.#update(uid))
  }

  #update(uid: string): void {
    if (this.#isClosed) return
    const pod = this.#parts.registry.store.list(resourceTypes.Pod).find(({ metadata }) => metadata.uid === uid)
    if (!pod) return
    const worker = this.#workers.get(uid)
    if (worker) worker.update(pod)
    else this.#workers.set(uid, new PodWorker(pod, this.#parts))
  }

  #track(work: Promise<void>): void {
    const tracked = work.catch(() => {}).finally(() => this.#ending.delete(tracked))
    this.#ending.add(tracked)
  }
}
