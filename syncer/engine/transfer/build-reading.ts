import { errnoOf } from '../../base/errors.ts'
import { BlockMarks, type BlockMeasure, sha256OfBlocks } from '../../core/block-marks.ts'
import type { Grain } from '../../core/content-sum.ts'
import { MovedBlocks } from '../../core/moved-blocks.ts'
import type { OpenFile } from '../../disk/disk.ts'
import { systemError } from '../../disk/system-error.ts'
import { SliceMemory, sliceBlocks } from '../../endpoint/sliced-sum.ts'
import { sameKey } from '../../endpoint/stat-columns.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Reading } from './readings.ts'
import type { Compared, Transfer } from './transfer.ts'

/** Blocks that are compared in one step where both hashes are known. */
const comparedBlocks = 4_096
/** The longest runs of blocks that differ are looked at, to see whether they have moved. */
const probedRuns = 4
/** Where. */
const probedParts = [0.5, 0.875, 0.625, 0.375, 0.125]
/** After so many slices without a block that has moved, one of so many is searched for such. */
const patientSlices = 8

interface Run {
  first: number
  count: number
}

/**
 * A large file of which the other end has something: what it lacks is sent. Blocks that stayed where they were are not
 * told of; where something was put in or taken out, those behind it are found again and told by where they were.
 */
export class BuildReading implements Reading {
  readonly transfer: Transfer
  private readonly x: Exchange
  private readonly file: OpenFile
  private readonly compared: Compared
  private readonly measure: BlockMeasure
  /** Of this content's blocks, where they are known. */
  private readonly own: Buffer | undefined
  private readonly grain: Grain
  private readonly size: number
  private readonly blank: Uint8Array
  /** For what is read and not sent. */
  private readonly memory: SliceMemory
  /** Where blocks have moved: they are found with it. */
  private moved: MovedBlocks | undefined
  /** The block of the other end's that may come next. */
  private expected: number | undefined = 0
  /** Slices since a block was found. */
  private missed = 0
  private offset = 0
  private hasBegun = false

  constructor(exchange: Exchange, transfer: Transfer, file: OpenFile, compared: Compared) {
    this.x = exchange
    this.transfer = transfer
    this.file = file
    this.compared = compared
    this.measure = compared.measure
    this.grain = exchange.replica.grain
    this.memory = new SliceMemory(this.grain)
    this.size = file.opened.size
    const known = exchange.replica.looker.blocksOf(transfer.token)
    this.own = compared.measure === sha256OfBlocks ? known?.hashes : compared.marks?.values
    this.blank = this.measure.of(Buffer.alloc(this.grain.blockBytes))
  }

  get sentBytes(): number {
    return this.offset
  }

  step(): 'more' | 'done' | 'gone' {
    try {
      // A newer content is on its way: nobody wants this one any more.
      if (!sameKey(this.file.stat(), this.file.opened)) return 'gone'
      if (!this.hasBegun) this.begin()
      if (this.offset >= this.size) return this.end()
      if (this.moved === undefined) this.patch()
      else this.join(this.moved)
      return 'more'
    } catch (error) {
      if (errnoOf(error) === undefined) throw error
      return 'gone'
    }
  }

  close(): void {
    this.file.close()
  }

  private begin(): void {
    const { transfer, size, compared } = this
    const mtimeMs = Number(this.file.opened.mtimeNs / 1_000_000n)
    this.moved = this.findMoved()
    const isPatched = this.moved === undefined
    const proof = compared.marks?.proof
    this.x.send('bulk', { type: 'build', id: transfer.id, token: transfer.token, size, mtimeMs, isPatched, proof })
    this.hasBegun = true
  }

  private end(): 'done' {
    this.fill(this.size, Buffer.alloc(0), true)
    return 'done'
  }

  private fill(offset: number, bytes: Uint8Array, last = false): void {
    this.x.send('bulk', { type: 'fill', id: this.transfer.id, offset, bytes, last })
  }

  private get count(): number {
    return Math.ceil(this.size / this.grain.blockBytes)
  }

  /** Something was put in or taken out: in the midst of what differs there are blocks that stood elsewhere. */
  private findMoved(): MovedBlocks | undefined {
    const { compared, measure } = this
    const { blockBytes } = this.grain
    const runs = this.differingRuns()
    if (!(measure instanceof BlockMarks) || compared.size === 0 || runs.length === 0) return undefined
    const moved = new MovedBlocks(compared.values, compared.size, measure, this.grain)
    const isMoved = (block: number) =>
      moved.find(this.read(block * blockBytes, 2 * blockBytes, this.memory.get()), blockBytes) !== undefined
    const probes = runs.flatMap(({ first, count }) => probedParts.map(part => first + Math.floor(count * part)))
    return probes.some(isMoved) ? moved : undefined
  }

  /** The longest runs of blocks that are not the other end's at the same place, of two and more. */
  private differingRuns(): Run[] {
    const { own, count } = this
    const runs: Run[] = []
    if (own === undefined) return runs
    let first = 0
    for (let block = 0; block <= count; block++) {
      if (block < count && !this.stands(block, this.valueAt(own, block))) continue
      if (block - first > 1) runs.push({ first, count: block - first })
      first = block + 1
    }
    return runs.sort((a, b) => b.count - a.count).slice(0, probedRuns)
  }

  /** The other end has this block at its place, or none, which is one of zeros. */
  private stands(block: number, value: Uint8Array): boolean {
    const theirs = this.valueAt(this.compared.values, block)
    if (theirs.length > 0) return theirs.equals(value)
    return this.lengthOf(block) === this.grain.blockBytes && Buffer.compare(this.blank, value) === 0
  }

  private lengthOf(block: number): number {
    const { blockBytes } = this.grain
    return Math.min(blockBytes, this.size - block * blockBytes)
  }

  /** What differs of the next blocks. */
  private patch(): void {
    const { own, grain, count } = this
    const { blockBytes } = grain
    if (own === undefined) {
      this.patchUnknown()
      return
    }
    let block = this.offset / blockBytes
    const stands = (at: number) => this.stands(at, this.valueAt(own, at))
    const until = Math.min(block + comparedBlocks, count)
    while (block < until && stands(block)) block += 1
    this.offset = Math.min(block * blockBytes, this.size)
    if (block === until) return
    const first = block
    while (block < Math.min(first + sliceBlocks, count) && !stands(block)) block += 1
    const bytes = this.read(this.offset, (block - first) * blockBytes)
    this.fill(this.offset, bytes)
    this.offset += bytes.length
  }

  private patchUnknown(): void {
    const { blockBytes } = this.grain
    const bytes = this.read(this.offset, sliceBlocks * blockBytes)
    let block = this.offset / blockBytes
    let from = 0
    for (let at = 0; at < bytes.length; at += blockBytes, block++) {
      if (!this.stands(block, this.measure.of(bytes.subarray(at, at + blockBytes)))) continue
      if (at > from) this.fill(this.offset + from, bytes.subarray(from, at))
      from = at + blockBytes
    }
    if (from < bytes.length) this.fill(this.offset + from, bytes.subarray(from))
    this.offset += bytes.length
  }

  /** The next bytes: blocks that the other end has, if they are, else themselves up to the next such block. */
  private join(moved: MovedBlocks): void {
    if (this.expected !== undefined && this.reuse(this.expected, this.runFrom(this.expected))) return
    const { blockBytes } = this.grain
    const bytes = this.read(this.offset, (sliceBlocks + 1) * blockBytes)
    const isEnd = this.offset + bytes.length === this.size
    // A block that begins further on is not whole in it.
    const end = isEnd ? bytes.length : bytes.length - blockBytes + 1
    const isSearched = this.missed < patientSlices || this.missed % patientSlices === 0
    const found = isSearched ? moved.find(bytes, end) : undefined
    this.missed = found === undefined ? this.missed + 1 : 0
    if (found?.at === 0) {
      // It was read just now: whatever is known of what stood here, it goes on.
      this.reuse(found.block, 1)
      return
    }
    this.expected = found?.block
    const sent = bytes.subarray(0, found?.at ?? end - (isEnd ? 0 : 1))
    if (sent.length > 0) this.fill(this.offset, sent)
    this.offset += sent.length
  }

  /** How many of the next blocks are these of the other end's. */
  private runFrom(first: number): number {
    const { own, offset, compared } = this
    const { blockBytes } = this.grain
    // Where they stood they are known.
    const stays = own !== undefined && offset === first * blockBytes
    const bytes = stays ? undefined : this.read(offset, sliceBlocks * blockBytes, this.memory.get())
    let count = 0
    for (; count < sliceBlocks; count++) {
      const theirs = this.valueAt(compared.values, first + count)
      const length = Math.min(blockBytes, compared.size - (first + count) * blockBytes)
      if (theirs.length === 0 || offset + count * blockBytes + length > this.size) break
      const part = bytes?.subarray(count * blockBytes, count * blockBytes + length)
      const isSame =
        part === undefined
          ? this.lengthOf(first + count) === length && theirs.equals(this.valueAt(own!, first + count))
          : theirs.equals(this.measure.of(part))
      if (!isSame) break
    }
    return count
  }

  private reuse(block: number, count: number): boolean {
    this.expected = count === 0 ? undefined : block + count
    if (count === 0) return false
    const { blockBytes } = this.grain
    this.x.send('bulk', { type: 'reuse', id: this.transfer.id, block, count })
    this.offset += Math.min(count * blockBytes, this.compared.size - block * blockBytes)
    return true
  }

  /** @throws ENODATA where the file became shorter */
  private read(offset: number, length: number, into?: Buffer): Buffer {
    const wanted = Math.min(length, this.size - offset)
    const bytes = this.file.read(offset, wanted, into)
    if (bytes.length < wanted) throw systemError('ENODATA', 'the file became shorter')
    return bytes
  }

  /** Empty where there is no such block. */
  private valueAt(values: Buffer, block: number): Buffer {
    const { valueBytes } = this.measure
    return values.subarray(block * valueBytes, (block + 1) * valueBytes)
  }
}
