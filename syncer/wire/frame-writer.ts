import type { Writable } from 'node:stream'
import { type FrameType, frameHeaderBytes, nextSequence, writeFrameHeader } from './frame.ts'

/** Memory that headers and small payloads are gathered in, so that many small frames are one write. */
const slabBytes = 64 * 1024
/** Larger pieces are passed on as they are. */
const copyBytesMax = 8 * 1024

/** Puts frames on a byte stream. What it gathers must be flushed at the end of each turn. */
export class FrameWriter {
  private readonly carrier: Writable
  private sequence = 0
  private slab = Buffer.allocUnsafeSlow(slabBytes)
  private flushedTo = 0
  private filledTo = 0
  private callbacks: (() => void)[] = []

  constructor(carrier: Writable) {
    this.carrier = carrier
  }

  /** The carrier has as much as it wants. */
  get blocked(): boolean {
    return this.carrier.writableNeedDrain
  }

  /** `written` is called when the carrier has passed the frame on and no longer holds `payload`. */
  write(type: FrameType, stream: number, payload: readonly Buffer[], payloadBytes: number, written?: () => void): void {
    this.reserve(frameHeaderBytes)
    writeFrameHeader(this.slab, this.filledTo, { type, stream, sequence: this.sequence, payload, payloadBytes })
    this.sequence = nextSequence(this.sequence)
    this.filledTo += frameHeaderBytes
    let direct = false
    for (const [index, piece] of payload.entries()) {
      direct = piece.length > copyBytesMax
      if (direct) this.passOn(piece, index === payload.length - 1 ? written : undefined)
      else this.gather(piece)
    }
    if (written && !direct) this.callbacks.push(written)
  }

  flush(): void {
    if (this.filledTo === this.flushedTo) return
    const gathered = this.slab.subarray(this.flushedTo, this.filledTo)
    this.flushedTo = this.filledTo
    const callbacks = this.callbacks
    this.callbacks = []
    this.carrier.write(gathered, error => {
      if (!error) for (const callback of callbacks) callback()
    })
  }

  private gather(piece: Buffer): void {
    this.reserve(piece.length)
    this.filledTo += piece.copy(this.slab, this.filledTo)
  }

  private passOn(piece: Buffer, written: (() => void) | undefined): void {
    this.flush()
    this.carrier.write(piece, error => {
      if (!error) written?.()
    })
  }

  private reserve(bytes: number): void {
    if (this.filledTo + bytes <= slabBytes) return
    this.flush()
    this.slab = Buffer.allocUnsafeSlow(slabBytes)
    this.flushedTo = this.filledTo = 0
  }
}
