import { limits } from '../base/limits.ts'
import { ByteQueue } from './byte-queue.ts'
import { frameHeaderBytes } from './frame.ts'
import { isCopied, type WriteOptions } from './frame-writer.ts'

/** Less than this is not sent while more waits: credit that comes back in drops would cut the data into crumbs. */
const frameBytesMin = 8 * 1024

const creditBytesMax = 2 * limits.bulkWindowBytesMax

/** What one stream has to send, and its credit for that. Frame headers cost credit too, so tiny frames are not free. */
export class SendSide {
  private readonly waiting = new ByteQueue()
  private creditBytes: number
  private written: (() => void) | undefined
  private finWritten: (() => void) | undefined
  private finTaken = false
  /** Frames of this batch went out that were not copied. */
  private isHeld = false
  private isCleared = false

  constructor(creditBytes: number) {
    this.creditBytes = creditBytes
  }

  /** One batch at a time: `written` is called when the connection holds none of it any more. */
  add(chunks: Buffer[], written: () => void): void {
    for (const chunk of chunks) this.waiting.push(chunk)
    if (this.waiting.bytes === 0) written()
    else this.written = written
  }

  end(written: () => void): void {
    this.finWritten = written
  }

  /** False where that is more than a stream may ever have. */
  addCredit(bytes: number): boolean {
    this.creditBytes += bytes
    return this.creditBytes <= creditBytesMax
  }

  get ready(): boolean {
    if (this.isCleared) return false
    const { bytes } = this.waiting
    if (bytes === 0) return this.finWritten !== undefined && !this.finTaken
    return this.creditBytes >= frameHeaderBytes + Math.min(bytes, frameBytesMin)
  }

  /** The next frame's data; no payload means the end of the stream. Only when {@link ready}. */
  take(bytesMax: number): { payload: Buffer[]; payloadBytes: number } & WriteOptions {
    if (this.waiting.bytes === 0) {
      this.finTaken = true
      return { payload: [], payloadBytes: 0, written: this.finWritten }
    }
    const payloadBytes = Math.min(bytesMax, this.creditBytes - frameHeaderBytes, this.waiting.bytes)
    this.creditBytes -= payloadBytes + frameHeaderBytes
    const payload = this.waiting.take(payloadBytes)
    this.isHeld ||= !isCopied(payloadBytes)
    if (this.waiting.bytes > 0) return { payload, payloadBytes }
    const held = this.isHeld
    this.isHeld = false
    return { payload, payloadBytes, written: this.written, held }
  }

  get waitingBytes(): number {
    return this.waiting.bytes
  }

  get finSent(): boolean {
    return this.finTaken
  }

  /** The stream is gone: nothing more is sent. */
  clear(): void {
    this.isCleared = true
    this.waiting.clear()
  }
}
