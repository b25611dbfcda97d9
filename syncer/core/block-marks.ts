import { createCipheriv, hash } from 'node:crypto'
import { blockHash, blockHashBytes, type Grain } from './content-sum.ts'

/** How the blocks of a large file are told from one another, at both ends alike. */
export interface BlockMeasure {
  /** Of each block's value. */
  readonly valueBytes: number
  of(block: Uint8Array): Uint8Array
}

/** A block's value is its sha256, of which the content's hash is made. */
export const sha256OfBlocks: BlockMeasure = { valueBytes: blockHashBytes, of: blockHash }

export const markKeyBytes = 16
const tagBytes = 16
const anchorBytes = 4
/** Bytes at a block's beginning that its anchor is made of. */
const anchoredBytesMax = 64
const nonce = Buffer.alloc(12)

/**
 * A block's value is its mark: a tag under a key, four times as fast as sha256, and an anchor, by which the block is
 * found again where it has moved. The tag is AES-GCM's of bytes that are not encrypted, always with one nonce: GHASH, of
 * which two different blocks of 128 KiB have the same with a chance of 2^-114, whoever wrote them, as long as it was not
 * known to them what the key would be. So a key is made by chance for each process, and only the two ends know it.
 */
export class BlockMarks implements BlockMeasure {
  readonly valueBytes = tagBytes + anchorBytes
  readonly key: Uint8Array
  /** Of a window, see {@link anchorsIn}. */
  readonly windowBytes: number

  /** @param key {@link markKeyBytes} by chance */
  constructor(key: Uint8Array, grain: Grain) {
    this.key = key
    this.windowBytes = Math.min(anchoredBytesMax, grain.blockBytes)
  }

  of(block: Uint8Array): Buffer {
    const cipher = createCipheriv('aes-128-gcm', this.key, nonce)
    cipher.setAAD(block)
    cipher.final()
    const mark = Buffer.allocUnsafe(this.valueBytes)
    cipher.getAuthTag().copy(mark)
    mark.writeUInt32BE(block.length < this.windowBytes ? 0 : anchorOf(block, 0, this.windowBytes), tagBytes)
    return mark
  }

  anchorIn(mark: Buffer): number {
    return mark.readUInt32BE(tagBytes)
  }
}

/** What proves a whole content by the marks of its blocks. */
export function proofOfMarks(marks: Uint8Array): Buffer {
  return hash('sha512-256', marks, 'buffer')
}

/** The blocks' values of content that comes in pieces of any size. */
export class BlockSum {
  readonly #measure: BlockMeasure
  readonly #values: Uint8Array[] = []
  readonly #part: Buffer
  #filled = 0

  constructor(measure: BlockMeasure, grain: Grain) {
    this.#measure = measure
    this.#part = Buffer.allocUnsafe(grain.blockBytes)
  }

  update(bytes: Uint8Array): void {
    const part = this.#part
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + part.length - this.#filled)
      if (end - at === part.length) this.#values.push(this.#measure.of(bytes.subarray(at, end)))
      else {
        part.set(bytes.subarray(at, end), this.#filled)
        this.#filled += end - at
        if (this.#filled === part.length) this.#endPart()
      }
      at = end
    }
  }

  /** Of a block that is complete. */
  at(block: number): Uint8Array | undefined {
    return this.#values[block]
  }

  /** Once, at the end. */
  digest(): Buffer {
    if (this.#filled > 0) this.#endPart()
    return Buffer.concat(this.#values)
  }

  #endPart(): void {
    this.#values.push(this.#measure.of(this.#part.subarray(0, this.#filled)))
    this.#filled = 0
  }
}

const base = 0x08104225

function anchorOf(bytes: Uint8Array, at: number, windowBytes: number): number {
  let anchor = 0
  for (let i = at; i < at + windowBytes; i++) anchor = (Math.imul(anchor, base) + bytes[i]!) | 0
  return anchor >>> 0
}

/**
 * Rolls the anchor of a window through `bytes`. @param isWanted asked at each place with the window's anchor
 * @returns the first place where it says so, -1 where there is none before `end`
 */
export function findAnchor(
  bytes: Uint8Array,
  windowBytes: number,
  end: number,
  isWanted: (anchor: number, at: number) => boolean,
): number {
  if (bytes.length < windowBytes) return -1
  let leaving = 1
  for (let i = 1; i < windowBytes; i++) leaving = Math.imul(leaving, base)
  let anchor = anchorOf(bytes, 0, windowBytes)
  const last = Math.min(end - 1, bytes.length - windowBytes)
  for (let at = 0; at <= last; at++) {
    if (isWanted(anchor >>> 0, at)) return at
    if (at < last) anchor = (Math.imul(anchor - Math.imul(bytes[at]!, leaving), base) + bytes[at + windowBytes]!) | 0
  }
  return -1
}
