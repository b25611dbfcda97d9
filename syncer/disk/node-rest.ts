import { unlessRefused } from '../base/errors.ts'
import type { Path } from '../core/path.ts'
import type { Stat } from './disk.ts'
import type { Mounts } from './mounts.ts'
import type { NodePlaces } from './node-places.ts'
import type { PlaceFiles } from './node-placing.ts'
import { answerBytesOf, decodeRest, encodeRestQuestion, isOfUsualTimes } from './placing-request.ts'

/** File systems that nobody writes to but through this system's kernel, which alone can tell who has a file open. */
const kernelsOwn = new Set(['ext2', 'ext3', 'ext4', 'xfs', 'btrfs', 'f2fs', 'tmpfs', 'overlay'])

/** {@link Disk.isAtRest} by a native program: the path is followed there, below the root and through no link. */
export class NodeRest {
  readonly #places: NodePlaces
  readonly #mounts: Mounts
  readonly #files: PlaceFiles

  constructor(places: NodePlaces, mounts: Mounts, files: PlaceFiles) {
    this.#places = places
    this.#mounts = mounts
    this.#files = files
  }

  /** Whether it is ever known in folders of this file system. */
  static isKnownOn(fileSystem: string): boolean {
    return kernelsOwn.has(fileSystem)
  }

  isAtRest(path: Path, stat: Stat): boolean | undefined {
    if (!this.#files.tellsRest || stat.kind !== 'file' || !isOfUsualTimes(stat)) return undefined
    this.#mounts.refreshIfOld()
    if (this.#places.isPrivate(path) || this.#mounts.has(path)) return undefined
    const root = unlessRefused(undefined, () => this.#places.folders.enter(''))
    if (root === undefined) return undefined
    const end = this.#files.place(encodeRestQuestion(root, path, stat), answerBytesOf(1))
    return end && decodeRest(end())
  }
}
