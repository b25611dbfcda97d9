/** Bytes that wait, in the pieces they came in. */
export class ByteQueue {
  private pieces: Buffer[] = []
  private head = 0
  private total = 0

  get bytes(): number {
    return this.total
  }

  push(piece: Buffer): void {
    if (piece.length === 0) return
    this.pieces.push(piece)
    this.total += piece.length
  }

  /** Puts back what was taken out last. */
  unshift(piece: Buffer): void {
    if (piece.length === 0) return
    if (this.head > 0) this.pieces[--this.head] = piece
    else this.pieces.unshift(piece)
    this.total += piece.length
  }

  /** Takes out the first piece. */
  shift(): Buffer | undefined {
    const piece = this.pieces[this.head]
    if (piece === undefined) return undefined
    this.dropFirst()
    this.total -= piece.length
    return piece
  }

  /** Takes out the first `bytes` bytes (or all, if there are fewer), cutting the last piece where needed. */
  take(bytes: number): Buffer[] {
    const taken: Buffer[] = []
    let missing = Math.min(bytes, this.total)
    this.total -= missing
    while (missing > 0) {
      const piece = this.pieces[this.head]!
      if (piece.length > missing) {
        taken.push(piece.subarray(0, missing))
        this.pieces[this.head] = piece.subarray(missing)
        break
      }
      taken.push(piece)
      missing -= piece.length
      this.dropFirst()
    }
    return taken
  }

  /** Takes out the first `bytes` bytes in one piece; copies only where they lie in several. */
  join(bytes: number): Buffer {
    const taken = this.take(bytes)
    return taken.length === 1 ? taken[0]! : Buffer.concat(taken, bytes)
  }

  clear(): void {
    this.pieces = []
    this.head = 0
    this.total = 0
  }

  private dropFirst(): void {
    this.head++
    if (this.head === this.pieces.length) {
      this.pieces = []
      this.head = 0
    } else if (this.head > 256 && this.head * 2 > this.pieces.length) {
      this.pieces = this.pieces.slice(this.head)
      this.head = 0
    }
  }
}
