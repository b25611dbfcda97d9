import type { LogOptions } from '../pod-runtime.ts'

/** Of each run; the oldest goes first. */
export const logBytesMax = 1024 * 1024
/** Small pieces are put together, or each line would cost an object. */
const pieceBytes = 16 * 1024

/** What a container printed, the last {@link logBytesMax} of it, for any number of readers. */
export class OutputLog {
  #pieces: { at: number; bytes: Buffer }[] = []
  #end = 0
  #isClosed = false
  #waiting: (() => void)[] = []

  write(bytes: Buffer): void {
    const last = this.#pieces.at(-1)
    if (last && last.bytes.length + bytes.length <= pieceBytes) last.bytes = Buffer.concat([last.bytes, bytes])
    else this.#pieces.push({ at: this.#end, bytes })
    this.#end += bytes.length
    while (this.#pieces.length > 1 && this.#end - this.#pieces[1]!.at >= logBytesMax) this.#pieces.shift()
    this.#wake()
  }

  /** Nothing more comes. */
  close(): void {
    this.#isClosed = true
    this.#wake()
  }

  /** Nobody reads it any more. */
  clear(): void {
    this.#pieces = []
  }

  /** A reader that is too slow misses what has gone meanwhile. */
  async *read({ tailLines, follow, signal }: LogOptions): AsyncGenerator<Uint8Array> {
    let position = tailLines === undefined ? 0 : this.#tail(tailLines)
    for (;;) {
      signal.throwIfAborted()
      const piece = this.#from(position)
      if (piece) {
        position = piece.at + piece.bytes.length
        yield piece.bytes
      } else if (!follow || this.#isClosed) return
      else await this.#more(signal)
    }
  }

  /** The first piece that reaches beyond the position, cut there. */
  #from(position: number): { at: number; bytes: Buffer } | undefined {
    const piece = this.#pieces.find(({ at, bytes }) => at + bytes.length > position)
    if (piece === undefined || piece.at >= position) return piece && { ...piece }
    return { at: position, bytes: piece.bytes.subarray(position - piece.at) }
  }

  #tail(lines: number): number {
    const all = Buffer.concat(this.#pieces.map(({ bytes }) => bytes))
    const start = this.#end - all.length
    if (lines <= 0) return this.#end
    // the end of the last line is no beginning of another one
    let at = all.length - 1
    for (let found = 0; found < lines; found++) {
      at = at <= 0 ? -1 : all.lastIndexOf('\n', at - 1)
      if (at < 0) return start
    }
    return start + at + 1
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const wake = () => {
        signal.removeEventListener('abort', wake)
        this.#waiting = this.#waiting.filter(other => other !== wake)
        resolve()
      }
      signal.addEventListener('abort', wake, { once: true })
      this.#waiting.push(wake)
    })
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake()
  }
}
