import type { Transfer } from '../ui/events.ts'

/** Weight of what was just measured: what comes in bursts is told by what it comes to in a while. */
const weight = 0.2
/** Before that nothing is foretold. */
const measuredMsMin = 1_000
const doneShareMin = 0.01
/** What a file costs beside its content, as so many bytes. */
const fileBytes = 16 * 1024

type Counted = Omit<Transfer, 'bytesPerSecond' | 'secondsLeft'>

/** How fast a transfer goes, and how long it still takes. */
export class TransferRate {
  #before: { bytes: number; work: number; atMs: number }
  #begunMs: number | undefined
  #bytesPerSecond: number | undefined
  #workPerSecond: number | undefined

  constructor(atMs: number) {
    this.#before = { bytes: 0, work: 0, atMs }
  }

  /** @param transfer as it is at `atMs`, monotonic ms */
  measure(transfer: Counted, atMs: number): Pick<Transfer, 'bytesPerSecond' | 'secondsLeft'> {
    const { doneBytes, totalBytes, doneFiles, totalFiles } = transfer
    const work = doneBytes + doneFiles * fileBytes
    const before = this.#before
    this.#before = { bytes: doneBytes, work, atMs }
    const seconds = (atMs - before.atMs) / 1000
    if (totalFiles > 0) this.#begunMs ??= before.atMs
    if (seconds > 0 && this.#begunMs !== undefined) {
      this.#bytesPerSecond = smoothed(this.#bytesPerSecond, (doneBytes - before.bytes) / seconds)
      this.#workPerSecond = smoothed(this.#workPerSecond, (work - before.work) / seconds)
    }
    const all = totalBytes + totalFiles * fileBytes
    const rate = this.#workPerSecond ?? 0
    const isTold = atMs - (this.#begunMs ?? atMs) >= measuredMsMin && work >= all * doneShareMin && rate > 0
    return { bytesPerSecond: this.#bytesPerSecond ?? 0, ...(isTold && { secondsLeft: (all - work) / rate }) }
  }
}

/** A connection that was cut counts anew: that is no progress backwards. */
function smoothed(known: number | undefined, now: number): number {
  const rate = Math.max(0, now)
  return known === undefined ? rate : known + weight * (rate - known)
}
