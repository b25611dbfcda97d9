import { ProtocolError } from '../../base/errors.ts'
import { type BlockMarks, type BlockMeasure, sha256OfBlocks } from '../../core/block-marks.ts'
import { hashOf, isFile, type Token } from '../../core/content.ts'
import { BlockList } from '../../core/content-sum.ts'
import { assembledBlocksMax } from '../../endpoint/basis.ts'
import type { Entry } from '../../endpoint/tree.ts'
import type { Blocks } from '../../wire/content-message.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Compared, Transfer } from './transfer.ts'

/** Files that the other end compares, or has compared and waits for: fewer than it holds. */
const askedMax = 16

interface Comparison {
  id: number
  entry: Entry
  /** By their marks where the content is being read, and marked, or was. */
  measure: BlockMeasure
  blocks: BlockList
  /** All of them have come. */
  told: { values: Buffer; size: number } | undefined
  /** Of the content that is to be sent. */
  marks: Compared['marks']
  /** What is to be sent; undefined while it is still being read here. */
  transfer: Transfer | undefined
}

/**
 * Asks the other end what it has of a large file before it is sent: it reads that while this end reads the new content.
 * The file that stands at the path there, what arrived before a cut, the same content under another name.
 */
export class Comparisons {
  private readonly x: Exchange
  private readonly nextId: () => number
  private readonly byId = new Map<number, Comparison>()
  private readonly byEntry = new Map<Entry, Comparison>()
  private readonly waiting = new Set<Transfer>()
  private readonly isReady: (transfer: Transfer) => void

  /** @param isReady told of each transfer that can go now */
  constructor(exchange: Exchange, nextId: () => number, isReady: (transfer: Transfer) => void) {
    this.x = exchange
    this.nextId = nextId
    this.isReady = isReady
  }

  reset(): void {
    this.byId.clear()
    this.byEntry.clear()
    this.waiting.clear()
  }

  /** A file is being read that the other end may have most of: it can read its own meanwhile. */
  expect(entry: Entry): void {
    if (!this.x.live || this.byEntry.has(entry)) return
    const source = isFile(entry.agreed) ? undefined : this.renamedFrom(entry)
    if (isFile(entry.agreed) || source !== undefined) this.ask(entry, source)
  }

  /** It can go when the other end has told what it has of it. */
  add(transfer: Transfer): void {
    const { entry, token } = transfer
    const same = (other: Entry) => other !== entry && hashOf(other.agreed) === hashOf(token)
    const comparison = this.asked(transfer) ?? this.ask(entry, this.x.replica.looker.large.find(same), transfer)
    if (comparison === undefined) {
      this.waiting.add(transfer)
      return
    }
    comparison.transfer = transfer
    comparison.marks = comparison.measure === sha256OfBlocks ? undefined : this.marksOf(token)
    transfer.id = comparison.id
    this.tell(comparison)
  }

  onBlocks({ id, hashes, size }: Blocks): void {
    const comparison = this.byId.get(id)
    if (comparison === undefined) return
    const { blocks, measure } = comparison
    const { blockBytes } = this.x.replica.grain
    if (comparison.told !== undefined) throw new ProtocolError('more blocks after the last')
    if (hashes.length % measure.valueBytes !== 0) throw new ProtocolError('a part of a block')
    blocks.push(hashes)
    if (blocks.count > assembledBlocksMax) throw new ProtocolError('too many blocks')
    if (size === undefined) return
    if (size !== 0 && Math.ceil(size / blockBytes) !== blocks.count) throw new ProtocolError('blocks of another size')
    comparison.told = { values: size === 0 ? Buffer.alloc(0) : blocks.from(0), size }
    this.tell(comparison)
  }

  /** The content does not travel. */
  release(entry: Entry): void {
    const comparison = this.byEntry.get(entry)
    if (comparison !== undefined && comparison.transfer === undefined) this.forget(comparison)
  }

  /** @param isForgotten the other end is not done with it */
  ended(transfer: Transfer, isForgotten: boolean): void {
    this.waiting.delete(transfer)
    const comparison = this.byId.get(transfer.id)
    if (comparison?.transfer !== transfer) return
    if (isForgotten) this.forget(comparison)
    else this.remove(comparison)
    for (const next of this.waiting) {
      if (this.byId.size >= askedMax) break
      this.waiting.delete(next)
      this.add(next)
    }
  }

  private tell({ transfer, told, measure, marks }: Comparison): void {
    if (transfer === undefined || told === undefined) return
    transfer.compared = { ...told, measure, marks }
    this.isReady(transfer)
  }

  /** What was asked about the file before it was read to the end, where that still serves. */
  private asked(transfer: Transfer): Comparison | undefined {
    const comparison = this.byEntry.get(transfer.entry)
    if (comparison === undefined || comparison.measure === sha256OfBlocks) return comparison
    if (this.marksOf(transfer.token) !== undefined) return comparison
    this.forget(comparison)
    return undefined
  }

  private marksOf(token: Token): Compared['marks'] {
    return this.x.replica.looker.blocksOf(token)?.marks
  }

  /** What the other end is to tell its blocks by. */
  private measureFor(entry: Entry, transfer?: Transfer): BlockMarks | undefined {
    const { looker } = this.x.replica
    return transfer === undefined ? looker.marksOf(entry) : this.marksOf(transfer.token) && looker.measure
  }

  private ask(entry: Entry, source: Entry | undefined, transfer?: Transfer): Comparison | undefined {
    if (this.byId.size >= askedMax) this.makeRoom()
    if (this.byId.size >= askedMax) return undefined
    const id = this.nextId()
    const marks = this.measureFor(entry, transfer)
    const measure = marks ?? sha256OfBlocks
    const blocks = new BlockList(measure.valueBytes)
    const comparison: Comparison = { id, entry, measure, blocks, told: undefined, marks: undefined, transfer }
    this.byId.set(id, comparison)
    this.byEntry.set(entry, comparison)
    const { path } = entry
    this.x.send('control', { type: 'compare', id, path, source: source?.path, token: transfer?.token, key: marks?.key })
    return comparison
  }

  /** For what is to be sent what may come to nothing gives way. */
  private makeRoom(): void {
    for (const comparison of this.byId.values()) {
      if (comparison.transfer !== undefined) continue
      this.forget(comparison)
      return
    }
  }

  private forget(comparison: Comparison): void {
    this.remove(comparison)
    this.x.send('control', { type: 'forget', id: comparison.id })
  }

  private remove({ id, entry }: Comparison): void {
    this.byId.delete(id)
    this.byEntry.delete(entry)
  }

  /** A file keeps its inode under another name. */
  private renamedFrom(entry: Entry): Entry | undefined {
    const { looker } = this.x.replica
    const opened = looker.openedOf(entry)
    if (opened === undefined) return undefined
    return looker.large.find(({ key }) => key !== null && key.ino === opened.ino && key.size === opened.size)
  }
}
