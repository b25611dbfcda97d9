import fs from 'node:fs'
import { crc32 } from 'node:zlib'
import { errnoOf } from '../../base/errors.ts'
import type { Tree } from '../../endpoint/tree.ts'
import { headBytes, headOf, indexPieces } from './index-cache.ts'

/**
 * Writes the index (`index-cache.ts`) piece by piece: all of it at once would take as much memory as the tree itself, and
 * a save would have to wait for it. It is at its place when it is whole.
 */
export class IndexWriting {
  readonly #file: string
  readonly #temp: string
  readonly #pieces: Generator<Uint8Array>
  #handle: number | undefined
  #at = headBytes
  #sum = 0

  /** @param nowMs wall clock */
  constructor(file: string, tree: Tree, nowMs: number) {
    this.#file = file
    this.#temp = `${file}.new`
    this.#pieces = indexPieces(tree, nowMs)
  }

  /** Writes the next piece. @returns `failed` where it cannot be: a full disk is no reason to end anything */
  step(): 'more' | 'written' | 'failed' {
    try {
      this.#handle ??= fs.openSync(this.#temp, 'w', 0o600)
      const { value: piece, done } = this.#pieces.next()
      if (done) return this.#finish(this.#handle)
      this.#sum = crc32(piece, this.#sum)
      for (let written = 0; written < piece.length; )
        written += fs.writeSync(this.#handle, piece, written, piece.length - written, this.#at + written)
      this.#at += piece.length
      return 'more'
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      this.close()
      return 'failed'
    }
  }

  /** Leaves nothing behind of what is not whole. */
  close(): void {
    if (this.#handle === undefined) return
    fs.closeSync(this.#handle)
    this.#handle = undefined
    fs.rmSync(this.#temp, { force: true })
  }

  #finish(handle: number): 'written' {
    fs.writeSync(handle, headOf(this.#sum), 0, headBytes, 0)
    fs.renameSync(this.#temp, this.#file)
    fs.closeSync(handle)
    this.#handle = undefined
    return 'written'
  }
}
