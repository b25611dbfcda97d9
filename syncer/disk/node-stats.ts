import fs from 'node:fs'
import { errnoOf } from '../base/errors.ts'
import { joinPath, type Path } from '../core/path.ts'
import { inTree, type Listed, type ListedStat, type Place, type Stat } from './disk.ts'
import type { Folders } from './folders.ts'
import type { Mounts } from './mounts.ts'
import { type NativePath, nativePath } from './native-path.ts'
import { toListedStat, toStat } from './node-file.ts'
import { readEntries, readNames } from './node-listing.ts'
import type { NodePlaces } from './node-places.ts'
import { systemError } from './system-error.ts'

export const bigintOrNothing = { bigint: true, throwIfNoEntry: false } as const

/** What stands in a real folder, and which of it is another file system's. */
export class NodeStats {
  readonly #folders: Folders
  readonly #places: NodePlaces
  readonly #mounts: Mounts
  readonly #rootDevice: bigint | undefined

  /** @param rootDevice where the mount table cannot be read: another device below the root is a mount */
  constructor(folders: Folders, places: NodePlaces, mounts: Mounts, rootDevice: bigint | undefined) {
    this.#folders = folders
    this.#places = places
    this.#mounts = mounts
    this.#rootDevice = rootDevice
  }

  list(dir: Path, unchecked?: 'unchecked'): Listed[] {
    this.#mounts.refreshIfOld()
    const prefix = (unchecked && this.#places.byName(dir)) ?? this.#places.enter(dir)
    return this.#places
      .shown(dir, readEntries(prefix), entry => entry.name)
      .map(({ name, kind }) => ({ name, kind, mount: kind === 'dir' && this.#isMountedFolder(dir, prefix, name) }))
  }

  #isMountedFolder(dir: Path, prefix: string, name: string): boolean {
    // The mount table knows; without one the folder itself is asked.
    if (this.#rootDevice === undefined) return !this.#mounts.isEmpty && this.#mounts.has(joinPath(dir, name))
    const stat = fs.lstatSync(nativePath(prefix + name), bigintOrNothing)
    return stat !== undefined && this.isMount(dir, name, stat)
  }

  listStats(dir: Path, names?: readonly string[]): ListedStat[] {
    this.#mounts.refreshIfOld()
    // Once more where a folder kept open was replaced by another one of its name.
    for (let attempt = 0; attempt < 2; attempt++) {
      const listed = this.#readStats(dir, names)
      if (this.#folders.stands(dir)) {
        if (Array.isArray(listed)) return listed
        throw listed.error
      }
      this.#folders.enter(dir)
    }
    throw systemError('ENOTDIR', `${JSON.stringify(dir)} was moved while it was read`)
  }

  /** Of no value unless the folder stands afterwards; an error is kept until that is known. */
  #readStats(dir: Path, names?: readonly string[]): ListedStat[] | { error: unknown } {
    const { prefix, byName } = this.#places.peek(dir)
    const listed: ListedStat[] = []
    try {
      for (const name of names ?? this.#places.shown(dir, readNames(prefix), name => name)) {
        const stat = fs.lstatSync(nativePath(byName + name), bigintOrNothing)
        if (stat !== undefined) listed.push(toListedStat(name, stat, this.isMount(dir, name, stat)))
      }
    } catch (error) {
      return { error }
    }
    return listed
  }

  stat(at: Place): Stat | null {
    return this.#statOf(at, () => this.#places.locate(at).native)
  }

  glance(path: Path): Stat | null {
    const at = inTree(path)
    return this.#statOf(at, () => this.#places.glance(at))
  }

  #statOf(at: Place, native: () => NativePath): Stat | null {
    try {
      const stat = fs.lstatSync(native(), bigintOrNothing)
      if (stat === undefined) return null
      this.#mounts.refreshIfOld()
      return toStat(stat, at.area === 'tree' && this.isMount('', at.path, stat))
    } catch (error) {
      const code = errnoOf(error)
      if (code === 'ENOENT' || code === 'ENOTDIR') return null
      throw error
    }
  }

  isMount(dir: Path, name: string, stat: fs.BigIntStats): boolean {
    if (!this.#mounts.isEmpty && this.#mounts.has(joinPath(dir, name))) return true
    return this.#rootDevice !== undefined && name !== '' && stat.isDirectory() && stat.dev !== this.#rootDevice
  }
}
