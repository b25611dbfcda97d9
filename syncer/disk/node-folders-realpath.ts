import fs from 'node:fs'
import { errnoOf } from '../base/errors.ts'
import type { Path } from '../core/path.ts'
import type { Folders, PinnedFolder } from './folders.ts'
import { nativePath } from './native-path.ts'
import { systemError } from './system-error.ts'

/**
 * Folders by name, for systems without descriptors as paths: the real path of a folder must be root + path before each
 * call and again after each change. A swap between the two is noticed, not prevented.
 */
export class RealpathFolders implements Folders {
  readonly #root: string
  readonly #separator: string
  readonly #foldsCase: boolean

  /**
   * @param root absolute real path as `realpath.native` gives it
   * @param options `foldsCase`: names that differ in case or normal form only are the same (APFS, NTFS)
   */
  constructor(root: string, options: { foldsCase: boolean }) {
    this.#root = root.endsWith('/') || root.endsWith('\\') ? root.slice(0, -1) : root
    this.#separator = root.includes('\\') ? '\\' : '/'
    this.#foldsCase = options.foldsCase
  }

  enter(dir: Path): string {
    let inPlace: boolean
    try {
      inPlace = this.#isInPlace(dir)
    } catch (error) {
      // Below a root that is gone nothing is there either; that must not look like a deletion.
      this.#assertRoot()
      throw error
    }
    if (inPlace) return this.#placeOf(dir) + this.#separator
    this.#assertRoot()
    throw systemError('ENOTDIR', `a link is in the way to ${JSON.stringify(dir)}`)
  }

  peek(dir: Path): { prefix: string; byName: string } {
    const prefix = this.enter(dir)
    return { prefix, byName: prefix }
  }

  stands(dir: Path): boolean {
    try {
      return this.#isInPlace(dir)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return false
    }
  }

  confirm(dir: Path): void {
    if (!this.stands(dir)) throw systemError('ESTALE', `${JSON.stringify(dir)} was moved while it was changed`)
  }

  pin(dir: Path): PinnedFolder {
    this.enter(dir)
    return { enter: () => this.enter(dir), stands: () => this.stands(dir), close: () => {} }
  }

  // BSD gives new entries their folder's group by itself; Windows has none.
  inheritedGroup(): undefined {}

  forget(): void {}

  close(): void {}

  #assertRoot(): void {
    if (!this.stands('')) throw systemError('ESTALE', 'the synced folder was moved or removed')
  }

  #isInPlace(dir: Path): boolean {
    const place = nativePath(this.#placeOf(dir) || '/')
    if (typeof place !== 'string') return fs.realpathSync.native(place, 'buffer').equals(place)
    const real = fs.realpathSync.native(place)
    return real === place || (this.#foldsCase && folded(real) === folded(place))
  }

  #placeOf(dir: Path): string {
    if (dir === '') return this.#root
    return this.#root + this.#separator + (this.#separator === '/' ? dir : dir.replaceAll('/', this.#separator))
  }
}

function folded(path: string): string {
  return path.normalize('NFC').toLowerCase()
}
