import { deadline } from '../../syncer/base/deadline.ts'
import { UserError } from '../../syncer/base/errors.ts'
import type { DevPodNews } from '../swap/dev-pod-watcher.ts'
import type { AppliedSwap, ClaimedSwap, Report, SessionParts } from './parts.ts'

const REVERT_TIMEOUT_MS = 90_000

/** What a session does to the workload. */
export class SwapWork {
  readonly #parts: SessionParts
  readonly #report: Report
  readonly #over: AbortSignal
  #claim: ClaimedSwap | null = null
  #applied: AppliedSwap | null = null
  /** What may still write. */
  #writing: Promise<unknown> = Promise.resolve()

  constructor(parts: SessionParts, over: AbortSignal, report: Report) {
    this.#parts = parts
    this.#over = over
    this.#report = report
  }

  /** Once it stands. */
  get applied(): AppliedSwap | null {
    return this.#applied
  }

  /** Whether somebody else had the workload. Throws `held`. */
  async claim(): Promise<Pick<ClaimedSwap, 'tookOver' | 'command'>> {
    const claiming = this.#parts.claimSwap({ signal: this.#over, report: this.#report })
    this.#writing = claiming
    this.#claim = await claiming
    return this.#claim
  }

  /** Shows the others that this session lives, to its end. Throws `held` when one of them has it. */
  async keep(): Promise<void> {
    await this.#claim?.keep(this.#over)
  }

  woke(): void {
    this.#claim?.renew()
  }

  async apply(touching: () => void): Promise<AppliedSwap> {
    if (!this.#claim) throw new Error('nothing was claimed')
    const applying = this.#claim.apply({
      signal: this.#over,
      touching: () => {
        // An end that came meanwhile took the cluster for untouched: then it stays so.
        this.#over.throwIfAborted()
        touching()
      },
      report: this.#report,
    })
    this.#writing = applying
    this.#applied = await applying
    this.#report({ type: 'swapped', ...this.#applied })
    return this.#applied
  }

  /** Before it is said to be ready: somebody else's requests must not reach the original's last pods. */
  async awaitAlone(signal: AbortSignal): Promise<void> {
    try {
      await this.#parts.awaitAlone({ signal, report: this.#report })
    } catch (error) {
      if (signal.aborted || !(error instanceof UserError)) throw error
      this.#report({ type: 'warning', message: error.message, hint: error.hint })
    }
  }

  /** Until the session is over. Throws `not-found` where there is no swap any more, `held` where it is somebody else's. */
  async watchPod(on: (news: DevPodNews) => void): Promise<void> {
    if (this.#applied) await this.#parts.watchPod(this.#applied, { signal: this.#over, on })
  }

  /** Resolves when nothing is written any more. */
  async settled(): Promise<void> {
    await this.#writing.catch(() => {})
  }

  /** Gives back a claim that came to nothing. */
  async release(): Promise<void> {
    await this.settled()
    try {
      await this.#claim?.release()
    } catch (error) {
      // It lapses by itself.
      if (!(error instanceof UserError)) throw error
    }
  }

  /** `name`: what to call it where it has not been found yet. */
  async revert(name: string): Promise<void> {
    this.#report({ type: 'undoing', workload: this.#applied?.workload ?? name })
    await this.settled()
    using late = deadline(this.#parts.timers, REVERT_TIMEOUT_MS)
    await this.#parts.revertSwap({ signal: late.signal, report: this.#report })
  }
}
