import { errnoOf } from '../base/errors.ts'
import { type Path, parentOf } from '../core/path.ts'
import { adoptGroup } from './adopt-group.ts'
import type { ExchangePair } from './disk.ts'
import type { Folders } from './folders.ts'
import type { NodePlaces } from './node-places.ts'

/**
 * Exchanges names, given as absolute paths, which goes on until what is returned was called.
 * @returns gives for each pair nothing, or a code, as {@link Disk.exchange} does
 */
export type ExchangeNames = (pairs: readonly NamePair[]) => () => (string | undefined)[]

/** Two absolute paths, as bytes. */
export type NamePair = readonly [one: Buffer, other: Buffer]

/** Fewer than folders stay open: until it is done each must. */
const exchangedAtOnceMax = 64

/** {@link Disk.beginExchange} in a real folder. */
export class NodeExchange {
  readonly #folders: Folders
  readonly #places: NodePlaces
  readonly #exchange: ExchangeNames
  readonly #released: (own: string) => void

  /** @param released told of each private name at which anything may stand now */
  constructor(folders: Folders, places: NodePlaces, exchange: ExchangeNames, released: (own: string) => void) {
    this.#folders = folders
    this.#places = places
    this.#exchange = exchange
    this.#released = released
  }

  /** Of more than can be under way at once only the last ones are when it returns. */
  begin(pairs: readonly ExchangePair[]): () => (string | undefined)[] {
    const codes: (string | undefined)[] = []
    let at = 0
    for (; pairs.length - at > exchangedAtOnceMax; at += exchangedAtOnceMax)
      codes.push(...this.#beginAtOnce(pairs.slice(at, at + exchangedAtOnceMax))())
    const end = this.#beginAtOnce(pairs.slice(at))
    return () => [...codes, ...end()]
  }

  #beginAtOnce(pairs: readonly ExchangePair[]): () => (string | undefined)[] {
    const entered = new Map<Path, string>()
    const located: NamePair[] = []
    const codes = pairs.map(({ own, path }): string | undefined => {
      try {
        const { native: source } = this.#places.inOwn(own)
        const { native: target, dir } = this.#places.inTree(path, entered)
        adoptGroup(this.#folders, source, dir)
        located.push([Buffer.from(source), Buffer.from(target)])
        return 'located'
      } catch (error) {
        const code = errnoOf(error)
        if (code === undefined) throw error
        return code
      }
    })
    const release = this.#folders.hold?.()
    const end = this.#exchange(located)
    return () => {
      const results = end()
      release?.()
      let at = 0
      for (const [i, { own, path }] of pairs.entries()) {
        if (codes[i] !== 'located') continue
        codes[i] = results[at++]
        // What stood there may be anything.
        this.#released(own)
        this.#folders.confirm(parentOf(path))
      }
      return codes
    }
  }
}
