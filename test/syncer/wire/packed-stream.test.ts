import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { brotliCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../../syncer/base/clock.ts'
import { PackedStream } from '../../../syncer/wire/packed-stream.ts'

const text = (bytes: number) => Buffer.alloc(bytes, 'const answer = await ask(question)\n')

describe('a packed stream', () => {
  it('carries what was written, in order, whatever the pieces', async () => {
    const piece = fc.record({ bytes: fc.oneof(fc.nat(200), fc.nat(700_000)), isText: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async pieces => {
        const [a, b] = await packedPair()
        const written = pieces.map(({ bytes, isText }) => (isText ? text(bytes) : randomBytes(bytes)))
        const arrived = buffer(b)
        for (const each of written) if (!a.write(each)) await once(a, 'drain')
        a.end()
        expect((await arrived).equals(Buffer.concat(written))).toBe(true)
      }),
      { numRuns: 25 },
    )
  })

  it('brings a small piece at once, and answers on the same connection', async () => {
    const [a, b] = await packedPair()
    a.write('question')
    expect(String((await once(b, 'data'))[0])).toBe('question')
    b.write('answer')
    expect(String((await once(a, 'data'))[0])).toBe('answer')
  })

  it('reads on where somebody has read the first line and left the rest', async () => {
    const [one, other] = await socketPair()
    const a = new PackedStream(one, { clock: systemClock })
    other.pause()
    a.write('hello')
    const b = new PackedStream(other, { clock: systemClock })
    expect(String((await once(b, 'data'))[0])).toBe('hello')
  })

  it('does not take more than it can hand on: whoever writes waits for whoever reads', async () => {
    const [a, b] = await packedPair()
    b.pause()
    let isFull = false
    for (let mb = 0; mb < 200 && !isFull; mb++) {
      if (!a.write(randomBytes(1024 * 1024))) isFull = !(await drained(a))
    }
    expect(isFull).toBe(true)
    const again = once(a, 'drain')
    b.resume()
    await again
  })

  it.each(['the reader', 'the writer'])('ends on both sides where %s goes', async who => {
    const [a, b] = await packedPair()
    a.write('x')
    await once(b, 'data')
    for (const stream of [a, b]) stream.resume()
    const gone = once(who === 'the reader' ? a : b, 'close')
    ;(who === 'the reader' ? b : a).destroy()
    await gone
  })
})

describe('what it packs', () => {
  it('is what goes over a slow link: with much effort where it is very slow', async () => {
    const modest = await sentOver({ bytesPerMs: 6_000 })
    const slow = await sentOver({ bytesPerMs: 1_000 })
    expect(modest.wireBytes).toBeLessThan(modest.bytes / 2)
    expect(modest.efforts.at(-1)).toBe('little')
    expect(slow.efforts.at(-1)).toBe('much')
  })

  it('is nothing on a fast one, which shows at once', async () => {
    const { triedBytes, bytes } = await sentOver({ bytesPerMs: 100_000 })
    expect(triedBytes).toBeLessThan(bytes / 20)
  })

  it('is nothing where this end is busy itself, and the link not the reason; on a very slow one it is all the same', async () => {
    const busy = await sentOver({ bytesPerMs: 8_000, idleShare: 0.1 })
    const slow = await sentOver({ bytesPerMs: 1_000, idleShare: 0.1 })
    expect(busy.triedBytes).toBeLessThan(busy.bytes / 20)
    expect(slow.wireBytes).toBeLessThan(slow.bytes / 2)
  })

  it('is not what does not get smaller', async () => {
    const { triedBytes, wireBytes, bytes } = await sentOver({ bytesPerMs: 1_000 }, randomBytes)
    expect(triedBytes).toBeLessThan(bytes / 4)
    expect(wireBytes).toBeLessThan(bytes * 1.001)
  })
})

describe('a hostile other end', () => {
  const bomb = brotliCompressSync(Buffer.alloc(64 * 1024 * 1024))
  const ended = brotliCompressSync(Buffer.from('hello'))
  const inStream = (bytes: Buffer) => Buffer.concat([word(0xa000_0000 + bytes.length), bytes])
  it.each([
    ['a block that is too long', word(0x2000_0000)],
    ['more arrived than was sent', word(0x4000_0001)],
    ['a packed block that is none', Buffer.concat([word(0x8000_0005), Buffer.from('hello')])],
    ['a packed block that never ends', Buffer.concat([word(0x8000_0000 + bomb.length), bomb])],
    ['a block that goes on with a stream, and is not packed', Buffer.concat([word(0x2000_0005), Buffer.from('hello')])],
    ['a block of a stream that is none', Buffer.concat([word(0xa000_0005), Buffer.from('hello')])],
    ['a block of a stream that never ends', Buffer.concat([word(0xa000_0000 + bomb.length), bomb])],
    ['a block behind the end of a stream', Buffer.concat([inStream(ended), inStream(ended)])],
  ])('ends with a reason: %s', async (_, bytes) => {
    const [one, other] = await socketPair()
    const stream = new PackedStream(one, { clock: systemClock })
    const failed = once(stream, 'error')
    stream.resume()
    other.write(bytes)
    expect((await failed)[0].name).toBe('ProtocolError')
  })

  it('may not end inside a block', async () => {
    const [one, other] = await socketPair()
    const stream = new PackedStream(one, { clock: systemClock })
    const failed = once(stream, 'error')
    stream.resume()
    other.end(Buffer.concat([word(100), Buffer.from('half')]))
    expect((await failed)[0].name).toBe('ProtocolError')
  })
})

/** False where it is not empty after a while: whoever reads has stopped. */
async function drained(stream: PackedStream): Promise<boolean> {
  const drain = once(stream, 'drain').then(() => true)
  for (let turn = 0; turn < 200; turn++) {
    const turned = new Promise<null>(resolve => setImmediate(() => resolve(null)))
    if (await Promise.race([drain, turned])) return true
  }
  return false
}

/** 16 MiB over a link of that speed, by a clock of its own. @param idleShare of the time that it takes this end only waits */
async function sentOver(
  { bytesPerMs, idleShare = 1 }: { bytesPerMs: number; idleShare?: number },
  make: (bytes: number) => Buffer = text,
) {
  let nowMs = 0
  let wireBytes = 0
  let triedBytes = 0
  let untold = 0
  const efforts: string[] = []
  const carrier: Duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, callback) {
      wireBytes += chunk.length
      nowMs += chunk.length / bytesPerMs
      // As the other end would: what arrived is told, the header's highest bits set for that.
      untold += chunk.length
      if (untold > 64 * 1024) {
        carrier.push(word(0x4000_0000 + untold))
        untold = 0
      }
      callback()
    },
  })
  const clock = { now: () => nowMs, monotonic: () => nowMs }
  const pack = (effort: string) => async (bytes: Buffer) => {
    efforts.push(effort)
    triedBytes += bytes.length
    return make === text ? bytes.subarray(0, bytes.length / 3) : bytes
  }
  const unpack = async (packed: Buffer) => packed
  const packer = () => ({ pack: pack('much'), close() {} })
  const codec = { pack: pack('little'), unpack, packer, unpacker: () => ({ unpack, close() {} }) }
  const stream = new PackedStream(carrier, { clock, codec, idleMs: () => idleShare * nowMs })
  const blocks = 64
  for (let block = 0; block < blocks; block++) {
    await new Promise(resolve => stream.write(make(256 * 1024), resolve))
  }
  stream.destroy()
  return { wireBytes, bytes: blocks * 256 * 1024, efforts, triedBytes }
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

async function socketPair(): Promise<[Socket, Socket]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const one = connect((server.address() as { port: number }).port, '127.0.0.1')
  const [other] = (await accepted) as [Socket]
  server.close()
  onTestFinished(() => {
    one.destroy()
    other.destroy()
  })
  return [one, other]
}

async function packedPair(): Promise<[PackedStream, PackedStream]> {
  const [one, other] = await socketPair()
  return [new PackedStream(one, { clock: systemClock }), new PackedStream(other, { clock: systemClock })]
}
