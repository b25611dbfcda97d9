import type { Duplex } from 'node:stream'
import { ProtocolError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { ByteQueue } from './byte-queue.ts'
import { type Slab, SlabPool } from './slab-pool.ts'

export interface MessageHandlers {
  /**
   * The bytes may share memory with what arrived; they stay as they are until `done` is called, which need not be. A
   * {@link ProtocolError} that it throws destroys the stream.
   */
  message: (bytes: Buffer, done: () => void) => void
  /** After a `send` that answered false: more is welcome. */
  drain?: () => void
  /** The other end has sent its last message. */
  end?: () => void
  /** It is over in both directions; the error is why, where that was not how it should end. */
  close?: (error: Error | undefined) => void
}

const lengthBytes = 4
/** Shorter messages are copied behind their length, so that they are one write. */
const copyBytesMax = 4 * 1024
/**
 * Larger ones are put together in slabs while they arrive, which are used again: what the pieces lie in, and a fresh buffer
 * for each, would stay until the garbage collector has time, tens of megabytes at full speed.
 */
const slabBytesMin = 64 * 1024
const slabBytes = 1024 * 1024 + 128 * 1024
const nothing = () => {}

/**
 * Messages over a byte stream: u32 length (big-endian) and as many bytes. A longer one than `limits.messageBytesMax`,
 * or an end in the middle of one, destroys the stream with a {@link ProtocolError}.
 */
export class MessageStream {
  readonly stream: Duplex
  private readonly handlers: MessageHandlers
  private readonly messageBytesMax: number
  private readonly arrived = new ByteQueue()
  /** Length of the message that is under way, where that is known. */
  private bodyBytes: number | undefined
  /** What has arrived of it, where it is large. */
  private slab: Slab | undefined
  private readonly pool = new SlabPool(slabBytes)
  private isPaused = false
  /** The stream has ended; what has arrived may still wait here, while this is paused. */
  private hasEnded = false
  private isClosed = false
  private isOver = false

  constructor(stream: Duplex, handlers: MessageHandlers, messageBytesMax: number = limits.messageBytesMax) {
    this.stream = stream
    this.handlers = handlers
    this.messageBytesMax = messageBytesMax
    stream.on('data', (chunk: Buffer) => this.receive(chunk))
    stream.on('end', () => this.ended())
    stream.on('error', () => {})
    stream.on('drain', () => handlers.drain?.())
    stream.once('close', () => this.closed())
  }

  /**
   * Sends one message, given whole or in parts. False: hold back until `drain`. `written` is called when the parts are
   * no longer needed here; until then they must not change.
   */
  send(bytes: Uint8Array | readonly Uint8Array[], written?: () => void): boolean {
    const parts = bytes instanceof Uint8Array ? [bytes] : bytes
    const total = parts.reduce((sum, part) => sum + part.length, 0)
    if (total > this.messageBytesMax) throw new RangeError(`a message of ${total} bytes`)
    if (this.stream.destroyed || this.stream.writableEnded) return false
    const onWritten = written && ((error?: Error | null) => !error && written())
    const length = Buffer.allocUnsafe(lengthBytes)
    length.writeUInt32BE(total)
    if (total <= copyBytesMax) return this.stream.write(Buffer.concat([length, ...parts]), onWritten)
    this.stream.cork()
    this.stream.write(length)
    let wantsMore = true
    for (const [index, part] of parts.entries()) {
      wantsMore = this.stream.write(part, index === parts.length - 1 ? onWritten : undefined)
    }
    this.stream.uncork()
    return wantsMore
  }

  /** No more messages from this end. */
  end(): void {
    this.stream.end()
  }

  /** Delivers nothing until {@link resume}; the other end is held back. */
  pause(): void {
    this.isPaused = true
    this.stream.pause()
  }

  resume(): void {
    if (!this.isPaused) return
    this.isPaused = false
    this.deliver()
    if (!this.isPaused) this.stream.resume()
  }

  private receive(chunk: Buffer): void {
    this.arrived.push(chunk)
    this.deliver()
  }

  private deliver(): void {
    while (!this.isPaused && !this.isOver) {
      const message = this.next()
      if (!message) break
      this.pass(message.bytes, message.done)
    }
    if (this.hasEnded && !this.isPaused && !this.isOver) this.finish()
  }

  private pass(message: Buffer, done: () => void): void {
    try {
      this.handlers.message(message, done)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.break(error)
    }
  }

  private next(): { bytes: Buffer; done: () => void } | undefined {
    if (this.bodyBytes === undefined) {
      if (this.arrived.bytes < lengthBytes) return undefined
      this.bodyBytes = this.arrived.join(lengthBytes).readUInt32BE()
      if (this.bodyBytes > this.messageBytesMax) {
        this.break(new ProtocolError(`a message of ${this.bodyBytes} bytes`))
        return undefined
      }
    }
    const { bodyBytes } = this
    const message = bodyBytes < slabBytesMin ? this.join(bodyBytes) : this.gather(bodyBytes)
    if (message !== undefined) this.bodyBytes = undefined
    return message
  }

  private join(bytes: number): { bytes: Buffer; done: () => void } | undefined {
    return this.arrived.bytes < bytes ? undefined : { bytes: this.arrived.join(bytes), done: nothing }
  }

  /** No memory is taken on the word of a length alone. */
  private gather(bytes: number): { bytes: Buffer; done: () => void } | undefined {
    if (this.slab === undefined && this.arrived.bytes < Math.min(bytes, slabBytesMin)) return undefined
    const pool = bytes > slabBytes ? new SlabPool(bytes) : this.pool
    this.slab ??= pool.take()
    const { slab } = this
    for (const piece of this.arrived.take(bytes - slab.filledBytes)) {
      slab.filledBytes += piece.copy(slab.memory, slab.filledBytes)
    }
    if (slab.filledBytes < bytes) return undefined
    this.slab = undefined
    return { bytes: slab.memory.subarray(0, bytes), done: () => pool.give(slab) }
  }

  private ended(): void {
    this.hasEnded = true
    this.deliver()
  }

  /** All that arrived has been delivered. */
  private finish(): void {
    const isCut = this.arrived.bytes > 0 || this.bodyBytes !== undefined
    if (isCut) {
      this.break(new ProtocolError('the stream ended in the middle of a message'))
      return
    }
    this.isOver = true
    this.handlers.end?.()
    if (this.isClosed) this.handlers.close?.(undefined)
  }

  private break(error: ProtocolError): void {
    this.isOver = true
    this.stream.destroy(error)
    if (this.isClosed) this.handlers.close?.(error)
  }

  private closed(): void {
    this.isClosed = true
    // after its end a stream closes by itself; what is held back here comes first
    if (this.hasEnded && !this.isOver && !this.stream.errored) return
    this.isOver = true
    this.handlers.close?.(this.stream.errored ?? undefined)
  }
}
