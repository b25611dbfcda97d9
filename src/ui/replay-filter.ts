/**
 * Joins a program's output over several attachments: each begins with what was printed lately, most of which has been
 * shown. Whatever of the replay is the end of what was shown is left out; where nothing fits, all of it is shown.
 */
export class ReplayFilter {
  readonly #keptBytes: number
  #shown: Buffer = Buffer.alloc(0)
  /** What came of a replay that may yet turn out to be shown already; null once it is through. */
  #replay: Buffer | null = null

  /** `keptBytes`: as much as a replay may hold. */
  constructor(keptBytes = 64 * 1024) {
    this.#keptBytes = keptBytes
  }

  /** Another attachment begins. `isSame`: to the same run of the program. */
  restart(isSame: boolean): void {
    if (!isSame) this.#shown = Buffer.alloc(0)
    this.#replay = this.#shown.length > 0 ? Buffer.alloc(0) : null
  }

  /** What of these bytes is to be shown now. */
  push(chunk: Buffer): Buffer {
    if (this.#replay === null) return this.#show(chunk)
    const replay = Buffer.concat([this.#replay, chunk])
    const overlap = overlapBytes(this.#shown, replay)
    if (overlap === replay.length && overlap < this.#shown.length) {
      this.#replay = replay
      return Buffer.alloc(0)
    }
    this.#replay = null
    return this.#show(replay.subarray(overlap))
  }

  #show(bytes: Buffer): Buffer {
    this.#shown = Buffer.concat([this.#shown, bytes]).subarray(-this.#keptBytes)
    return bytes
  }
}

/**
 * How much of `replay` repeats `shown`: the longest piece of `shown` that `replay` begins with and that reaches to the
 * end of the one or the other.
 */
function overlapBytes(shown: Buffer, replay: Buffer): number {
  const probe = replay.subarray(0, 64)
  for (let at = 0; at < shown.length; at++) {
    const rest = shown.length - at
    if (rest >= probe.length) {
      at = shown.indexOf(probe, at)
      if (at < 0) {
        at = shown.length - probe.length
        continue
      }
    }
    const size = Math.min(shown.length - at, replay.length)
    if (shown.compare(replay, 0, size, at, at + size) === 0) return size
  }
  return 0
}
