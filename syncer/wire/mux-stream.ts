import { Duplex } from 'node:stream'
import { ByteQueue } from './byte-queue.ts'
import { type Frame, frameHeaderBytes } from './frame.ts'
import { Priority, type StreamEnd } from './frame-payload.ts'
import type { ReceiveWindow, WindowSize } from './receive-window.ts'
import { SendSide } from './send-side.ts'
import { StreamError } from './stream-error.ts'

/** What a stream asks of the connection that carries it. */
export interface StreamLink {
  accept(stream: MuxStream, window: WindowSize | undefined): void
  /** It may have something to send now. */
  wantsToSend(stream: MuxStream): void
  /** The reader took so many bytes of frames. */
  consumed(stream: MuxStream, bytes: number): void
  /** The stream object is gone; `end` is what the other end should know. */
  destroyed(stream: MuxStream, end: StreamEnd): void
}

export interface MuxStreamOptions {
  id: number
  priority: Priority
  window: ReceiveWindow
  creditBytes: number
  /** The other end opened it; it must be accepted. */
  fromPeer: boolean
}

/** What is kept here beside the credit, in each direction. */
const bufferBytes: Record<Priority, number> = {
  [Priority.control]: 64 * 1024,
  [Priority.interactive]: 256 * 1024,
  [Priority.bulk]: 2 * 1024 * 1024,
}

/**
 * One stream of a connection: a socket with half-close and back-pressure from end to end. `destroy()` resets it at the
 * other end, which gets the `code` of the error. An error that nobody listens for is dropped, for the connection may go
 * at any moment; `close` always comes.
 */
export class MuxStream extends Duplex {
  readonly id: number
  readonly priority: Priority
  readonly fromPeer: boolean
  /** For the connection only, like `window` and every method below `_destroy`. */
  readonly sending: SendSide
  readonly window: ReceiveWindow
  private readonly link: StreamLink
  private readonly incoming = new ByteQueue()
  private headersBytes = 0
  private reading = false
  private finArrived = false
  private isAccepted = false

  constructor(link: StreamLink, options: MuxStreamOptions) {
    super({ allowHalfOpen: true, highWaterMark: bufferBytes[options.priority] })
    this.link = link
    this.id = options.id
    this.priority = options.priority
    this.fromPeer = options.fromPeer
    this.window = options.window
    this.sending = new SendSide(options.creditBytes)
    this.on('error', () => {})
  }

  /** The service stands. Only where the other end opened the stream; the first write does it by itself. */
  accept(window?: WindowSize): void {
    if (!this.fromPeer || this.isAccepted || this.destroyed) return
    this.isAccepted = true
    this.link.accept(this, window)
  }

  /** Resolves when the other end's service stands, rejects with a {@link StreamError} where it refuses. */
  opened(): Promise<this> {
    return new Promise((resolve, reject) => {
      const closed = () => reject(this.errored ?? new StreamError('cancelled', 'the stream was closed'))
      if (this.destroyed) return closed()
      if (this.isAccepted) return resolve(this)
      this.once('close', closed)
      this.once('accepted', () => {
        this.off('close', closed)
        resolve(this)
      })
    })
  }

  /** Ends it at once in both directions and tells the other end why. */
  reset(code: string, message: string): void {
    this.destroy(new StreamError(code, message))
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, written: () => void): void {
    this.send([chunk], written)
  }

  override _writev(chunks: { chunk: Buffer }[], written: () => void): void {
    this.send(
      chunks.map(({ chunk }) => chunk),
      written,
    )
  }

  override _final(written: () => void): void {
    this.accept()
    this.sending.end(written)
    this.link.wantsToSend(this)
  }

  override _read(): void {
    this.reading = true
    this.passOn()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.incoming.clear()
    this.sending.clear()
    const code = error && 'code' in error && typeof error.code === 'string' ? error.code : 'cancelled'
    this.link.destroyed(this, { code, message: error?.message ?? 'closed by the other end' })
    done(error)
  }

  /** The other end accepted it. */
  peerAccepted(): void {
    this.isAccepted = true
    this.emit('accepted')
  }

  get wasAccepted(): boolean {
    return this.isAccepted
  }

  /** No more data comes. */
  get finReceived(): boolean {
    return this.finArrived
  }

  receive(frame: Frame): void {
    for (const piece of frame.payload) this.incoming.push(piece)
    this.headersBytes += frameHeaderBytes
    this.passOn()
  }

  receiveFin(): void {
    this.finArrived = true
    this.passOn()
  }

  private send(chunks: Buffer[], written: () => void): void {
    this.accept()
    this.sending.add(chunks, written)
    this.link.wantsToSend(this)
  }

  private passOn(): void {
    let consumedBytes = 0
    while (this.reading) {
      const piece = this.incoming.shift()
      if (!piece) break
      consumedBytes += piece.length + this.headersBytes
      this.headersBytes = 0
      // `push` may call `_read`, which then has the last word
      this.reading = false
      if (this.push(piece)) this.reading = true
      if (this.destroyed) return
    }
    if (consumedBytes > 0) this.link.consumed(this, consumedBytes)
    if (this.reading && this.finArrived && this.incoming.bytes === 0) {
      this.reading = false
      this.push(null)
    }
  }
}
