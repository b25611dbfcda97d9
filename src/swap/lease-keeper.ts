import type { Timers } from '../../syncer/base/clock.ts'
import { UserError } from '../../syncer/base/errors.ts'
import type { Cluster, KubeObject } from '../cluster/cluster.ts'
import { titleOf } from './find-workload.ts'
import {
  acquiredAtMs,
  dropLease,
  findLease,
  isUndoing,
  type LeaseHolder,
  type LeaseState,
  renewed,
  takeLease,
} from './lease.ts'
import { readSession, type WorkloadKind } from './record.ts'

/** Three renewals may fail before it expires. */
const renewEveryMs = 15_000
/** After one that failed. */
const renewAgainMs = 5_000
/** For one renewal. */
const attemptsMax = 3

/** Renews a lease that was taken, one call each time, for as long as a session lives. */
export class LeaseKeeper {
  /** When the lease was taken, by the API server's clock: later than by any holder before. */
  readonly acquiredAtMs: number
  readonly #cluster: Cluster
  readonly #workload: KubeObject
  readonly #holder: LeaseHolder
  readonly #timers: Timers
  /** As it was written last; null while it is gone. */
  #lease: KubeObject | null
  #wake = () => {}

  constructor(cluster: Cluster, of: { workload: KubeObject; holder: LeaseHolder; lease: KubeObject; timers: Timers }) {
    this.#cluster = cluster
    this.#workload = of.workload
    this.#holder = of.holder
    this.#lease = of.lease
    this.acquiredAtMs = acquiredAtMs(of.lease)
    this.#timers = of.timers
  }

  /** Until aborted. Fails with `held` when somebody else has it. */
  async keep(signal: AbortSignal): Promise<void> {
    let pauseMs = renewEveryMs
    while (await this.#pause(pauseMs, signal)) {
      pauseMs = (await this.#renew(signal)) ? renewEveryMs : renewAgainMs
    }
  }

  /** After sleep: whether it is still ours is worth knowing at once. */
  renewNow(): void {
    this.#wake()
  }

  /** Gives it up, if it is still this session's. */
  async drop(signal: AbortSignal): Promise<void> {
    await dropLease(this.#cluster, this.#target, this.#holder.session, signal)
  }

  get #target(): { kind: WorkloadKind; name: string } {
    return { kind: this.#workload.kind as WorkloadKind, name: this.#workload.metadata.name ?? '' }
  }

  /** False when aborted. */
  #pause(pauseMs: number, signal: AbortSignal): Promise<boolean> {
    return new Promise(resolve => {
      if (signal.aborted) return resolve(false)
      const settle = () => {
        cancel()
        signal.removeEventListener('abort', settle)
        this.#wake = () => {}
        resolve(!signal.aborted)
      }
      const cancel = this.#timers.after(pauseMs, settle)
      signal.addEventListener('abort', settle)
      this.#wake = settle
    })
  }

  /** False where it has to be tried again soon. */
  async #renew(signal: AbortSignal): Promise<boolean> {
    try {
      for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
        if (await this.#renewOnce(signal)) return true
      }
      return false
    } catch (error) {
      if (signal.aborted) return true
      if (error instanceof UserError && error.code === 'held') throw error
      return false
    }
  }

  /** False where it is not as it was. */
  async #renewOnce(signal: AbortSignal): Promise<boolean> {
    this.#lease ??= await this.#lookAgain(signal)
    if (!this.#lease) return true
    const wanted = renewed(this.#lease, this.#cluster.serverTimeMs())
    try {
      this.#lease = (await this.#cluster.replace('Lease', wanted, { signal })).object
      return true
    } catch (error) {
      if (!(error instanceof UserError) || !['conflict', 'not-found'].includes(error.code)) throw error
      this.#lease = null
      return false
    }
  }

  /** Where it is gone and the workload is still swapped by this session, it is taken anew. */
  async #lookAgain(signal: AbortSignal): Promise<KubeObject | null> {
    const { kind, name } = this.#target
    const found = await findLease(this.#cluster, this.#target, signal)
    if (found && found.session !== this.#holder.session) throw lostTo(this.#workload, found)
    if (found) return found.object
    const workload = await this.#cluster.find(kind, name, { signal })
    if (!workload || readSession(workload)?.session !== this.#holder.session) return null
    return takeLease(this.#cluster, { workload, holder: this.#holder, takeOver: false, signal }, null)
  }
}

function lostTo(workload: KubeObject, { owner, session }: LeaseState): UserError {
  const title = titleOf(workload)
  const what = isUndoing(session) ? `${owner} is putting ${title} back` : `${title} was taken over by ${owner}`
  return new UserError('held', what, { hint: 'agree with them first' })
}
