import type { Entry } from '../../endpoint/tree.ts'

const bytesMin = 512 * 1024
const bytesMax = 8 * 1024 * 1024
/** Answers that take no longer let more go; those that take longer than {@link slowMs} let less, in ms. */
const quickMs = 100
const slowMs = 250
/**
 * Where the other end takes in so much, what finds no room waits for it: another way would save nothing, and costs both ends
 * more. A slower link gains from being packed.
 */
const quickBytesPerMs = 3 * 1024
/** Answers to fewer bytes than this say nothing of how much it takes in, and of what is older than these each counts half. */
const measuredBytesMin = 256 * 1024
const measuredBytesMax = 1024 * 1024

/**
 * How much content may be under way inside PUTs at once; more goes ahead on the bulk lane, where it holds up no answer and
 * is packed. It is what the other end takes in within a moment: a save waits behind it, and so does every answer.
 */
export class InlineWindow {
  private readonly open = new Map<Entry, { size: number; sentMs: number }>()
  private bytes = 0
  private limit = bytesMin
  /** What was answered, and in how long: only while something was under way. */
  private answeredBytes = 0
  private busyMs = 0
  private countedMs = 0

  reset(): void {
    this.open.clear()
    this.bytes = 0
    this.limit = bytesMin
    this.answeredBytes = 0
    this.busyMs = 0
  }

  hasRoom(size: number): boolean {
    return this.isQuick ? this.bytes < this.limit : this.bytes + size <= this.limit
  }

  /** What finds no room gains by waiting for it. */
  get isWorthWaiting(): boolean {
    return this.isQuick && this.open.size > 0 && this.bytes >= this.limit
  }

  add(entry: Entry, size: number, nowMs: number): void {
    if (this.open.size === 0) this.countedMs = nowMs
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
    this.measure(sent.size, nowMs)
  }

  private measure(bytes: number, nowMs: number): void {
    this.answeredBytes += bytes
    this.busyMs += nowMs - this.countedMs
    this.countedMs = nowMs
    if (this.answeredBytes < measuredBytesMax) return
    this.answeredBytes /= 2
    this.busyMs /= 2
  }

  private get isQuick(): boolean {
    return this.answeredBytes < measuredBytesMin || this.answeredBytes >= quickBytesPerMs * this.busyMs
  }
}
