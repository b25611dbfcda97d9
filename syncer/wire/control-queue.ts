import { FrameType } from './frame.ts'

/** A frame that is ready to be sent. */
export interface ControlFrame {
  type: FrameType
  stream: number
  payload: Buffer
}

interface Pending {
  open?: Buffer
  accept?: number
  grantBytes: number
  reset?: Buffer
}

/**
 * Frames that go ahead of all data. What can be merged is merged (credit, pings, pongs), so a connection that takes
 * nothing makes this no longer than its number of streams.
 */
export class ControlQueue {
  private readonly streams = new Map<number, Pending>()
  private pingNumber: number | undefined
  private pongNumber: number | undefined

  /** Streams that have something to send. */
  get size(): number {
    return this.streams.size
  }

  ping(number: number): void {
    this.pingNumber = number
  }

  pong(number: number): void {
    this.pongNumber = number
  }

  open(stream: number, payload: Buffer): void {
    this.of(stream).open = payload
  }

  accept(stream: number, extraCredit: number): void {
    this.of(stream).accept = extraCredit
  }

  grant(stream: number, bytes: number): void {
    this.of(stream).grantBytes += bytes
  }

  /** Replaces whatever else was to be said of the stream. */
  reset(stream: number, payload: Buffer): void {
    this.streams.set(stream, { grantBytes: 0, reset: payload })
  }

  /** True where the other end has not heard of the stream yet, and now never will. */
  dropOpen(stream: number): boolean {
    return this.streams.get(stream)?.open !== undefined && this.streams.delete(stream)
  }

  /** Takes out the next frame. */
  take(): ControlFrame | undefined {
    if (this.pongNumber !== undefined) {
      const payload = u32(this.pongNumber)
      this.pongNumber = undefined
      return { type: FrameType.pong, stream: 0, payload }
    }
    if (this.pingNumber !== undefined) {
      const payload = u32(this.pingNumber)
      this.pingNumber = undefined
      return { type: FrameType.ping, stream: 0, payload }
    }
    const [first] = this.streams
    if (!first) return undefined
    const [stream, pending] = first
    return { ...this.takeFrom(stream, pending), stream }
  }

  private takeFrom(stream: number, pending: Pending): { type: FrameType; payload: Buffer } {
    if (pending.open) {
      const payload = pending.open
      pending.open = undefined
      if (pending.grantBytes === 0) this.streams.delete(stream)
      return { type: FrameType.open, payload }
    }
    if (pending.accept !== undefined) {
      const payload = u32(pending.accept)
      pending.accept = undefined
      if (pending.grantBytes === 0) this.streams.delete(stream)
      return { type: FrameType.accept, payload }
    }
    this.streams.delete(stream)
    if (pending.reset) return { type: FrameType.rst, payload: pending.reset }
    return { type: FrameType.window, payload: u32(pending.grantBytes) }
  }

  private of(stream: number): Pending {
    let pending = this.streams.get(stream)
    if (!pending) {
      pending = { grantBytes: 0 }
      this.streams.set(stream, pending)
    }
    return pending
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(value)
  return bytes
}
