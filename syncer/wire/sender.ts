import type { Duplex } from 'node:stream'
import { limits } from '../base/limits.ts'
import type { AfterEvents } from './after-events.ts'
import { ControlQueue } from './control-queue.ts'
import { FrameType } from './frame.ts'
import { FrameWriter } from './frame-writer.ts'
import type { MuxStream } from './mux-stream.ts'
import { SendScheduler } from './send-scheduler.ts'

/** With so much to send a stream is at full speed. */
const gatherBytesMin = 32 * 1024

/** The sending half of a connection: hands the carrier as much as it wants, in the right order, and no more. */
export class Sender {
  readonly control = new ControlQueue()
  private readonly carrier: Duplex
  private readonly finSent: (stream: MuxStream) => void
  private readonly writer: FrameWriter
  private readonly scheduler = new SendScheduler<MuxStream>()
  private readonly afterEvents: AfterEvents | undefined
  private isDue = false
  private isDueLater = false
  private isStopped = false

  /** `finSent` is called when the last frame of a stream's data has been sent. `afterEvents`: see `MuxOptions`. */
  constructor(carrier: Duplex, finSent: (stream: MuxStream) => void, afterEvents?: AfterEvents) {
    this.carrier = carrier
    this.finSent = finSent
    this.afterEvents = afterEvents
    this.writer = new FrameWriter(carrier)
    carrier.on('drain', () => this.pump())
  }

  /** Sends at the end of this turn, so that what is written together travels together. */
  schedule(): void {
    if (this.isDue) return
    this.isDue = true
    process.nextTick(() => this.pump())
  }

  add(stream: MuxStream): void {
    this.scheduler.add(stream, stream.priority)
    if (this.afterEvents && stream.sending.waitingBytes >= gatherBytesMin) this.scheduleLater(this.afterEvents)
    else this.schedule()
  }

  private scheduleLater(afterEvents: AfterEvents): void {
    if (this.isDueLater) return
    this.isDueLater = true
    afterEvents(() => {
      this.isDueLater = false
      this.pump()
    })
  }

  remove(stream: MuxStream): void {
    this.scheduler.remove(stream)
  }

  /** Sends nothing more. */
  stop(): void {
    this.isStopped = true
  }

  /** The last frame, past everything that waits; ends the carrier. */
  goodbye(words: string): void {
    this.stop()
    const payload = Buffer.from(words.slice(0, limits.reasonBytesMax / 4))
    this.writer.write({ type: FrameType.goodbye, stream: 0, payload: [payload], payloadBytes: payload.length })
    this.writer.flush()
    this.carrier.end()
  }

  private pump(): void {
    this.isDue = false
    if (this.isStopped || this.carrier.destroyed) return
    this.carrier.cork()
    while (!this.writer.blocked && (this.sendControl() || this.sendData()));
    this.writer.flush()
    this.carrier.uncork()
  }

  private sendControl(): boolean {
    const frame = this.control.take()
    if (!frame) return false
    const { type, stream, payload } = frame
    this.writer.write({ type, stream, payload: [payload], payloadBytes: payload.length })
    return true
  }

  private sendData(): boolean {
    const turn = this.scheduler.next()
    if (!turn) return false
    const { stream, priority } = turn
    const { payload, payloadBytes, ...more } = stream.sending.take(turn.bytesMax)
    const type = payloadBytes > 0 ? FrameType.data : FrameType.fin
    this.writer.write({ type, stream: stream.id, payload, payloadBytes }, more)
    if (stream.sending.ready) this.scheduler.add(stream, priority)
    this.scheduler.sent(priority, payloadBytes)
    if (type === FrameType.fin) this.finSent(stream)
    return true
  }
}
