/** Cuts a byte stream into lines, with a limit on how long one may get. */
export class LineReader {
  readonly #lineBytesMax: number
  #parts: Buffer[] = []
  #size = 0

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax
  }

  /** The lines that are whole now; null where one is too long, after which nothing more may be pushed. */
  push(chunk: Buffer): string[] | null {
    const lines: string[] = []
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      if (!this.#keep(chunk.subarray(start, end))) return null
      lines.push(Buffer.concat(this.#parts).toString('utf8'))
      this.#parts = []
      this.#size = 0
      start = end + 1
    }
    return this.#keep(chunk.subarray(start)) ? lines : null
  }

  #keep(part: Buffer): boolean {
    this.#size += part.length
    if (this.#size > this.#lineBytesMax) return false
    if (part.length > 0) this.#parts.push(part)
    return true
  }
}
