/** How much output is kept: what a viewer may fall behind before it loses some. */
export const scrollbackBytesMax = 256 * 1024

/** The last output of a program. Positions count the bytes since its start. */
export class Scrollback {
  private readonly ring = Buffer.allocUnsafeSlow(scrollbackBytesMax)
  private written = 0

  /** Position of the oldest byte that is kept. */
  get start(): number {
    return Math.max(0, this.written - scrollbackBytesMax)
  }

  /** Position of the next byte. */
  get end(): number {
    return this.written
  }

  add(output: Buffer): void {
    for (let from = Math.max(0, output.length - scrollbackBytesMax); from < output.length; ) {
      const at = (this.written + from) % scrollbackBytesMax
      from += output.copy(this.ring, at, from, from + scrollbackBytesMax - at)
    }
    this.written += output.length
  }

  /** A copy of up to `bytes` bytes from a position that is kept; empty at the end. */
  read(position: number, bytes: number): Buffer {
    const wanted = Math.min(bytes, this.written - position)
    const at = position % scrollbackBytesMax
    const first = Math.min(wanted, scrollbackBytesMax - at)
    return Buffer.concat([this.ring.subarray(at, at + first), this.ring.subarray(0, wanted - first)], wanted)
  }
}
