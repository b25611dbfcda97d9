import type { Transfer } from './transfer.ts'

/** So many that were taken keep their places until these are given up together. */
const takenMax = 1024

/** Transfers in the order in which they begin: what changed just now first. */
export class TransferQueue {
  /** Those before `from` were taken, and are not held on to. */
  private readonly queue: (Transfer | undefined)[] = []
  private from = 0

  /** The next one; it stays. */
  get head(): Transfer | undefined {
    return this.queue[this.from]
  }

  push(transfer: Transfer): void {
    if (transfer.urgent) this.queue.splice(this.from, 0, transfer)
    else this.queue.push(transfer)
  }

  take(): Transfer | undefined {
    const transfer = this.head
    if (transfer === undefined) return undefined
    this.queue[this.from++] = undefined
    if (this.from > takenMax) {
      this.queue.splice(0, this.from)
      this.from = 0
    }
    return transfer
  }

  clear(): void {
    this.queue.length = 0
    this.from = 0
  }
}
