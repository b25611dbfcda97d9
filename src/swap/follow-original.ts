import { systemTimers, type Timers } from '../../syncer/base/clock.ts'
import { UserError } from '../../syncer/base/errors.ts'
import { pause } from '../../syncer/base/pause.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import type { AppliedSwap } from './apply.ts'
import { scalerOf } from './field-owners.ts'
import { until } from './follow.ts'
import { podTemplate } from './pod-template.ts'
import type { OnSwapEvent } from './swap-event.ts'
import { templateChanges } from './template-changes.ts'

/** Somebody who scales up again as often means it. */
const scaleDownsMax = 3
const againMs = 200
const forEverMs = 2 ** 31 - 1

/**
 * Looks after the original while it is swapped, until aborted. A new pod template goes to the clone. Scaled up by
 * somebody, it is scaled down again, at most three times: then it stays as they want it. What they wanted is what `down`
 * restores.
 */
export async function followOriginal(
  cluster: Cluster,
  swap: AppliedSwap,
  { signal, on, timers = systemTimers }: { signal: AbortSignal; on: OnSwapEvent; timers?: Timers },
): Promise<void> {
  const guard = new OriginalGuard(swap, on)
  const topic = { kind: swap.kind, fieldSelector: `metadata.name=${swap.name}` }
  while (!signal.aborted) {
    // one change at a time, each from the newest version
    const changed = await until(cluster, [topic], { signal, timeoutMs: forEverMs }, ([found]) => {
      const [original] = found ?? []
      return original && guard.isNews(original) ? original : undefined
    }).catch(error => {
      if (!signal.aborted) throw error
    })
    if (changed) await followOnce(guard, changed, timers, signal)
  }
}

async function followOnce(guard: OriginalGuard, original: KubeObject, timers: Timers, signal: AbortSignal) {
  try {
    await guard.follow(original, signal)
  } catch (error) {
    if (signal.aborted) return
    if (!(error instanceof UserError)) throw error
    // moved on, or no answer: the newest version is looked at again
    const isPassing = ['conflict', 'timeout', 'unreachable', 'unauthorized'].includes(error.code)
    if (!isPassing) guard.refused(original, error)
    await pause(timers, againMs, signal)
  }
}

class OriginalGuard {
  readonly #swap: AppliedSwap
  readonly #on: OnSwapEvent
  #template: string
  #before: KubeObject
  #scaleDowns = 0
  /** As many as somebody wants, and nobody changes. */
  #leftAt: number | undefined

  constructor(swap: AppliedSwap, on: OnSwapEvent) {
    this.#swap = swap
    this.#on = on
    this.#before = swap.original
    this.#template = templateText(swap.original)
  }

  isNews(original: KubeObject): boolean {
    const { uid, deletionTimestamp } = original.metadata
    // another of that name, or one on its way out: that is for the clone's watch to tell
    if (uid !== this.#swap.record.uid || deletionTimestamp) return false
    return this.#isScaledUp(original) || templateText(original) !== this.#template
  }

  async follow(original: KubeObject, signal: AbortSignal): Promise<void> {
    const isScaledUp = this.#isScaledUp(original)
    const gaveUp = isScaledUp && this.#scaleDowns >= scaleDownsMax
    const done = await this.#swap.renew(original, { scaleDown: isScaledUp && !gaveUp, signal })
    const changes = templateChanges(podTemplate(this.#before), podTemplate(original))
    this.#seen(original, isScaledUp && (gaveUp || done === 'over'))
    if (done === 'over') return
    const { workload } = this.#swap
    if (changes.length > 0) this.#on({ type: 'template-followed', workload, changes, restarts: done === 'restarts' })
    if (!isScaledUp) return
    if (!gaveUp) this.#scaleDowns += 1
    const { replicas } = original.spec
    const scaling = { replicas, by: scalerOf(original), times: this.#scaleDowns, timesMax: scaleDownsMax, gaveUp }
    this.#on({ type: 'scaled-up', workload, ...scaling })
  }

  /** What cannot be followed is said once. */
  refused(original: KubeObject, error: UserError): void {
    this.#seen(original, this.#isScaledUp(original))
    const message = `${this.#swap.workload} has changed, and the dev pod cannot follow: ${error.message}`
    this.#on({ type: 'warning', message, ...(error.hint !== undefined && { hint: error.hint }) })
  }

  #seen(original: KubeObject, leaveReplicas: boolean): void {
    this.#template = templateText(original)
    this.#before = original
    if (leaveReplicas) this.#leftAt = original.spec.replicas
  }

  #isScaledUp(original: KubeObject): boolean {
    const { replicas } = original.spec
    return replicas > 0 && replicas !== this.#leftAt
  }
}

function templateText(workload: KubeObject): string {
  return JSON.stringify(workload.spec.template)
}
