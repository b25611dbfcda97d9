import { deadline } from './deadline.ts'
import type { AppliedSwap, Report, SessionParts } from './parts.ts'

const REVERT_TIMEOUT_MS = 90_000

/** What a session does to the workload. */
export class SwapWork {
  readonly #parts: SessionParts
  readonly #report: Report
  readonly #over: AbortSignal
  #applied: AppliedSwap | null = null
  #applying: Promise<unknown> = Promise.resolve()

  constructor(parts: SessionParts, over: AbortSignal, report: Report) {
    this.#parts = parts
    this.#over = over
    this.#report = report
  }

  /** Once it stands. */
  get applied(): AppliedSwap | null {
    return this.#applied
  }

  async apply(touching: () => void): Promise<AppliedSwap> {
    const applying = this.#parts.applySwap({
      signal: this.#over,
      touching: () => {
        // An end that came meanwhile took the cluster for untouched: then it stays so.
        this.#over.throwIfAborted()
        touching()
      },
      report: this.#report,
    })
    this.#applying = applying
    this.#applied = await applying
    this.#report({ type: 'swapped', ...this.#applied })
    return this.#applied
  }

  /** Resolves when nothing is written any more. */
  async settled(): Promise<void> {
    await this.#applying.catch(() => {})
  }

  /** `name`: what to call it where it has not been found yet. */
  async revert(name: string): Promise<void> {
    this.#report({ type: 'undoing', workload: this.#applied?.workload ?? name })
    await this.settled()
    using late = deadline(this.#parts.timers, REVERT_TIMEOUT_MS)
    await this.#parts.revertSwap({ signal: late.signal, report: this.#report })
  }
}
