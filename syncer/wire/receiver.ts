import { ProtocolError } from '../base/errors.ts'
import { limits } from '../base/limits.ts'
import { type Frame, FrameType, frameHeaderBytes, joinPayload } from './frame.ts'
import { decodeReset, encodeReset } from './frame-payload.ts'
import type { MuxStream } from './mux-stream.ts'
import type { Sender } from './sender.ts'
import { StreamError } from './stream-error.ts'
import type { StreamTable } from './stream-table.ts'

export interface ReceiverOptions {
  table: StreamTable
  sender: Sender
  /** A new stream of the other end; its number has been checked. */
  opened: (frame: Frame) => void
  pong: (number: number) => void
  goodbye: (message: string) => void
  wantsToSend: (stream: MuxStream) => void
}

/** Streams with something to say that the other end does not take; with an honest one each is at most once in it. */
const controlSizeMax = 4 * limits.streamsMax

/**
 * The receiving half of a connection: what each frame means for its stream. Everything that an honest end would not
 * send is a {@link ProtocolError}.
 */
export class Receiver {
  private readonly options: ReceiverOptions

  constructor(options: ReceiverOptions) {
    this.options = options
  }

  take(frame: Frame): void {
    switch (frame.type) {
      case FrameType.open:
        this.takeOpen(frame)
        break
      case FrameType.accept:
        this.takeAccept(frame)
        break
      case FrameType.data:
        this.takeData(frame)
        break
      case FrameType.window:
        this.takeWindow(frame)
        break
      case FrameType.fin:
        this.takeFin(frame)
        break
      case FrameType.rst:
        this.takeReset(frame)
        break
      case FrameType.ping:
        this.options.sender.control.pong(joinPayload(frame).readUInt32BE())
        this.options.sender.schedule()
        break
      case FrameType.pong:
        this.options.pong(joinPayload(frame).readUInt32BE())
        break
      case FrameType.goodbye:
        this.options.goodbye(joinPayload(frame).toString())
        break
    }
  }

  private takeOpen(frame: Frame): void {
    this.options.table.peerId(frame.stream)
    this.options.opened(frame)
    this.checkReads()
  }

  private takeAccept(frame: Frame): void {
    const stream = this.options.table.get(frame.stream)
    if (!stream) this.assertLingers(frame)
    else if (stream.fromPeer || stream.wasAccepted)
      throw new ProtocolError(`stream ${frame.stream} accepted out of turn`)
    else this.peerAccepted(stream, joinPayload(frame).readUInt32BE())
  }

  private peerAccepted(stream: MuxStream, extraCredit: number): void {
    this.addCredit(stream, extraCredit)
    stream.peerAccepted()
  }

  private takeData(frame: Frame): void {
    const stream = this.options.table.get(frame.stream)
    const open = stream && !stream.finReceived ? stream.window : this.options.table.lingers(frame.stream)
    if (!open) throw new ProtocolError(`data for stream ${frame.stream}, which is not open`)
    if (!open.receive(frameHeaderBytes + frame.payloadBytes)) {
      throw new ProtocolError(`more data for stream ${frame.stream} than there was credit for`)
    }
    stream?.receive(frame)
  }

  private takeWindow(frame: Frame): void {
    this.options.table.assertKnown(frame.stream)
    const stream = this.options.table.get(frame.stream)
    if (stream) this.addCredit(stream, joinPayload(frame).readUInt32BE())
  }

  private takeFin(frame: Frame): void {
    const stream = this.options.table.get(frame.stream)
    if (!stream) {
      this.assertLingers(frame)
      this.options.table.remove(frame.stream)
      return
    }
    if (stream.finReceived) throw new ProtocolError(`stream ${frame.stream} ended twice`)
    stream.receiveFin()
    this.options.table.closeIfOver(stream)
  }

  private takeReset(frame: Frame): void {
    this.options.table.assertKnown(frame.stream)
    const end = decodeReset(joinPayload(frame))
    const stream = this.options.table.get(frame.stream)
    this.options.table.remove(frame.stream)
    if (!stream) return
    this.options.sender.remove(stream)
    this.options.sender.control.reset(stream.id, encodeReset({ code: 'cancelled', message: '' }))
    this.checkReads()
    this.options.sender.schedule()
    stream.destroy(new StreamError(end.code, end.message))
  }

  private assertLingers(frame: Frame): void {
    if (this.options.table.lingers(frame.stream)) return
    throw new ProtocolError(`a frame of type ${frame.type} for stream ${frame.stream}, which is not open`)
  }

  private addCredit(stream: MuxStream, bytes: number): void {
    if (!stream.sending.addCredit(bytes)) throw new ProtocolError('more credit than a stream may have')
    this.options.wantsToSend(stream)
  }

  private checkReads(): void {
    if (this.options.sender.control.size > controlSizeMax) {
      throw new ProtocolError('the other end asks, but does not read the answers')
    }
  }
}
