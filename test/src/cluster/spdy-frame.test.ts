import { constants, inflateSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  dataHeader,
  finFrame,
  pingFrame,
  SpdyDecoder,
  type SpdyEvents,
  synStreamFrames,
} from '../../../src/cluster/spdy-frame.ts'

type Heard = ['data', number, string] | ['fin', number] | ['reset', number, number] | ['ping', string]

/** What a decoder tells of bytes that arrive in these pieces; data of one stream in a row is joined. */
function heard(pieces: Buffer[]): Heard[] {
  const all: Heard[] = []
  const on: SpdyEvents = {
    data(stream, piece) {
      const last = all.at(-1)
      if (last?.[0] === 'data' && last[1] === stream) last[2] += piece.toString('latin1')
      else all.push(['data', stream, piece.toString('latin1')])
    },
    fin: stream => all.push(['fin', stream]),
    reset: (stream, status) => all.push(['reset', stream, status]),
    ping: number => all.push(['ping', number.toString('hex')]),
  }
  const decoder = new SpdyDecoder(on)
  for (const piece of pieces) decoder.push(piece)
  return all
}

const data = (stream: number, text: string) => Buffer.concat([dataHeader(stream, text.length), Buffer.from(text)])
const control = (type: number, payload: Buffer, flags = 0) =>
  Buffer.concat([Buffer.of(0x80, 3, 0, type, flags, 0, 0, payload.length), payload])

describe('SPDY frames', () => {
  it('open streams with header blocks that are one zlib stream', () => {
    const frames = synStreamFrames([
      { id: 1, headers: { streamtype: 'error', port: '80' } },
      { id: 3, headers: { streamtype: 'data', port: '80' } },
    ])
    expect(frames.map(frame => frame.readUInt32BE(0))).toEqual([0x80030001, 0x80030001])
    expect(frames.map(frame => frame.readUInt32BE(4))).toEqual(frames.map(frame => frame.length - 8))
    expect(frames.map(frame => frame.readUInt32BE(8))).toEqual([1, 3])
    const blocks = Buffer.concat(frames.map(frame => frame.subarray(18)))
    const plain = inflateSync(blocks, { finishFlush: constants.Z_SYNC_FLUSH })
    const texts: string[] = []
    for (let at = 0; at < plain.length; ) {
      const pairs = plain.readUInt32BE(at)
      at += 4
      for (let count = 0; count < pairs * 2; count++) {
        const end = at + 4 + plain.readUInt32BE(at)
        texts.push(plain.toString('utf8', at + 4, end))
        at = end
      }
    }
    expect(texts).toEqual(['streamtype', 'error', 'port', '80', 'streamtype', 'data', 'port', '80'])
  })

  it('end each block with a flush, without which Go’s reader waits for more', () => {
    const frames = synStreamFrames([{ id: 1, headers: { a: 'b' } }])
    expect(frames[0]!.subarray(-5)).toEqual(Buffer.of(0, 0, 0, 0xff, 0xff))
  })

  it('are told as they come: data, its end, resets, pings; what means nothing here is passed over', () => {
    const bytes = [
      control(2, Buffer.alloc(8)),
      data(3, 'hello '),
      data(3, 'you'),
      control(4, Buffer.alloc(12)),
      data(1, 'no'),
      finFrame(1),
      control(6, Buffer.of(0, 0, 0, 7)),
      control(3, Buffer.of(0, 0, 0, 3, 0, 0, 0, 5)),
      control(7, Buffer.alloc(8)),
      control(2, Buffer.of(0, 0, 0, 9, 0, 0, 0, 0), 1),
    ]
    const expected = [
      ['data', 3, 'hello you'],
      ['data', 1, 'no'],
      ['fin', 1],
      ['ping', '00000007'],
      ['reset', 3, 5],
      ['fin', 9],
    ]
    const whole = Buffer.concat(bytes)
    expect(heard([whole])).toEqual(expected)
    const cuts = fc.array(fc.nat(whole.length), { maxLength: 20 })
    fc.assert(
      fc.property(cuts, at => {
        const edges = [0, ...[...at].sort((a, b) => a - b), whole.length]
        expect(heard(edges.slice(1).map((end, i) => whole.subarray(edges[i], end)))).toEqual(expected)
      }),
    )
  })

  it('are answered where they are pings', () => {
    expect(heard([pingFrame(Buffer.of(0, 0, 0, 9))])).toEqual([['ping', '00000009']])
  })

  it.each([
    ['another version', Buffer.of(0x80, 2, 0, 6, 0, 0, 0, 4)],
    ['a control frame without measure', Buffer.of(0x80, 3, 0, 6, 0, 0xff, 0, 0)],
    ['a reset that is cut short', control(3, Buffer.alloc(4))],
  ])('are refused: %s', (_, bytes) => {
    expect(() => heard([bytes])).toThrow(/SPDY/)
  })
})
