import type { Writable } from 'node:stream'
import { limits } from '../base/limits.ts'
import { type FrameType, frameHeaderBytes, nextSequence, writeFrameHeader } from './frame.ts'
import { type Slab, SlabPool } from './slab-pool.ts'

/** Memory that headers and small payloads are gathered in, so that many small frames are one write; several chunks. */
const slabBytes = 256 * 1024
/** Whether a payload of this length is copied, so that it need not wait for the carrier. */
export function isCopied(payloadBytes: number): boolean {
  return payloadBytes <= limits.interactiveChunkBytes
}

/** In larger payloads, pieces up to this are copied and the rest is passed on as it is. */
const copiedPieceBytesMax = 8 * 1024

export interface WriteOptions {
  written?: () => void
  held?: boolean
}

/** Puts frames on a byte stream. What it gathers must be flushed at the end of each turn. */
export class FrameWriter {
  private readonly carrier: Writable
  private sequence = 0
  private readonly pool = new SlabPool(slabBytes)
  private slab = this.pool.take()
  /** Up to here the slab was handed on. */
  private flushedTo = 0
  private callbacks: (() => void)[] = []

  constructor(carrier: Writable) {
    this.carrier = carrier
  }

  /** The carrier has as much as it wants. */
  get blocked(): boolean {
    return this.carrier.writableNeedDrain
  }

  /**
   * `written` is called when what was given may change again: before this returns where it was copied, else when the
   * carrier has passed it on. `held`: it also stands for earlier frames, which the carrier may still hold.
   */
  write(
    frame: { type: FrameType; stream: number; payload: readonly Buffer[]; payloadBytes: number },
    more: WriteOptions = {},
  ): void {
    this.reserve(frameHeaderBytes)
    writeFrameHeader(this.slab.memory, this.slab.filledBytes, { ...frame, sequence: this.sequence })
    this.sequence = nextSequence(this.sequence)
    this.slab.filledBytes += frameHeaderBytes
    if (isCopied(frame.payloadBytes)) {
      for (const piece of frame.payload) this.gather(piece)
      if (more.written && more.held) this.callbacks.push(more.written)
      else more.written?.()
    } else {
      this.passOn(frame.payload, more.written)
    }
  }

  flush(): void {
    const { slab, callbacks } = this
    if (slab.filledBytes === this.flushedTo) return
    const gathered = slab.memory.subarray(this.flushedTo, slab.filledBytes)
    this.flushedTo = slab.filledBytes
    this.callbacks = []
    slab.held++
    this.carrier.write(gathered, error => {
      if (error) return
      slab.held--
      this.reuse(slab)
      for (const callback of callbacks) callback()
    })
  }

  private gather(piece: Buffer): void {
    this.reserve(piece.length)
    this.slab.filledBytes += piece.copy(this.slab.memory, this.slab.filledBytes)
  }

  private passOn(payload: readonly Buffer[], written: (() => void) | undefined): void {
    for (const [index, piece] of payload.entries()) {
      const callback = index === payload.length - 1 ? written : undefined
      if (piece.length > copiedPieceBytesMax) {
        this.flush()
        this.carrier.write(piece, error => !error && callback?.())
      } else {
        this.gather(piece)
        if (callback) this.callbacks.push(callback)
      }
    }
  }

  private reserve(bytes: number): void {
    if (this.slab.filledBytes + bytes <= slabBytes) return
    this.flush()
    this.slab = this.pool.take()
    this.flushedTo = 0
  }

  private reuse(slab: Slab): void {
    if (slab.held > 0) return
    if (slab !== this.slab) {
      this.pool.give(slab)
    } else if (this.flushedTo === slab.filledBytes) {
      slab.filledBytes = this.flushedTo = 0
    }
  }
}
