import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { oneLine } from './pod-trouble.ts'

interface Refusal extends KubeObject {
  reason?: string
  message?: string
  count?: number
  lastTimestamp?: string
}

/** `create Pod db-0 in StatefulSet db failed error: ` (kube-controller-manager, stateful_pod_control.go). */
const prefix = /^create .*? in StatefulSet \S+ failed error: /

/**
 * What admission said to a StatefulSet's controller: its status has no condition for that, only events tell. Those that
 * were there at {@link SetRefusals.begin} are of before. Of a Deployment there are none, nor where events may not be read.
 */
export class SetRefusals {
  readonly #cluster: Cluster
  readonly #workload: KubeObject
  readonly #before = new Map<string, number>()

  constructor(cluster: Cluster, workload: KubeObject) {
    this.#cluster = cluster
    this.#workload = workload
  }

  get areAsked(): boolean {
    return this.#workload.kind === 'StatefulSet'
  }

  async begin(signal: AbortSignal): Promise<void> {
    for (const { metadata, count = 1 } of await this.#all(signal)) this.#before.set(metadata.uid ?? '', count)
  }

  /** The newest since then, in the cluster's words. */
  async newest(signal: AbortSignal): Promise<string | undefined> {
    const since = (await this.#all(signal)).filter(
      ({ metadata, count = 1 }) => count > (this.#before.get(metadata.uid ?? '') ?? 0),
    )
    const last = since.sort((a, b) => (a.lastTimestamp ?? '').localeCompare(b.lastTimestamp ?? '')).at(-1)
    return last && oneLine((last.message ?? '').replace(prefix, ''))
  }

  async #all(signal: AbortSignal): Promise<Refusal[]> {
    if (!this.areAsked) return []
    const fieldSelector = `involvedObject.uid=${this.#workload.metadata.uid},reason=FailedCreate`
    try {
      return await this.#cluster.list('Event', { fieldSelector, signal })
    } catch (error) {
      if (signal.aborted || !(error instanceof UserError)) throw error
      return []
    }
  }
}
