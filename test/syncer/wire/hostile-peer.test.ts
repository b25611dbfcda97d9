import type { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { limits } from '../../../syncer/base/limits.ts'
import {
  type Frame,
  FrameDecoder,
  FrameType,
  frameHeaderBytes,
  joinPayload,
  nextSequence,
  writeFrameHeader,
} from '../../../syncer/wire/frame.ts'
import { encodeOpen, encodeReset, Priority } from '../../../syncer/wire/frame-payload.ts'
import { Mux, type MuxEnd } from '../../../syncer/wire/mux.ts'
import type { MuxStream } from '../../../syncer/wire/mux-stream.ts'
import { carrierPair } from './carrier-pair.ts'
import { randomBytes, seededRandom } from './random.ts'

/** The laptop's end, spoken by hand; what it sends need make no sense. */
class Peer {
  readonly frames: Frame[] = []
  readonly streams: MuxStream[] = []
  readonly mux: Mux
  private readonly carrier: Duplex
  private sequence = 0

  constructor(onOpen: (stream: MuxStream) => void = stream => stream.accept()) {
    const [laptop, agent] = carrierPair()
    this.carrier = laptop
    const decoder = new FrameDecoder()
    laptop.on('data', chunk => decoder.push(chunk, frame => this.frames.push(frame)))
    laptop.on('error', () => {})
    this.mux = new Mux({
      carrier: agent,
      side: 'agent',
      onOpen: (_request, stream) => {
        this.streams.push(stream)
        onOpen(stream)
      },
    })
  }

  send(type: FrameType, stream: number, payload: Buffer = Buffer.alloc(0)): void {
    const header = Buffer.alloc(frameHeaderBytes)
    const { sequence } = this
    writeFrameHeader(header, 0, { type, stream, sequence, payload: [payload], payloadBytes: payload.length })
    this.sequence = nextSequence(sequence)
    this.carrier.write(Buffer.concat([header, payload]))
  }

  open(stream: number, extraCredit = 0): void {
    this.send(FrameType.open, stream, encodeOpen(Priority.interactive, extraCredit, {}))
  }

  get end(): Promise<MuxEnd> {
    return this.mux.closed
  }

  /** What the goodbye said; the other end says it before it closes. */
  async goodbye(): Promise<string> {
    await expect.poll(() => this.frames.at(-1)?.type).toBe(FrameType.goodbye)
    return joinPayload(this.frames.at(-1)!).toString()
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

describe('a hostile peer', () => {
  const cases: [string, (peer: Peer) => void][] = [
    ['data for a stream that never was', peer => peer.send(FrameType.data, 1, Buffer.from('x'))],
    ['a fin for a stream that never was', peer => peer.send(FrameType.fin, 3)],
    [
      'a reset of a stream that never was',
      peer => peer.send(FrameType.rst, 5, encodeReset({ code: 'a', message: '' })),
    ],
    ['credit for a stream that never was', peer => peer.send(FrameType.window, 7, u32(1))],
    ['acceptance of a stream that never was', peer => peer.send(FrameType.accept, 2, u32(0))],
    ['a stream with a number of the other side', peer => peer.open(2)],
    [
      'the same number twice',
      peer => {
        peer.open(1)
        peer.open(1)
      },
    ],
    [
      'a number that falls',
      peer => {
        peer.open(9)
        peer.open(7)
      },
    ],
    [
      'acceptance of its own stream',
      peer => {
        peer.open(1)
        peer.send(FrameType.accept, 1, u32(0))
      },
    ],
    [
      'data after its end',
      peer => {
        peer.open(1)
        peer.send(FrameType.fin, 1)
        peer.send(FrameType.data, 1, Buffer.from('x'))
      },
    ],
    [
      'two ends',
      peer => {
        peer.open(1)
        peer.send(FrameType.fin, 1)
        peer.send(FrameType.fin, 1)
      },
    ],
    ['an open that is no JSON', peer => peer.send(FrameType.open, 1, Buffer.from([1, 0, 0, 0, 0, 123]))],
    ['an open of unknown priority', peer => peer.send(FrameType.open, 1, Buffer.from([9, 0, 0, 0, 0, 123, 125]))],
    ['an open with absurd credit', peer => peer.open(1, 0xffffffff)],
    ['an open without a request', peer => peer.send(FrameType.open, 1, Buffer.from([1, 0, 0, 0, 0]))],
    ['a giant open', peer => peer.send(FrameType.open, 1, Buffer.alloc(limits.openPayloadBytesMax + 1))],
    ['a giant frame', peer => peer.send(FrameType.data, 1, Buffer.alloc(limits.framePayloadBytesMax + 1))],
    ['a reset without a reason', peer => resetWith(peer, '{}')],
    ['a reset that is no JSON', peer => resetWith(peer, 'because')],
    ['a reset with an odd code', peer => resetWith(peer, '{"code":"a b","message":""}')],
    ['an unknown type', peer => peer.send(77 as FrameType, 1)],
    [
      'credit without end',
      peer => {
        peer.open(1)
        for (let count = 0; count < 3; count++) peer.send(FrameType.window, 1, u32(0x7fffffff))
      },
    ],
  ]
  it.each(cases)('ends the connection with %s, and says so', async (_, act) => {
    const peer = new Peer()
    act(peer)
    expect(await peer.end).toMatchObject({ code: 'protocol' })
    expect(await peer.goodbye()).toBe((await peer.end).message)
    for (const stream of peer.streams) {
      await expect.poll(() => stream.closed).toBe(true)
      expect(stream.errored).toMatchObject({ code: 'connection-lost' })
    }
  })

  it('ends the connection when it sends more than it has credit for', async () => {
    const peer = new Peer()
    peer.open(1)
    // nobody reads the stream: its window is all that may come
    const chunk = Buffer.alloc(limits.interactiveChunkBytes)
    const fits = Math.floor(limits.streamWindowBytes / (chunk.length + frameHeaderBytes))
    for (let count = 0; count < fits; count++) peer.send(FrameType.data, 1, chunk)
    peer.send(FrameType.ping, 0, u32(1))
    await expect.poll(() => peer.frames.some(frame => frame.type === FrameType.pong)).toBe(true)
    expect(peer.mux.ended).toBeUndefined()
    peer.send(FrameType.data, 1, chunk)
    expect(await peer.end).toMatchObject({ code: 'protocol', message: expect.stringContaining('credit') })
  })

  it('pays for tiny frames: their headers cost credit', async () => {
    const peer = new Peer()
    peer.open(1)
    const fits = Math.floor(limits.streamWindowBytes / (1 + frameHeaderBytes))
    for (let count = 0; count <= fits; count++) peer.send(FrameType.data, 1, Buffer.alloc(1))
    expect(await peer.end).toMatchObject({ code: 'protocol', message: expect.stringContaining('credit') })
  })

  it('cannot go on sending on a stream that was reset', async () => {
    const peer = new Peer(stream => stream.reset('refused', 'no'))
    peer.open(1)
    const chunk = Buffer.alloc(limits.interactiveChunkBytes)
    for (let count = 0; count < 9; count++) peer.send(FrameType.data, 1, chunk)
    expect(await peer.end).toMatchObject({ code: 'protocol', message: expect.stringContaining('credit') })
  })

  it('may open as many streams as the limit, and not one more', async () => {
    const peer = new Peer()
    for (let count = 0; count < limits.streamsMax; count++) peer.open(2 * count + 1)
    peer.send(FrameType.ping, 0, u32(1))
    await expect.poll(() => peer.frames.some(frame => frame.type === FrameType.pong)).toBe(true)
    expect(peer.mux.ended).toBeUndefined()
    peer.open(2 * limits.streamsMax + 1)
    expect(await peer.end).toMatchObject({ code: 'protocol' })
  })

  it('is refused more streams while it leaves the ended ones unread', async () => {
    const peer = new Peer(stream => stream.end())
    for (let count = 0; count < limits.streamsMax + 1; count++) {
      peer.open(2 * count + 1)
      peer.send(FrameType.data, 2 * count + 1, Buffer.from('never read'))
      peer.send(FrameType.fin, 2 * count + 1)
      // the end of the other side must be sent before the stream is over
      if (count % 100 === 0) await new Promise(resolve => setImmediate(resolve))
    }
    await expect.poll(() => peer.frames.filter(frame => frame.type === FrameType.rst).length).toBeGreaterThan(0)
    expect(peer.mux.ended).toBeUndefined()
    await peer.mux.close()
  })

  it('cannot fill the memory with answers that it does not read', async () => {
    const [laptop, agent] = carrierPair()
    laptop.pause()
    const mux = new Mux({ carrier: agent, side: 'agent', onOpen: (_request, stream) => stream.accept() })
    let sequence = 0
    const send = (type: FrameType, stream: number, payload: Buffer) => {
      const header = Buffer.alloc(frameHeaderBytes)
      writeFrameHeader(header, 0, { type, stream, sequence, payload: [payload], payloadBytes: payload.length })
      sequence = nextSequence(sequence)
      laptop.write(Buffer.concat([header, payload]))
    }
    for (let count = 0; count < 100_000; count++) send(FrameType.ping, 0, u32(count))
    for (let count = 0; count < 10 * limits.streamsMax && !mux.ended; count++) {
      send(FrameType.open, 2 * count + 1, encodeOpen(Priority.control, 0, {}))
      send(FrameType.rst, 2 * count + 1, encodeReset({ code: 'cancelled', message: '' }))
      if (count % 64 === 0) await new Promise(resolve => setImmediate(resolve))
    }
    expect((await mux.closed).code).toBe('protocol')
    expect(agent.writableLength).toBeLessThan(1_000_000)
  })

  it('gets nothing but an end for a damaged conversation', async () => {
    const recorded = await record()
    for (let seed = 1; seed <= 150; seed++) {
      const random = seededRandom(seed)
      const damaged = damage(recorded, random)
      const [laptop, agent] = carrierPair()
      laptop.on('error', () => {}).resume()
      const opened: MuxStream[] = []
      const mux = new Mux({
        carrier: agent,
        side: 'agent',
        onOpen: (_request, stream) => {
          opened.push(stream)
          stream.resume().end('answer')
        },
      })
      laptop.end(damaged)
      const end = await mux.closed
      expect(['protocol', 'lost', 'goodbye']).toContain(end.code)
      for (const stream of opened) await expect.poll(() => stream.closed || stream.writableFinished).toBe(true)
    }
  })
})

function resetWith(peer: Peer, text: string): void {
  peer.open(1)
  peer.send(FrameType.rst, 1, Buffer.from(text))
}

/** What a laptop says in a short conversation. */
async function record(): Promise<Buffer> {
  const chunks: Buffer[] = []
  const [laptop, agent] = carrierPair({
    onWrite: (end, chunk) => void (end === 'a' && chunks.push(Buffer.from(chunk))),
  })
  const mux = new Mux({ carrier: laptop, side: 'laptop' })
  const other = new Mux({ carrier: agent, side: 'agent', onOpen: (_request, stream) => stream.pipe(stream) })
  for (let count = 0; count < 5; count++) {
    const stream = mux.open({ count }, { priority: Priority.interactive })
    stream.end(randomBytes(seededRandom(count), 5_000))
    await new Promise<void>(resolve => stream.resume().once('end', () => resolve()))
  }
  await mux.close()
  await other.closed
  return Buffer.concat(chunks)
}

function damage(recorded: Buffer, random: () => number): Buffer {
  const at = Math.floor(random() * recorded.length)
  const kind = Math.floor(random() * 4)
  const length = 1 + Math.floor(random() * 300)
  const [before, after] = [recorded.subarray(0, at), recorded.subarray(at)]
  if (kind === 0) return before
  if (kind === 1) return Buffer.concat([before, after.subarray(length)])
  if (kind === 2) return Buffer.concat([before, randomBytes(random, length), after])
  const flipped = Buffer.from(recorded)
  flipped[at] = flipped[at]! ^ (1 + Math.floor(random() * 255))
  return flipped
}
