import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ProtocolError } from '../../../syncer/base/errors.ts'
import { limits } from '../../../syncer/base/limits.ts'
import {
  FrameDecoder,
  FrameType,
  frameHeaderBytes,
  nextSequence,
  writeFrameHeader,
} from '../../../syncer/wire/frame.ts'
import { randomBytes, seededRandom } from './random.ts'

interface PlainFrame {
  type: FrameType
  stream: number
  payload: Buffer
}

const anyFrame: fc.Arbitrary<PlainFrame> = fc.oneof(
  fc.record({ type: fc.constant(FrameType.data), stream: anyStream(), payload: anyBytes(1, 3_000) }),
  fc.record({ type: fc.constant(FrameType.data), stream: anyStream(), payload: anyBytes(30_000, 60_000) }),
  fc.record({ type: fc.constant(FrameType.open), stream: anyStream(), payload: anyBytes(6, 300) }),
  fc.record({ type: fc.constant(FrameType.rst), stream: anyStream(), payload: anyBytes(2, 300) }),
  fc.record({ type: fc.constant(FrameType.fin), stream: anyStream(), payload: fc.constant(Buffer.alloc(0)) }),
  fc.record({ type: fc.constant(FrameType.window), stream: anyStream(), payload: anyBytes(4, 4) }),
  fc.record({ type: fc.constant(FrameType.ping), stream: fc.constant(0), payload: anyBytes(4, 4) }),
  fc.record({ type: fc.constant(FrameType.goodbye), stream: fc.constant(0), payload: anyBytes(0, 100) }),
)

function anyStream(): fc.Arbitrary<number> {
  return fc.integer({ min: 1, max: 0xffffffff })
}

function anyBytes(minLength: number, maxLength: number): fc.Arbitrary<Buffer> {
  return fc
    .tuple(fc.integer({ min: minLength, max: maxLength }), fc.nat())
    .map(([length, seed]) => randomBytes(seededRandom(seed), length))
}

function encode(frames: PlainFrame[], firstSequence = 0): Buffer {
  let sequence = firstSequence
  const parts: Buffer[] = []
  for (const { type, stream, payload } of frames) {
    const header = Buffer.alloc(frameHeaderBytes)
    writeFrameHeader(header, 0, { type, stream, sequence, payload: [payload], payloadBytes: payload.length })
    sequence = nextSequence(sequence)
    parts.push(header, payload)
  }
  return Buffer.concat(parts)
}

/** Pushes the bytes in pieces of the given lengths, over and over. */
function decode(
  bytes: Buffer,
  lengths: number[],
  decoder = new FrameDecoder(),
  frames: PlainFrame[] = [],
): PlainFrame[] {
  let at = 0
  for (let turn = 0; at < bytes.length; turn++) {
    const length = lengths[turn % lengths.length]!
    decoder.push(Buffer.from(bytes.subarray(at, at + length)), frame => {
      frames.push({ type: frame.type, stream: frame.stream, payload: Buffer.concat(frame.payload) })
      expect(frames.at(-1)!.payload.length).toBe(frame.payloadBytes)
    })
    at += length
  }
  return frames
}

/** Compares bytes with bytes, which is faster by far than element by element. */
function expectSame(actual: PlainFrame[], expected: PlainFrame[]): void {
  expect(encode(actual).equals(encode(expected))).toBe(true)
}

const anyLengths = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 })

describe('frame', () => {
  it('comes out as it went in, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 12 }), anyLengths, (frames, lengths) => {
        expectSame(decode(encode(frames), lengths), frames)
      }),
      { numRuns: 200 },
    )
  })

  it('case 62: never comes out damaged: a change anywhere ends the stream with a ProtocolError', () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame, { minLength: 1, maxLength: 8 }),
        anyLengths,
        fc.nat(),
        fc.constantFrom('flip', 'remove', 'insert', 'repeat', 'swap'),
        fc.integer({ min: 1, max: 255 }),
        (frames, lengths, where, how, value) => {
          const good = encode(frames)
          const bad = damage(good, where % good.length, how, value)
          if (bad.equals(good)) return
          const seen: PlainFrame[] = []
          const decoder = new FrameDecoder()
          try {
            decode(bad, lengths, decoder, seen)
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError)
          }
          expectSame(seen, frames.slice(0, seen.length))
          expect(decoder.heldBytes).toBeLessThanOrEqual(frameHeaderBytes + limits.framePayloadBytesMax)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('gives nothing but a ProtocolError or silence for noise', () => {
    fc.assert(
      fc.property(anyBytes(0, 5_000), anyLengths, (noise, lengths) => {
        const decoder = new FrameDecoder()
        try {
          expect(decode(noise, lengths, decoder)).toEqual([])
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
        expect(decoder.heldBytes).toBeLessThanOrEqual(noise.length)
      }),
      { numRuns: 1_000 },
    )
  })

  it.each([
    ['an unknown type', { type: 12 as FrameType, stream: 1, payload: Buffer.alloc(4) }],
    ['type 0', { type: 0 as FrameType, stream: 1, payload: Buffer.alloc(4) }],
    ['data on stream 0', { type: FrameType.data, stream: 0, payload: Buffer.alloc(4) }],
    ['a ping on a stream', { type: FrameType.ping, stream: 3, payload: Buffer.alloc(4) }],
    ['empty data', { type: FrameType.data, stream: 1, payload: Buffer.alloc(0) }],
    ['a long window', { type: FrameType.window, stream: 1, payload: Buffer.alloc(5) }],
    ['a giant open', { type: FrameType.open, stream: 1, payload: Buffer.alloc(limits.openPayloadBytesMax + 1) }],
    ['giant data', { type: FrameType.data, stream: 1, payload: Buffer.alloc(limits.framePayloadBytesMax + 1) }],
    ['a giant reason', { type: FrameType.rst, stream: 1, payload: Buffer.alloc(limits.reasonBytesMax + 1) }],
  ])('refuses %s at its header', (_, frame) => {
    expect(() => decode(encode([frame]).subarray(0, frameHeaderBytes), [1_000])).toThrow(ProtocolError)
  })

  it('takes the largest frame of each type that has content', () => {
    const frames: PlainFrame[] = [
      { type: FrameType.data, stream: 1, payload: Buffer.alloc(limits.framePayloadBytesMax, 1) },
      { type: FrameType.open, stream: 1, payload: Buffer.alloc(limits.openPayloadBytesMax, 2) },
      { type: FrameType.rst, stream: 1, payload: Buffer.alloc(limits.reasonBytesMax, 3) },
    ]
    expectSame(decode(encode(frames), [65_536]), frames)
  })

  it('case 62: refuses a gap, a repetition and a start in the middle', () => {
    const ping: PlainFrame = { type: FrameType.ping, stream: 0, payload: Buffer.alloc(4) }
    const [first, second, third] = [encode([ping], 0), encode([ping], 1), encode([ping], 2)]
    expect(decode(Buffer.concat([first, second, third]), [7])).toHaveLength(3)
    expect(() => decode(Buffer.concat([first, third]), [7])).toThrow(ProtocolError)
    expect(() => decode(Buffer.concat([first, first]), [7])).toThrow(ProtocolError)
    expect(() => decode(second, [7])).toThrow(ProtocolError)
  })

  it('counts on after 2^32 frames', () => {
    expect(nextSequence(0xffffffff)).toBe(0)
  })

  it('keeps a payload that comes byte by byte in few pieces', () => {
    const payload = Buffer.alloc(1_000_000, 5)
    const decoder = new FrameDecoder()
    let pieces = 0
    const bytes = encode([{ type: FrameType.data, stream: 1, payload }])
    for (let at = 0; at < bytes.length; at++) {
      decoder.push(Buffer.from([bytes[at]!]), frame => {
        pieces = frame.payload.length
        expect(Buffer.concat(frame.payload).equals(payload)).toBe(true)
      })
    }
    expect(pieces).toBeGreaterThan(0)
    expect(pieces).toBeLessThanOrEqual(Math.ceil(payload.length / 16_384))
  })

  it('does not hold a large chunk for a small payload in it', () => {
    const chunk = Buffer.concat([
      encode([{ type: FrameType.data, stream: 1, payload: Buffer.from('x') }]),
      Buffer.alloc(0),
    ])
    const large = Buffer.alloc(1_000_000)
    chunk.copy(large)
    const decoder = new FrameDecoder()
    decoder.push(large.subarray(0, chunk.length), frame => {
      expect(frame.payload[0]!.buffer).not.toBe(large.buffer)
    })
    expect(decoder.heldBytes).toBe(0)
  })
})

function damage(good: Buffer, at: number, how: string, value: number): Buffer {
  const before = good.subarray(0, at)
  const after = good.subarray(at)
  switch (how) {
    case 'flip': {
      const bad = Buffer.from(good)
      bad[at] = bad[at]! ^ value
      return bad
    }
    case 'remove':
      return Buffer.concat([before, after.subarray(value)])
    case 'insert':
      return Buffer.concat([before, Buffer.alloc(value, value), after])
    case 'repeat':
      return Buffer.concat([before, after.subarray(0, value), after])
    default: {
      const length = Math.min(value, Math.floor(after.length / 2))
      return Buffer.concat([
        before,
        after.subarray(length, 2 * length),
        after.subarray(0, length),
        after.subarray(2 * length),
      ])
    }
  }
}
