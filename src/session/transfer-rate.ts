import type { Transfer } from '../ui/events.ts'

/** Weight of what was just measured. */
const weight = 0.2
/** Before that nothing is foretold. */
const measuredMsMin = 1_000
const doneShareMin = 0.01

/** How fast a transfer goes, and how long it still takes. */
export class TransferRate {
  #before: { bytes: number; atMs: number }
  #begunMs: number | undefined
  #bytesPerSecond: number | undefined

  constructor(atMs: number) {
    this.#before = { bytes: 0, atMs }
  }

  /** @param transfer as it is at `atMs`, monotonic ms */
  measure(
    transfer: Omit<Transfer, 'bytesPerSecond' | 'secondsLeft'>,
    atMs: number,
  ): Pick<Transfer, 'bytesPerSecond' | 'secondsLeft'> {
    const { bytes, atMs: beforeMs } = this.#before
    const seconds = (atMs - beforeMs) / 1000
    this.#before = { bytes: transfer.doneBytes, atMs }
    if (transfer.totalFiles > 0) this.#begunMs ??= beforeMs
    if (seconds > 0) {
      const now = Math.max(0, transfer.doneBytes - bytes) / seconds
      const known = this.#bytesPerSecond
      // What comes in bursts is told by what it comes to in a while.
      this.#bytesPerSecond = known === undefined ? now : known + weight * (now - known)
    }
    const secondsLeft = this.#secondsLeft(transfer, atMs)
    return { bytesPerSecond: this.#bytesPerSecond ?? 0, ...(secondsLeft !== undefined && { secondsLeft }) }
  }

  /** By the bytes of lately, or by the files of all the time where that is longer: small ones cost more than their bytes. */
  #secondsLeft(
    { doneBytes, totalBytes, doneFiles, totalFiles }: Omit<Transfer, 'bytesPerSecond' | 'secondsLeft'>,
    atMs: number,
  ): number | undefined {
    const measuredMs = atMs - (this.#begunMs ?? atMs)
    const rate = this.#bytesPerSecond ?? 0
    if (measuredMs < measuredMsMin || doneBytes < totalBytes * doneShareMin || rate === 0) return undefined
    const byFiles = doneFiles === 0 ? 0 : ((totalFiles - doneFiles) * measuredMs) / 1000 / doneFiles
    return Math.max((totalBytes - doneBytes) / rate, byFiles)
  }
}
