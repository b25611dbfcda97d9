import { errnoOf } from '../base/errors.ts'
import { blockHash, blockHashBytes, type Grain } from '../core/content-sum.ts'
import type { OpenFile } from '../disk/disk.ts'
import { systemError } from '../disk/system-error.ts'
import { sliceBlocks } from '../endpoint/sliced-sum.ts'
import { sameKey } from '../endpoint/stat-columns.ts'
import type { Compared } from './comparisons.ts'
import type { Exchange } from './exchange.ts'
import type { Reading } from './readings.ts'
import type { Transfer } from './transfer.ts'

/** Blocks that are compared in one step where both hashes are known. */
const comparedBlocks = 4_096
/** With more blocks than a part of all at another place, what was put in or taken out is looked for. */
const shiftedShare = 0.25

/**
 * A large file of which the other end has something: what it lacks is sent. Blocks that stayed where they were are not
 * told of; where something was put in or taken out, those behind it are told by where they were.
 */
export class BuildReading implements Reading {
  readonly transfer: Transfer
  private readonly x: Exchange
  private readonly file: OpenFile
  private readonly compared: Compared
  private readonly own: Buffer | undefined
  private readonly grain: Grain
  private readonly size: number
  private readonly blank: Buffer
  private readonly isPatched: boolean
  private offset = 0
  private hasBegun = false

  constructor(exchange: Exchange, transfer: Transfer, file: OpenFile, compared: Compared) {
    this.x = exchange
    this.transfer = transfer
    this.file = file
    this.compared = compared
    this.grain = exchange.replica.grain
    this.size = file.opened.size
    this.own = exchange.replica.looker.blocksOf(transfer.token)
    this.blank = blockHash(Buffer.alloc(this.grain.blockBytes))
    this.isPatched = this.size === compared.size || this.differing() <= this.count * shiftedShare
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
      if (this.isPatched) this.patch()
      else this.join()
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
    const { transfer, size, isPatched } = this
    const mtimeMs = Number(this.file.opened.mtimeNs / 1_000_000n)
    this.x.send('bulk', { type: 'build', id: transfer.id, token: transfer.token, size, mtimeMs, isPatched })
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

  /** Blocks that are not the other end's at the same place; 0 where that is not known. */
  private differing(): number {
    const { own } = this
    if (own === undefined || this.compared.size === 0) return 0
    let differing = 0
    for (let block = 0; block < this.count; block++) if (!this.stands(block, hashAt(own, block))) differing += 1
    return differing
  }

  /** The other end has this block at its place, or none, which is one of zeros. */
  private stands(block: number, hash: Uint8Array): boolean {
    const theirs = hashAt(this.compared.hashes, block)
    if (theirs.length > 0) return theirs.equals(hash)
    return this.lengthOf(block) === this.grain.blockBytes && this.blank.equals(hash)
  }

  private lengthOf(block: number): number {
    const { blockBytes } = this.grain
    return Math.min(blockBytes, this.size - block * blockBytes)
  }

  /** What differs of the next blocks. */
  private patch(): void {
    const { own, grain } = this
    const { blockBytes } = grain
    let block = this.offset / blockBytes
    if (own !== undefined) {
      const until = Math.min(block + comparedBlocks, this.count)
      while (block < until && this.stands(block, hashAt(own, block))) block += 1
      this.offset = Math.min(block * blockBytes, this.size)
      if (block === until) return
    }
    const bytes = this.read(this.offset, sliceBlocks * blockBytes)
    let from = 0
    for (let at = 0; at < bytes.length; at += blockBytes, block++) {
      const hash = own === undefined ? blockHash(bytes.subarray(at, at + blockBytes)) : hashAt(own, block)
      if (!this.stands(block, hash)) continue
      if (at > from) this.fill(this.offset + from, bytes.subarray(from, at))
      from = at + blockBytes
    }
    if (from < bytes.length) this.fill(this.offset + from, bytes.subarray(from))
    this.offset += bytes.length
  }

  /** The next bytes: where they were, if the other end has them at this place or behind the shift, else themselves. */
  private join(): void {
    const { blockBytes } = this.grain
    const { own, offset } = this
    const shifted = offset - (this.size - this.compared.size)
    if (own !== undefined && offset % blockBytes === 0) {
      const block = offset / blockBytes
      const count = this.run(block, at => at < this.count && this.hasThere(at, this.lengthOf(at), hashAt(own, at)))
      if (this.reuse(block, count)) return
    }
    if (shifted >= 0 && shifted % blockBytes === 0) {
      const bytes = this.read(offset, sliceBlocks * blockBytes)
      const first = shifted / blockBytes
      const part = (at: number) => bytes.subarray((at - first) * blockBytes, (at - first + 1) * blockBytes)
      const isThere = (at: number) => this.hasThere(at, part(at).length, blockHash(part(at)))
      const count = this.run(first, at => part(at).length > 0 && isThere(at))
      if (this.reuse(first, count)) return
    }
    const toOwn = blockBytes - (offset % blockBytes)
    const toShifted = shifted < 0 ? -shifted : blockBytes - (shifted % blockBytes)
    const bytes = this.read(offset, Math.min(toOwn, toShifted))
    this.fill(offset, bytes)
    this.offset += bytes.length
  }

  private run(first: number, isThere: (block: number) => boolean): number {
    let count = 0
    while (count < sliceBlocks && isThere(first + count)) count += 1
    return count
  }

  private hasThere(block: number, length: number, hash: Uint8Array): boolean {
    const theirs = hashAt(this.compared.hashes, block)
    const theirLength = Math.min(this.grain.blockBytes, this.compared.size - block * this.grain.blockBytes)
    return theirs.length > 0 && theirLength === length && theirs.equals(hash)
  }

  private reuse(block: number, count: number): boolean {
    if (count === 0) return false
    const { blockBytes } = this.grain
    this.x.send('bulk', { type: 'reuse', id: this.transfer.id, block, count })
    this.offset += Math.min(count * blockBytes, this.compared.size - block * blockBytes)
    return true
  }

  /** @throws ENODATA where the file became shorter */
  private read(offset: number, length: number): Buffer {
    const wanted = Math.min(length, this.size - offset)
    const bytes = this.file.read(offset, wanted)
    if (bytes.length < wanted) throw systemError('ENODATA', 'the file became shorter')
    return bytes
  }
}

/** Empty where there is no such block. */
function hashAt(hashes: Buffer, block: number): Buffer {
  return hashes.subarray(block * blockHashBytes, (block + 1) * blockHashBytes)
}
