import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { limits } from '../../../syncer/base/limits.ts'
import { FrameType } from '../../../syncer/wire/frame.ts'
import { Priority } from '../../../syncer/wire/frame-payload.ts'
import { bulkWindow, Mux, type MuxOptions } from '../../../syncer/wire/mux.ts'
import type { MuxStream } from '../../../syncer/wire/mux-stream.ts'
import { StreamError } from '../../../syncer/wire/stream-error.ts'
import { type CarrierOptions, carrierPair, randomCut } from './carrier-pair.ts'
import { randomBytes, seededRandom } from './random.ts'
import { WireTap } from './wire-tap.ts'

interface Pair {
  laptop: Mux
  agent: Mux
  carriers: [Duplex, Duplex]
}

function connect(onOpen: MuxOptions['onOpen'], options: CarrierOptions = {}): Pair {
  const carriers = carrierPair(options)
  const laptop = new Mux({ carrier: carriers[0], side: 'laptop' })
  const agent = new Mux({ carrier: carriers[1], side: 'agent', onOpen })
  return { laptop, agent, carriers }
}

async function disconnect({ laptop, agent }: Pair): Promise<void> {
  await laptop.close()
  await agent.closed
}

const echo = (_request: unknown, stream: MuxStream) => {
  stream.pipe(stream)
}

describe('Mux', () => {
  it('carries a request and its answer', async () => {
    let asked: unknown
    const pair = connect((request, stream) => {
      asked = request
      stream.end('answer')
    })
    const stream = pair.laptop.open({ kind: 'call', name: 'ä' }, { priority: Priority.control })
    stream.end()
    expect((await readAll(stream)).toString()).toBe('answer')
    expect(asked).toEqual({ kind: 'call', name: 'ä' })
    await disconnect(pair)
  })

  it('opens streams from both ends', async () => {
    const carriers = carrierPair()
    const laptop = new Mux({ carrier: carriers[0], side: 'laptop', onOpen: echo })
    const agent = new Mux({ carrier: carriers[1], side: 'agent', onOpen: echo })
    const streams = [laptop, agent, laptop, agent].map(mux => mux.open({}, { priority: Priority.interactive }))
    for (const [index, stream] of streams.entries()) stream.end(`text ${index}`)
    const answers = await Promise.all(streams.map(stream => readAll(stream)))
    expect(answers.map(String)).toEqual(['text 0', 'text 1', 'text 2', 'text 3'])
    expect(new Set(streams.map(stream => stream.id)).size).toBe(4)
    await disconnect({ laptop, agent, carriers })
  })

  it.each([1, 2, 3, 4, 5, 6])(
    'brings every byte of many streams through any cutting, within credit (seed %i)',
    async seed => {
      const random = seededRandom(seed)
      const tap = new WireTap()
      const pair = connect(
        (request, stream) => {
          // answers with the same length of other bytes, before and while it reads
          const { answerSeed, length } = request as { answerSeed: number; length: number }
          stream.end(randomBytes(seededRandom(answerSeed), length))
          const hash = createHash('sha256')
          stream.on('data', chunk => hash.update(chunk))
          stream.on('end', () => received.push(hash.digest('hex')))
        },
        { cut: randomCut(random), onWrite: (end, chunk) => tap.see(end, chunk) },
      )
      const received: string[] = []
      const sent: string[] = []
      const work = Array.from({ length: 12 }, async (_, index) => {
        const priority = ([Priority.control, Priority.interactive, Priority.bulk] as const)[index % 3]!
        const length = Math.floor(random() ** 4 * 3_000_000)
        const bytes = randomBytes(random, length)
        const answerSeed = Math.floor(random() * 1e9)
        sent.push(createHash('sha256').update(bytes).digest('hex'))
        const stream = pair.laptop.open({ answerSeed, length }, { priority })
        const answer = readAll(stream)
        for (let at = 0; at < length; ) {
          const end = at + 1 + Math.floor(random() ** 3 * 400_000)
          if (!stream.write(bytes.subarray(at, end))) await once(stream, 'drain')
          at = end
        }
        stream.end()
        expect((await answer).equals(randomBytes(seededRandom(answerSeed), length))).toBe(true)
      })
      await Promise.all(work)
      await expect.poll(() => received.toSorted()).toEqual(sent.toSorted())
      expect(tap.violations).toEqual([])
      expect(tap.frames.length).toBeGreaterThan(50)
      await disconnect(pair)
    },
  )

  it('case 63: holds a writer back when the reader stands still, and nobody else', async () => {
    const tap = new WireTap()
    const stalled: MuxStream[] = []
    const pair = connect(
      (request, stream) => {
        if (request === 'stall') {
          stalled.push(stream)
          stream.accept()
        } else echo(request, stream)
      },
      { onWrite: (end, chunk) => tap.see(end, chunk) },
    )
    const stream = pair.laptop.open('stall', { priority: Priority.interactive })
    let written = 0
    const write = (): void => {
      for (let wantsMore = true; wantsMore; written += 10_000) wantsMore = stream.write(Buffer.alloc(10_000))
    }
    stream.on('drain', write)
    write()
    const other = pair.laptop.open('echo', { priority: Priority.interactive })
    other.end(Buffer.alloc(2_000_000, 1))
    expect(await readAll(other)).toHaveLength(2_000_000)
    // window, the writer's own buffer, the reader's
    expect(written).toBeGreaterThan(limits.streamWindowBytes - 10_000)
    expect(written).toBeLessThan(limits.streamWindowBytes + 64 * 1024 + 64 * 1024 + 20_000)
    expect(tap.violations).toEqual([])
    const before = written
    stalled[0]!.resume()
    await expect.poll(() => written).toBeGreaterThan(before + 1_000_000)
    stream.destroy()
    await disconnect(pair)
  })

  it('ends each direction by itself', async () => {
    const pair = connect(async (_request, stream) => {
      const question = await readAll(stream)
      stream.write(`${question.length} bytes, `)
      await new Promise(resolve => setImmediate(resolve))
      stream.end('and no more')
    })
    const stream = pair.laptop.open({}, { priority: Priority.interactive })
    stream.end(Buffer.alloc(500_000))
    expect((await readAll(stream)).toString()).toBe('500000 bytes, and no more')
    const second = pair.laptop.open({}, { priority: Priority.interactive })
    second.end()
    expect((await readAll(second)).toString()).toBe('0 bytes, and no more')
    await disconnect(pair)
  })

  it('case 63: lets a small message overtake bulk content that waits', async () => {
    const order: string[] = []
    const tap = new WireTap()
    let release: () => void = () => {}
    const gate = new Promise<void>(resolve => {
      release = resolve
    })
    const pair = connect(
      (request, stream) => {
        stream.on('data', chunk => order.push(`${request} ${chunk.length > 0}`))
      },
      {
        async onWrite(end, chunk) {
          tap.see(end, chunk)
          if (end === 'a') await gate
        },
      },
    )
    const bulk = pair.laptop.open('bulk', { priority: Priority.bulk, window: bulkWindow })
    for (let count = 0; count < 8; count++) bulk.write(Buffer.alloc(1024 * 1024))
    await new Promise(resolve => setImmediate(resolve))
    const small = pair.laptop.open('small', { priority: Priority.interactive })
    small.write('key')
    release()
    await expect.poll(() => order).toContain('small true')
    const dataFrames = tap.frames.filter(({ end, frame }) => end === 'a' && frame.type === FrameType.data)
    const place = dataFrames.findIndex(({ frame }) => frame.stream === small.id)
    const ahead = dataFrames.slice(0, place).reduce((sum, { frame }) => sum + frame.payloadBytes, 0)
    // the credit that a stream starts with is all that may have been on its way already
    expect(ahead).toBeLessThanOrEqual(limits.streamWindowBytes)
    bulk.destroy()
    await disconnect(pair)
  })

  it('lets bulk content advance under a flood of small messages', async () => {
    const received = { flood: 0, bulk: 0 }
    const pair = connect((request, stream) => {
      stream.on('data', chunk => {
        received[request as 'flood' | 'bulk'] += chunk.length
      })
    })
    const flood = pair.laptop.open('flood', { priority: Priority.interactive })
    const write = (): void => {
      while (!flood.destroyed && flood.write(Buffer.alloc(30_000)));
    }
    flood.on('drain', write)
    write()
    const bulk = pair.laptop.open('bulk', { priority: Priority.bulk })
    bulk.end(Buffer.alloc(3_000_000))
    await expect.poll(() => received.bulk).toBe(3_000_000)
    // how much of it goes ahead of the flood is the scheduler's: send-scheduler.test.ts
    expect(received.flood).toBeGreaterThan(0)
    flood.destroy()
    await disconnect(pair)
  })

  it('gives a refusal with its reason, and an acceptance', async () => {
    const pair = connect((request, stream) => {
      if (request === 'yes') stream.accept()
      else stream.reset('ECONNREFUSED', 'nobody listens there')
    })
    const yes = pair.laptop.open('yes', { priority: Priority.interactive })
    expect(await yes.opened()).toBe(yes)
    const no = pair.laptop.open('no', { priority: Priority.interactive })
    await expect(no.opened()).rejects.toMatchObject({ code: 'ECONNREFUSED', message: 'nobody listens there' })
    yes.destroy()
    await disconnect(pair)
  })

  it('refuses where nobody serves', async () => {
    const pair = connect(undefined)
    const stream = pair.laptop.open({}, { priority: Priority.interactive })
    await expect(stream.opened()).rejects.toMatchObject({ code: 'refused' })
    await disconnect(pair)
  })

  it('resets the other end when one end is destroyed, with the error’s code', async () => {
    const seen: MuxStream[] = []
    const pair = connect((_request, stream) => {
      stream.accept()
      seen.push(stream)
    })
    const stream = pair.laptop.open({}, { priority: Priority.interactive })
    await stream.opened()
    stream.write('something')
    stream.reset('EPIPE', 'nobody reads')
    await closeOf(seen[0]!)
    expect(seen[0]!.errored).toMatchObject({ code: 'EPIPE', message: 'nobody reads' })
    await disconnect(pair)
  })

  it('opens no more streams than the limit, and again after one has ended', async () => {
    const pair = connect((_request, stream) => stream.accept())
    const streams = Array.from({ length: limits.streamsMax }, () =>
      pair.laptop.open({}, { priority: Priority.interactive }),
    )
    expect(() => pair.laptop.open({}, { priority: Priority.interactive })).toThrow(StreamError)
    await streams.at(-1)!.opened()
    streams[0]!.destroy()
    await expect.poll(() => opens(pair.laptop)).toBe(true)
    await disconnect(pair)
  })

  it('refuses a request that is too long, here', async () => {
    const pair = connect(echo)
    const tooLong = { text: 'x'.repeat(limits.openPayloadBytesMax) }
    expect(() => pair.laptop.open(tooLong, { priority: Priority.control })).toThrow(StreamError)
    const stream = pair.laptop.open({ text: 'x'.repeat(200_000) }, { priority: Priority.control })
    stream.end('on')
    expect((await readAll(stream)).toString()).toBe('on')
    await disconnect(pair)
  })

  it('says nothing of a stream that is dropped before it was announced', async () => {
    const tap = new WireTap()
    const pair = connect(echo, { onWrite: (end, chunk) => tap.see(end, chunk) })
    pair.laptop.open({}, { priority: Priority.interactive }).destroy()
    const stream = pair.laptop.open({}, { priority: Priority.interactive })
    stream.end('x')
    await readAll(stream)
    expect(tap.types('a').filter(type => type === FrameType.open)).toHaveLength(1)
    await disconnect(pair)
  })

  it('says why it closes, and every stream closes with it', async () => {
    const seen: MuxStream[] = []
    const pair = connect((_request, stream) => {
      stream.accept()
      seen.push(stream)
    })
    const stream = pair.laptop.open({}, { priority: Priority.interactive })
    await stream.opened()
    const closed = closeOf(seen[0]!)
    await pair.laptop.close('enough')
    expect(await pair.laptop.closed).toEqual({ code: 'closed', message: 'enough' })
    expect(await pair.agent.closed).toEqual({ code: 'goodbye', message: 'enough' })
    await closed
    expect(seen[0]!.errored).toMatchObject({ code: 'connection-lost' })
    expect(stream.errored).toMatchObject({ code: 'connection-lost' })
    expect(() => pair.laptop.open({}, { priority: Priority.interactive })).toThrow(StreamError)
    expect(pair.carriers.map(carrier => carrier.closed)).toEqual([true, true])
  })

  it('lets a reader finish what had arrived in whole before the connection went', async () => {
    const pair = connect((_request, stream) => {
      stream.end(Buffer.alloc(200_000, 3))
      stream.resume()
    })
    const stream = pair.laptop.open({}, { priority: Priority.interactive })
    stream.end()
    await expect.poll(() => stream.finReceived && stream.writableFinished).toBe(true)
    pair.carriers[1].destroy()
    await pair.laptop.closed
    expect(await readAll(stream)).toHaveLength(200_000)
  })

  it('measures the round trip', async () => {
    const pair = connect(echo)
    await expect.poll(() => pair.laptop.roundTripMs).toBeGreaterThan(0)
    await expect.poll(() => pair.agent.roundTripMs).toBeGreaterThan(0)
    await disconnect(pair)
  })

  it('keeps the agent’s end silent until the laptop has spoken', async () => {
    const [laptop, agent] = carrierPair()
    const mux = new Mux({ carrier: agent, side: 'agent' })
    let bytes = 0
    laptop.on('data', chunk => {
      bytes += chunk.length
    })
    await new Promise(resolve => setImmediate(resolve))
    await new Promise(resolve => setImmediate(resolve))
    expect(bytes).toBe(0)
    laptop.destroy()
    expect((await mux.closed).code).toBe('lost')
  })
})

/** Not `buffer` of node:stream/consumers: that destroys a stream whose other direction is still open. */
function readAll(stream: Duplex): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    stream.on('data', chunk => chunks.push(chunk))
    stream.once('end', () => resolve(Buffer.concat(chunks)))
    stream.once('close', () => reject(stream.errored ?? new Error('closed before its end')))
  })
}

function closeOf(stream: Duplex): Promise<void> {
  return new Promise(resolve => stream.once('close', resolve))
}

function opens(mux: Mux): boolean {
  try {
    mux.open({}, { priority: Priority.interactive })
    return true
  } catch {
    return false
  }
}
