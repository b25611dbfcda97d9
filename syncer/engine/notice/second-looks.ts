/** So long after much was under way what can wait goes on, in ms. */
const graceMs = 50
/** What can wait does so no longer than this, in ms. */
const patienceMs = 2_000

/**
 * When there is time for second looks: at what is known already, in case that a change came without a word of it. While
 * much is under way they wait, for they would take its time from it, and what they look at may change once more.
 */
export class SecondLooks {
  /** No second look before; monotonic, in ms. */
  fromMs = Number.NEGATIVE_INFINITY
  private busySinceMs = Number.NEGATIVE_INFINITY
  private busyAtMs = Number.NEGATIVE_INFINITY

  /** Much is under way. */
  busy(nowMs: number): void {
    if (nowMs - this.busyAtMs > graceMs) this.busySinceMs = nowMs
    this.busyAtMs = nowMs
    this.fromMs = Math.min(nowMs + graceMs, this.busySinceMs + patienceMs)
  }
}
