import type { BlockMeasure } from '../core/block-marks.ts'
import type { Token } from '../core/content.ts'
import { BlockList, type Grain } from '../core/content-sum.ts'
import type { Path } from '../core/path.ts'
import { type Disk, inTree, type OpenFile, type PatchedFile, type Stat } from '../disk/disk.ts'
import { isBlank } from './blank.ts'
import type { Litter } from './litter.ts'
import type { Partials } from './partials.ts'
import { sliceBlocks } from './sliced-sum.ts'

/** Blocks of a file that is put together; a larger one comes as a whole. */
export const assembledBlocksMax = 2 ** 18

/** Where content may be that the other end wants to compare with. */
export interface Sources {
  /** Paths, the first that has a large file counts. */
  paths: Path[]
  token: Token
}

export interface BasisPorts {
  disk: Disk
  litter: Litter
  partials: Partials
  grain: Grain
}

/**
 * What this end has of a large file: a private copy, whose blocks are measured as they are written. No byte is taken for
 * what it was before, so it does not matter who writes to the file that it is copied from.
 */
export class Basis {
  /** The private file; none where there is nothing to compare with. */
  name: string | undefined
  file: PatchedFile | undefined
  size = 0
  private readonly ports: BasisPorts
  private readonly path: Path
  private readonly measure: BlockMeasure
  /** What it is copied from, while it is. */
  private source: OpenFile | undefined
  private blocks: BlockList
  private told = 0

  constructor(ports: BasisPorts, path: Path, measure: BlockMeasure) {
    this.ports = ports
    this.path = path
    this.measure = measure
    this.blocks = new BlockList(measure.valueBytes)
  }

  /** Finds what there is. */
  open({ paths, token }: Sources): void {
    const { disk, partials } = this.ports
    const place = paths.find(path => this.isSource(disk.stat(inTree(path))))
    const there = place === undefined ? 0 : (disk.stat(inTree(place))?.size ?? 0)
    // What arrived of it before is nearer to it than what stood there, unless it is little.
    const partial = partials.take(this.path, there / 2)
    if (partial !== undefined) {
      this.name = partial
      this.file = disk.patch(partial)
      this.size = this.file.size()
      return
    }
    const source = place === undefined ? partials.inTrash(token) : inTree(place)
    if (source === undefined) return
    this.source = disk.open(source)
    this.make()
  }

  /** An empty private file, to write in. */
  make(): void {
    const { disk, partials } = this.ports
    this.name = partials.newName(this.path)
    disk.create(this.name).close()
    this.file = disk.patch(this.name)
  }

  /**
   * The next blocks.
   * @param memory for them
   * @returns true when all of it was read
   */
  read(memory: Buffer): boolean {
    const { source, file, blocks } = this
    if (file === undefined) return true
    const { blockBytes } = this.ports.grain
    const at = blocks.count * blockBytes
    const bytes = (source ?? file).read(at, sliceBlocks * blockBytes, memory)
    for (let offset = 0; offset < bytes.length; offset += blockBytes)
      blocks.push(this.measure.of(bytes.subarray(offset, offset + blockBytes)))
    const end = at + bytes.length
    if (source !== undefined) {
      if (!isBlank(bytes)) file.writeAt(at, bytes)
      this.size = end
    }
    const isDone = bytes.length < sliceBlocks * blockBytes || blocks.count >= assembledBlocksMax
    if (isDone) {
      if (source !== undefined) file.resize(end)
      this.size = end
      this.endSource()
    }
    return isDone
  }

  get untold(): number {
    return this.blocks.count - this.told
  }

  /** Values of the blocks that were not told yet. */
  tell(): Buffer {
    const values = Buffer.from(this.blocks.from(this.told))
    this.told = this.blocks.count
    return values
  }

  /** The values of its blocks when it is cut to a size, or has zeros behind it. */
  resizedTo(size: number): Buffer {
    const { blockBytes } = this.ports.grain
    const { valueBytes } = this.measure
    const count = Math.ceil(size / blockBytes)
    const resized = Buffer.alloc(count * valueBytes)
    const known = Math.min(this.blocks.from(0).copy(resized) / valueBytes, count)
    if (known === count) return resized
    const blank = this.measure.of(Buffer.alloc(blockBytes))
    for (let block = known; block < count; block++) resized.set(blank, block * valueBytes)
    const rest = size - (count - 1) * blockBytes
    if (rest < blockBytes) resized.set(this.measure.of(Buffer.alloc(rest)), (count - 1) * valueBytes)
    return resized
  }

  /** It cannot be read: there is nothing of it here, and what was told of it counts no more. */
  reduce(): void {
    this.remove()
    this.blocks = new BlockList(this.measure.valueBytes)
    this.size = 0
    this.told = 0
  }

  remove(): void {
    const { name } = this
    this.close()
    this.name = undefined
    if (name !== undefined) this.ports.litter.remove(name)
  }

  /** The private file stays. */
  close(): void {
    this.file?.close()
    this.file = undefined
    this.endSource()
  }

  endSource(): void {
    this.source?.close()
    this.source = undefined
  }

  private isSource(stat: Stat | null): boolean {
    const { smallBytesMax, blockBytes } = this.ports.grain
    if (stat?.kind !== 'file' || stat.mount || stat.size <= smallBytesMax) return false
    return stat.size <= assembledBlocksMax * blockBytes
  }
}
