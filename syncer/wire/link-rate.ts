/** Bytes after which a rate says something: an end that is busy for a moment is not a slow link. */
const windowBytes = 2 * 1024 * 1024
/** … or time, in ms. */
const windowMs = 1_000
/** Before the first of these is over, what is this fast by so many bytes is a fast link: none carries more than it can. */
const glimpseBytes = 128 * 1024
/** Weight of what was before. */
const memory = 0.5

/** How fast a link carries bytes, from how long it took for them. */
export class LinkRate {
  private bytes = 0
  private busyMs = 0
  private known: number | undefined

  /** Bytes in a second; undefined until it has been seen. */
  get bytesPerSecond(): number | undefined {
    return this.known
  }

  /** Whether it is known to carry more than that in a second; sooner than {@link LinkRate.bytesPerSecond} is. */
  exceeds(bytesPerSecond: number): boolean {
    if (this.known !== undefined) return this.known > bytesPerSecond
    return this.bytes >= glimpseBytes && this.bytes * 1_000 > bytesPerSecond * this.busyMs
  }

  /** @param ms for which the link had these to carry */
  took(bytes: number, ms: number): void {
    this.bytes += bytes
    this.busyMs += ms
    if (this.bytes < windowBytes && this.busyMs < windowMs) return
    const rate = (this.bytes / Math.max(this.busyMs, 0.001)) * 1_000
    this.known = this.known === undefined ? rate : memory * this.known + (1 - memory) * rate
    this.bytes = this.busyMs = 0
  }
}
