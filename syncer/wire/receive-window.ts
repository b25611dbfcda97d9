/** How large the credit of a stream is, at first and at most, and the least time it must bridge at full speed. */
export interface WindowSize {
  bytes: number
  bytesMax: number
  bridgeMs: number
}

/** Shorter measurements say more about how the bytes were cut than about the connection. */
const measureMsMin = 5

/**
 * The credit that one receiver gives. It grows to what arrives in two round trips (or `bridgeMs`, if that is longer),
 * for a fixed one would limit a connection with a long round trip; the rate counts what was consumed, so a slow
 * reader never gets more. Pure: times (ms, monotonic) come from the caller.
 */
export class ReceiveWindow {
  private sizeBytes: number
  private sizeBytesMax: number
  private bridgeMs: number
  /** What the sender may still send. */
  private creditBytes: number
  private consumedBytes = 0
  private measuredBytes = 0
  private measureSinceMs: number

  constructor(size: WindowSize, nowMs: number) {
    this.sizeBytes = size.bytes
    this.sizeBytesMax = size.bytesMax
    this.bridgeMs = size.bridgeMs
    this.creditBytes = size.bytes
    this.measureSinceMs = nowMs
  }

  /** Gives it another size, at least the present one; returns the credit that comes with that. */
  resize(size: WindowSize): number {
    const more = Math.max(0, size.bytes - this.sizeBytes)
    this.sizeBytes += more
    this.sizeBytesMax = size.bytesMax
    this.bridgeMs = size.bridgeMs
    this.creditBytes += more
    return more
  }

  /** Counts what has arrived; false where the sender had no credit for it. */
  receive(bytes: number): boolean {
    this.creditBytes -= bytes
    return this.creditBytes >= 0
  }

  /** Counts what the reader took; returns the credit to give now, 0 where it is too little to be worth a frame. */
  consume(bytes: number, nowMs: number, roundTripMs: number): number {
    this.consumedBytes += bytes
    this.measuredBytes += bytes
    if (this.consumedBytes * 4 < this.sizeBytes) return 0
    const granted = this.consumedBytes + this.grow(nowMs, roundTripMs)
    this.consumedBytes = 0
    this.creditBytes += granted
    return granted
  }

  private grow(nowMs: number, roundTripMs: number): number {
    const elapsedMs = nowMs - this.measureSinceMs
    if (elapsedMs < Math.max(measureMsMin, roundTripMs)) return 0
    const bytesPerMs = this.measuredBytes / elapsedMs
    this.measuredBytes = 0
    this.measureSinceMs = nowMs
    const wanted = Math.floor(bytesPerMs * Math.max(2 * roundTripMs, this.bridgeMs))
    const grown = Math.max(this.sizeBytes, Math.min(this.sizeBytesMax, wanted))
    const more = grown - this.sizeBytes
    this.sizeBytes = grown
    return more
  }
}
