import type { Entry } from '../endpoint/tree.ts'

const bytesMin = 512 * 1024
const bytesMax = 8 * 1024 * 1024
/** Answers that take no longer let more go; those that take longer than {@link slowMs} let less, in ms. */
const quickMs = 100
const slowMs = 250

/**
 * How much content may be under way inside PUTs at once; more goes ahead on the bulk lane, where it holds up no answer and
 * is packed. It is what the other end takes in within a moment: a save waits behind it, and so does every answer.
 */
export class InlineWindow {
  private readonly open = new Map<Entry, { size: number; sentMs: number }>()
  private bytes = 0
  private limit = bytesMin

  reset(): void {
    this.open.clear()
    this.bytes = 0
    this.limit = bytesMin
  }

  hasRoom(size: number): boolean {
    return this.bytes + size <= this.limit
  }

  add(entry: Entry, size: number, nowMs: number): void {
    this.open.set(entry, { size, sentMs: nowMs })
    this.bytes += size
  }

  /** Its PUT has an answer. */
  answered(entry: Entry, nowMs: number): void {
    const sent = this.open.get(entry)
    if (sent === undefined) return
    this.open.delete(entry)
    const tookMs = nowMs - sent.sentMs
    // Where little is under way an answer says nothing of more.
    if (tookMs <= quickMs && this.bytes * 2 > this.limit) this.limit = Math.min(this.limit + sent.size, bytesMax)
    else if (tookMs > slowMs) this.limit = Math.max(this.limit - sent.size, bytesMin)
    this.bytes -= sent.size
  }
}
