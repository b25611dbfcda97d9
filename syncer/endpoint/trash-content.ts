import { errnoOf } from '../base/errors.ts'
import { fileToken, linkToken, type Token } from '../core/content.ts'
import { contentHash, type Grain } from '../core/content-sum.ts'
import { type Disk, inOwn, type Stat } from '../disk/disk.ts'
import { SlicedSum, SliceMemory } from './sliced-sum.ts'

/** Room for what came since the stat: a large buffer for each of many small files is much for the garbage collector. */
const growthBytes = 4 * 1024

/** Reads what private files hold by now: small ones at once, one large one in slices. */
export class TrashContent {
  private readonly disk: Disk
  private readonly grain: Grain
  /** Of the large file that is being read. */
  private sum: SlicedSum | undefined
  private readonly memory: SliceMemory

  constructor(disk: Disk, grain: Grain) {
    this.disk = disk
    this.grain = grain
    this.memory = new SliceMemory(grain)
  }

  /** Null where nothing has that name, undefined where that cannot be told now. */
  stat(name: string): Stat | null | undefined {
    try {
      return this.disk.stat(inOwn(name))
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }

  /** Too large to be read in one step. */
  isLarge(stat: Stat): boolean {
    return stat.kind === 'file' && stat.size > this.grain.smallBytesMax
  }

  /**
   * Content of a private file or link as a token; undefined where it changes, cannot be read, or is too large to be read
   * in one step.
   */
  tokenOf(name: string, stat: Stat): Token | undefined {
    try {
      if (stat.kind === 'link') return linkToken(this.disk.readlink(inOwn(name)))
      if (stat.kind !== 'file' || this.isLarge(stat)) return undefined
      const { smallBytesMax } = this.grain
      const wanted = Math.min(stat.size + growthBytes, smallBytesMax + 1)
      let { bytes } = this.disk.read(inOwn(name), wanted)
      if (bytes.length === wanted && wanted <= smallBytesMax)
        bytes = this.disk.read(inOwn(name), smallBytesMax + 1).bytes
      if (bytes.length > smallBytesMax) return undefined
      return fileToken(contentHash(bytes, this.grain), (stat.mode & 0o100) !== 0)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return undefined
    }
  }

  /**
   * Reads the next part of a large file, the same one until its token is known or {@link TrashContent.close} is called;
   * undefined where it changes or cannot be read.
   */
  readOn(name: string, stat: Stat): Token | 'later' | undefined {
    try {
      this.sum ??= new SlicedSum(this.disk.open(inOwn(name)), this.grain)
      const result = this.sum.step(this.memory.get())
      if (result === 'more') return 'later'
      this.close()
      return result === 'changed' ? undefined : fileToken(result.hash, (stat.mode & 0o100) !== 0)
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      this.close()
      return undefined
    }
  }

  /** Ends what is being read. */
  close(): void {
    this.sum?.close()
    this.sum = undefined
    this.memory.giveBack()
  }
}
