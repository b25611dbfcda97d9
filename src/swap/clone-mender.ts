import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import type { Resources } from '../manifest/manifest.ts'
import { selectorText, type Topic, until } from './follow.ts'
import { defaultsSeen, podTemplate } from './pod-template.ts'
import { oneLine } from './pod-trouble.ts'
import { marks } from './record.ts'

/** What the mender needs of an `AppliedSwap`. */
interface MendedClone {
  clone: string
  container: string
  adapt?(seen: Resources, signal: AbortSignal): Promise<void>
}

/** Mends what keeps a clone's pod from starting, or would have it evicted. */
export class CloneMender {
  readonly #cluster: Cluster
  readonly #target: MendedClone
  readonly #signal: AbortSignal
  #adapting = false

  constructor(cluster: Cluster, target: MendedClone, signal: AbortSignal) {
    this.#cluster = cluster
    this.#target = target
    this.#signal = signal
  }

  /**
   * The controller backs off for up to 16 minutes after a quota refused the pod. When no old pod stands in the way any
   * more, a changed annotation has it try at once.
   */
  async nudge(clone: KubeObject, timeoutMs: number): Promise<void> {
    const { [marks.clone]: _ours, ...matchLabels } = clone.spec.selector.matchLabels
    const topic: Topic = { kind: 'Pod', labelSelector: selectorText({ ...clone.spec.selector, matchLabels }) }
    const waiting = { signal: this.#signal, timeoutMs }
    await until(this.#cluster, [topic], waiting, ([pods = []]) => (pods.some(isLeavingOriginal) ? undefined : true))
    const annotations = { [marks.nudge]: String(clone.metadata.resourceVersion) }
    const patch = { metadata: { annotations } }
    await this.#cluster.patch('Deployment', this.#target.clone, patch, { signal: this.#signal })
  }

  /** A default of the LimitRange that the plan could not know of, for the original had no pod. */
  adapt(pod: KubeObject, clone: KubeObject, failed: (message: string) => void): void {
    if (this.#adapting || !this.#target.adapt) return
    const seen = defaultsSeen(podTemplate(clone), pod, this.#target.container)
    if (!seen.limits?.memory && !seen.limits?.['ephemeral-storage']) return
    this.#adapting = true
    this.#target.adapt(seen, this.#signal).catch(error => {
      if (this.#signal.aborted) return
      failed(`a LimitRange limits the pod, and that cannot be raised: ${oneLine(String(error?.message))}`)
    })
  }
}

function isLeavingOriginal(pod: KubeObject): boolean {
  return pod.metadata.deletionTimestamp !== undefined && !pod.metadata.labels?.[marks.clone]
}
