import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import { errnoOf } from '../../syncer/base/errors.ts'

const readBytes = 1024 * 1024
/** Files that may take each other's place while one is read. */
const filesMax = 16

/** Reads a file that grows, line by line, to its end, and then the one that has come in its place. */
export class Tail implements Disposable {
  readonly #path: string
  #file: { descriptor: number; inode: bigint; offset: number } | null = null
  #decoder = new StringDecoder('utf8')
  #rest = ''

  constructor(path: string) {
    this.#path = path
  }

  /** Of the file that is read, or was last; undefined where there was none. */
  get inode(): bigint | undefined {
    this.#open()
    return this.#file?.inode
  }

  /** The whole lines that came since the last time. */
  read(): string[] {
    const lines: string[] = []
    for (let files = 0; files < filesMax; files += 1) {
      this.#open()
      if (!this.#file) break
      // looked at first: what its writer wrote before another took its place is read after that
      const isStill = this.#isStill(this.#file.inode)
      lines.push(...this.#toEnd(this.#file))
      if (isStill) break
      this[Symbol.dispose]()
    }
    return lines
  }

  [Symbol.dispose](): void {
    if (this.#file) closeSync(this.#file.descriptor)
    this.#file = null
    this.#anew()
  }

  #open(): void {
    if (this.#file) return
    try {
      const descriptor = openSync(this.#path, 'r')
      this.#file = { descriptor, inode: fstatSync(descriptor, { bigint: true }).ino, offset: 0 }
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
    }
  }

  /** Nothing there is no other file: it may be on its way. */
  #isStill(inode: bigint): boolean {
    const there = statSync(this.#path, { bigint: true, throwIfNoEntry: false })
    return there === undefined || there.ino === inode
  }

  #toEnd(file: { descriptor: number; offset: number }): string[] {
    if (fstatSync(file.descriptor).size < file.offset) {
      file.offset = 0
      this.#anew()
    }
    const buffer = Buffer.allocUnsafe(readBytes)
    for (;;) {
      const count = readSync(file.descriptor, buffer, 0, buffer.length, file.offset)
      if (count === 0) break
      file.offset += count
      this.#rest += this.#decoder.write(buffer.subarray(0, count))
    }
    const lines = this.#rest.split('\n')
    this.#rest = lines.pop() ?? ''
    return lines
  }

  #anew(): void {
    this.#decoder = new StringDecoder('utf8')
    this.#rest = ''
  }
}
