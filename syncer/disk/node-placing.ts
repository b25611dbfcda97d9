import { unlessRefused } from '../base/errors.ts'
import type { Placed, Placing } from './disk.ts'
import type { Mounts } from './mounts.ts'
import type { NodePlaces } from './node-places.ts'
import { answerBytesOf, decodePlaced, encodePlacings, hasUsualTimes, placingBytesMax } from './placing-request.ts'

/** Makes files and has them change places with others, in one request: see `NameExchange.place`. */
export interface PlaceFiles {
  /** So many bytes a request may have; 0 while there is nobody to take it. */
  readonly wholeBytesMax: number
  /** Requests may ask whether somebody writes to a file. */
  readonly tellsRest: boolean
  place(request: readonly Buffer[], answerBytes: number): (() => Buffer) | undefined
}

/** Room for the head of a request, with two paths in it. */
const headBytesMax = 4096
const placedAtOnceMax = 256
const notAsked: Placed = { code: 'EBUSY' }
/** Codes of a system that does not do this at all, but also of one file: one that is immutable, or in a folder of others. */
const notHere = new Set(['ENOSYS', 'EINVAL', 'EPERM'])
/** So many of these, and nothing that was done before: it is the system. */
const refusalsMax = 8

/** {@link Disk.beginPlacing} by a native program: paths are followed there, below the root and through no link. */
export class NodePlacing {
  readonly #places: NodePlaces
  readonly #mounts: Mounts
  readonly #files: PlaceFiles
  #hasDone = false
  #refusals = 0

  constructor(places: NodePlaces, mounts: Mounts, files: PlaceFiles) {
    this.#places = places
    this.#mounts = mounts
    this.#files = files
  }

  /** Of more than one request takes only the last one is under way when it returns. */
  begin(files: readonly Placing[]): (() => Placed[]) | undefined {
    const roomBytes = this.#files.wholeBytesMax - headBytesMax
    if (this.#refusals >= refusalsMax || roomBytes <= 0) return undefined
    const prefixes = this.#prefixes()
    if (prefixes === undefined) return undefined
    this.#mounts.refreshIfOld()
    const ends: (() => Placed[])[] = []
    let batch: Placing[] = []
    let bytes = 0
    const ask = () => {
      if (batch.length > 0) ends.push(this.#ask(batch, prefixes))
      batch = []
      bytes = 0
    }
    for (const file of files) {
      const fileBytes = placingBytesMax(file)
      if (bytes + fileBytes > roomBytes || batch.length === placedAtOnceMax) ask()
      if (fileBytes > roomBytes || !hasUsualTimes(file) || this.#isElsewhere(file)) {
        ask()
        ends.push(() => [notAsked])
        continue
      }
      batch.push(file)
      bytes += fileBytes
    }
    ask()
    return () => ends.flatMap(end => end())
  }

  #ask(batch: readonly Placing[], [root, own]: readonly [string, string]): () => Placed[] {
    const end = this.#files.place(encodePlacings(root, own, batch), answerBytesOf(batch.length))
    if (end === undefined) return () => batch.map(() => notAsked)
    return () => {
      const placed = decodePlaced(end(), batch.length)
      for (const each of placed) this.#count(each)
      return placed
    }
  }

  #count(placed: Placed): void {
    if (!('code' in placed)) {
      this.#hasDone = true
      this.#refusals = 0
    } else if (!this.#hasDone && notHere.has(placed.code)) this.#refusals += 1
  }

  /** The folders that a request begins with; undefined where they do not stand now. */
  #prefixes(): readonly [string, string] | undefined {
    return unlessRefused(
      undefined,
      () => [this.#places.folders.enter(''), this.#places.standingPrivatePrefix()] as const,
    )
  }

  #isElsewhere({ path }: Placing): boolean {
    return this.#places.isPrivate(path) || (!this.#mounts.isEmpty && this.#mounts.has(path))
  }
}
