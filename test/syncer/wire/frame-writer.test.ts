import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { type Frame, FrameDecoder, FrameType } from '../../../syncer/wire/frame.ts'
import { FrameWriter } from '../../../syncer/wire/frame-writer.ts'

/** A carrier that reads what it was given only when it says that it is done with it. */
class LateCarrier extends Writable {
  readonly frames: string[] = []
  /** Memory that it was given, each once. */
  readonly memory = new Set<ArrayBufferLike>()
  private readonly decoder = new FrameDecoder()
  private held: { chunk: Buffer; done: () => void } | undefined

  constructor() {
    super({ highWaterMark: 64 * 1024 })
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.memory.add(chunk.buffer)
    this.held = { chunk, done }
  }

  /** Takes one write; false where there is none. */
  take(): boolean {
    const { held } = this
    if (!held) return false
    this.held = undefined
    this.decoder.push(held.chunk, frame => this.frames.push(textOf(frame)))
    held.done()
    return true
  }
}

const textOf = (frame: Frame) => Buffer.concat(frame.payload).toString('latin1')
const turn = () => new Promise<void>(resolve => setImmediate(resolve))

describe('a frame writer', () => {
  it('keeps what it gathered until the carrier is done with it, and then uses that memory again', async () => {
    const carrier = new LateCarrier()
    const writer = new FrameWriter(carrier)
    const sent: string[] = []
    let told = 0
    const send = (length: number) => {
      const text = `${sent.length} `.padEnd(length, String.fromCharCode(97 + (sent.length % 26)))
      const bytes = Buffer.from(text)
      const frame = { type: FrameType.data, stream: 1, payload: [bytes], payloadBytes: length }
      writer.write(frame, { written: () => told++ })
      // what was copied may change at once
      bytes.fill(0)
      sent.push(text)
    }
    // far more than a slab, always several writes behind
    for (let round = 0; round < 400; round++) {
      for (const length of [20, 5_000, 30_000]) send(length)
      writer.flush()
      while (carrier.writableLength > 200_000 && carrier.take()) await turn()
    }
    while (carrier.take()) await turn()
    expect(carrier.frames).toEqual(sent)
    expect(told).toBe(sent.length)
    expect(carrier.memory.size).toBeLessThanOrEqual(4)
  })
})
