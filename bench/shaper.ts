/** What a link does to the bytes of one direction. */
export interface LinkSpeed {
  /** From one end to the other. */
  delayMs: number
  bytesPerSecond: number
}

export interface Piece {
  flow: number
  bytes: Buffer
}

/** As much of one flow goes before another one's turn comes. */
const pieceBytes = 1500

/**
 * One direction of a slow link, without a clock of its own: pieces of all flows go one after the other at the link's rate,
 * in turns as under fair queueing, and arrive a delay later in the order in which they went.
 */
export class Shaper {
  readonly #speed: LinkSpeed
  readonly #waiting = new Map<number, Buffer[]>()
  #underWay: { atMs: number; piece: Piece }[] = []
  #freeAtMs = 0

  constructor(speed: LinkSpeed) {
    this.#speed = speed
  }

  push(flow: number, bytes: Buffer, nowMs: number): void {
    if (this.#waiting.size === 0) this.#freeAtMs = Math.max(this.#freeAtMs, nowMs)
    const queue = this.#waiting.get(flow)
    if (queue) queue.push(bytes)
    else this.#waiting.set(flow, [bytes])
  }

  /** Bytes of a flow that have not gone yet. */
  waitingBytes(flow: number): number {
    return (this.#waiting.get(flow) ?? []).reduce((sum, { length }) => sum + length, 0)
  }

  /** Something of a flow is waiting or under way. */
  has(flow: number): boolean {
    return this.#waiting.has(flow) || this.#underWay.some(({ piece }) => piece.flow === flow)
  }

  forget(flow: number): void {
    this.#waiting.delete(flow)
    this.#underWay = this.#underWay.filter(({ piece }) => piece.flow !== flow)
  }

  /** What has arrived by now. */
  take(nowMs: number): Piece[] {
    while (this.#waiting.size > 0 && this.#freeAtMs <= nowMs) {
      const piece = this.#next()
      this.#freeAtMs += (piece.bytes.length / this.#speed.bytesPerSecond) * 1000
      this.#underWay.push({ atMs: this.#freeAtMs + this.#speed.delayMs, piece })
    }
    const late = this.#underWay.findIndex(({ atMs }) => atMs > nowMs)
    return this.#underWay.splice(0, late < 0 ? this.#underWay.length : late).map(({ piece }) => piece)
  }

  /** When there is something to do; Infinity: not before the next push. */
  dueMs(): number {
    const sends = this.#waiting.size > 0 ? this.#freeAtMs : Infinity
    return Math.min(sends, this.#underWay[0]?.atMs ?? Infinity)
  }

  #next(): Piece {
    const [flow, queue] = this.#waiting.entries().next().value!
    const [first] = queue as [Buffer]
    const bytes = first.subarray(0, pieceBytes)
    if (bytes.length < first.length) queue[0] = first.subarray(pieceBytes)
    else queue.shift()
    // to the end of the line
    this.#waiting.delete(flow)
    if (queue.length > 0) this.#waiting.set(flow, queue)
    return { flow, bytes }
  }
}
