import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { limits } from '../../../syncer/base/limits.ts'
import { type Frame, FrameDecoder, FrameType, frameHeaderBytes } from '../../../syncer/wire/frame.ts'
import { FrameWriter } from '../../../syncer/wire/frame-writer.ts'
import { SendSide } from '../../../syncer/wire/send-side.ts'

const small = Buffer.alloc(100, 's')
const large = Buffer.alloc(200_000, 'l')

/** A carrier that takes one write after the other, each only when the test says so. */
class SlowCarrier {
  readonly frames: Frame[] = []
  private readonly taken: (() => void)[] = []
  private readonly decoder = new FrameDecoder()
  readonly writable = new Writable({
    highWaterMark: 1_000_000,
    write: (chunk: Buffer, _encoding, done) => {
      this.taken.push(() => {
        this.decoder.push(Buffer.from(chunk), frame => this.frames.push(frame))
        done()
      })
    },
  })

  async takeAll(): Promise<void> {
    for (let next = this.taken.shift(); next; next = this.taken.shift()) {
      next()
      await new Promise(resolve => setImmediate(resolve))
    }
  }
}

function data(payload: Buffer[]) {
  return {
    type: FrameType.data,
    stream: 1,
    payload,
    payloadBytes: payload.reduce((sum, piece) => sum + piece.length, 0),
  }
}

describe('FrameWriter', () => {
  it('is done with a small frame at once, for it has a copy', async () => {
    const carrier = new SlowCarrier()
    const writer = new FrameWriter(carrier.writable)
    const payload = Buffer.from(small)
    let written = false
    writer.write(data([payload]), {
      written: () => {
        written = true
      },
    })
    expect(written).toBe(true)
    payload.fill(0)
    writer.flush()
    await carrier.takeAll()
    expect(Buffer.concat(carrier.frames[0]!.payload).equals(small)).toBe(true)
  })

  it.each([
    ['a large frame', [[large]]],
    ['a large frame that ends in a small piece', [[large, small]]],
    ['a small frame behind a large one of the same batch', [[large], [small]]],
  ])('is done with %s when the carrier is', async (_, frames) => {
    const carrier = new SlowCarrier()
    const writer = new FrameWriter(carrier.writable)
    let written = false
    for (const [index, payload] of frames.entries()) {
      const isLast = index === frames.length - 1
      const more = {
        held: isLast,
        written: () => {
          written = true
        },
      }
      writer.write(data(payload), isLast ? more : {})
    }
    writer.flush()
    expect(written).toBe(false)
    await carrier.takeAll()
    expect(written).toBe(true)
    expect(carrier.frames).toHaveLength(frames.length)
  })

  it('gathers small frames into one write, in their order', async () => {
    const carrier = new SlowCarrier()
    const writer = new FrameWriter(carrier.writable)
    for (let count = 0; count < 500; count++) writer.write(data([Buffer.from(`frame ${count}`)]))
    expect(carrier.writable.writableLength).toBe(0)
    writer.flush()
    await carrier.takeAll()
    expect(carrier.frames.map(frame => String(Buffer.concat(frame.payload)))).toEqual(
      Array.from({ length: 500 }, (_, count) => `frame ${count}`),
    )
  })
})

describe('SendSide', () => {
  it('tells of a batch once, with its last frame, and whether earlier ones may be held', () => {
    const side = new SendSide(10_000_000)
    const written = () => {}
    side.add([large, small], written)
    const first = side.take(large.length)
    expect([first.payloadBytes, first.written]).toEqual([large.length, undefined])
    expect(side.take(large.length)).toMatchObject({ payloadBytes: small.length, written, held: true })
    side.add([small], written)
    expect(side.take(large.length)).toMatchObject({ payloadBytes: small.length, written, held: false })
  })

  it('sends no crumbs: it waits for credit that is worth a frame', () => {
    const side = new SendSide(1_000)
    side.add([large], () => {})
    expect(side.ready).toBe(false)
    side.addCredit(20_000)
    expect(side.ready).toBe(true)
    expect(side.take(limits.interactiveChunkBytes).payloadBytes).toBe(21_000 - frameHeaderBytes)
    expect(side.ready).toBe(false)
    const little = new SendSide(small.length + frameHeaderBytes)
    little.add([small], () => {})
    expect(little.ready).toBe(true)
  })

  it('ends after the last byte, and not at all once it is cleared', () => {
    const side = new SendSide(1_000)
    side.add([small], () => {})
    side.end(() => {})
    expect(side.take(1_000).payloadBytes).toBe(small.length)
    expect([side.ready, side.finSent]).toEqual([true, false])
    expect(side.take(1_000).payloadBytes).toBe(0)
    expect([side.ready, side.finSent]).toEqual([false, true])
    const cleared = new SendSide(1_000)
    cleared.end(() => {})
    cleared.clear()
    expect(cleared.ready).toBe(false)
  })

  it('refuses absurd credit', () => {
    expect(new SendSide(0).addCredit(2 ** 31)).toBe(false)
  })
})
