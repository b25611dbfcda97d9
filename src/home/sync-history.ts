import { appendFileSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../../syncer/base/errors.ts'
import type { Home } from './home.ts'

/** One file of two; the older one goes when the newer is full. */
const bytesMax = 2 * 1024 * 1024

/** What happened to the folders of one session over all its runs: a JSON document a line, bounded. */
export class SyncHistory {
  readonly path: string
  #bytes: number | undefined

  /** @param id the session's on this laptop */
  constructor(home: Home, id: string) {
    this.path = join(home.logs, `${id}.sync.jsonl`)
  }

  /** Where it cannot be written down nothing else suffers. */
  append(document: object): void {
    const line = `${JSON.stringify(document)}\n`
    try {
      this.#bytes ??= statSync(this.path, { throwIfNoEntry: false })?.size ?? 0
      if (this.#bytes > 0 && this.#bytes + line.length > bytesMax) {
        renameSync(this.path, this.#older)
        this.#bytes = 0
      }
      appendFileSync(this.path, line, { mode: 0o600 })
      this.#bytes += Buffer.byteLength(line)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
    }
  }

  /**
   * The lines of the older file, oldest first.
   * @param newer inode of the newer file as the caller has it open: where that has become the older one, it is not read
   *   a second time
   */
  readOlder(newer: bigint | undefined): string[] {
    const inode = statSync(this.#older, { bigint: true, throwIfNoEntry: false })?.ino
    return inode === newer ? [] : textOf(this.#older).split('\n').slice(0, -1)
  }

  get #older(): string {
    return `${this.path}.1`
  }
}

/** What a line says, in a list; nothing where it is no JSON. */
export function parsed(line: string): unknown[] {
  try {
    return line === '' ? [] : [JSON.parse(line)]
  } catch (error) {
    if (error instanceof SyntaxError) return []
    throw error
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
    return ''
  }
}
