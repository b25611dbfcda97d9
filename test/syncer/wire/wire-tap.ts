import { limits } from '../../../syncer/base/limits.ts'
import { type Frame, FrameDecoder, FrameType, frameHeaderBytes, joinPayload } from '../../../syncer/wire/frame.ts'
import { decodeOpen } from '../../../syncer/wire/frame-payload.ts'

/** Frames of one direction, as an observer between the two ends sees them; an account of credit that shares no code. */
export class WireTap {
  readonly frames: { end: 'a' | 'b'; frame: Frame }[] = []
  readonly violations: string[] = []
  /** Largest sum of data that was under way or unread on one stream. */
  outstandingBytesMax = 0
  private readonly decoders = { a: new FrameDecoder(), b: new FrameDecoder() }
  /** `end:stream` → credit that this end has left to send. */
  private readonly credit = new Map<string, number>()
  private readonly used = new Map<string, number>()

  see(end: 'a' | 'b', chunk: Buffer): void {
    this.decoders[end].push(Buffer.from(chunk), frame => {
      this.frames.push({ end, frame })
      this.account(end, frame)
    })
  }

  types(end: 'a' | 'b'): number[] {
    return this.frames.filter(seen => seen.end === end).map(seen => seen.frame.type)
  }

  private account(end: 'a' | 'b', frame: Frame): void {
    const other = end === 'a' ? 'b' : 'a'
    const mine = `${end}:${frame.stream}`
    const theirs = `${other}:${frame.stream}`
    switch (frame.type) {
      case FrameType.open:
        this.credit.set(mine, limits.streamWindowBytes)
        this.credit.set(theirs, limits.streamWindowBytes + decodeOpen(joinPayload(frame)).extraCredit)
        break
      case FrameType.accept:
      case FrameType.window: {
        const more = joinPayload(frame).readUInt32BE()
        this.credit.set(theirs, (this.credit.get(theirs) ?? 0) + more)
        this.used.set(theirs, (this.used.get(theirs) ?? 0) - (frame.type === FrameType.window ? more : 0))
        break
      }
      case FrameType.data: {
        const cost = frameHeaderBytes + frame.payloadBytes
        const left = (this.credit.get(mine) ?? 0) - cost
        this.credit.set(mine, left)
        const used = (this.used.get(mine) ?? 0) + cost
        this.used.set(mine, used)
        this.outstandingBytesMax = Math.max(this.outstandingBytesMax, used)
        if (left < 0) this.violations.push(`stream ${frame.stream} of ${end} is ${-left} bytes over its credit`)
        break
      }
    }
  }
}
