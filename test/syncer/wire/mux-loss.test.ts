import type { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { limits } from '../../../syncer/base/limits.ts'
import { FrameDecoder, FrameType } from '../../../syncer/wire/frame.ts'
import { Priority } from '../../../syncer/wire/frame-payload.ts'
import { Mux } from '../../../syncer/wire/mux.ts'
import type { MuxStream } from '../../../syncer/wire/mux-stream.ts'
import { StreamError } from '../../../syncer/wire/stream-error.ts'
import { carrierPair } from './carrier-pair.ts'
import { FakeTime } from './fake-time.ts'

describe('a connection that is lost', () => {
  it('case 49: ends every stream of both ends, wherever it is cut', async () => {
    const frames = await conversation(Number.POSITIVE_INFINITY)
    expect(frames.count).toBeGreaterThan(20)
    for (let cutAfter = 0; cutAfter < frames.count; cutAfter++) {
      const { streams, ends } = await conversation(cutAfter)
      expect(ends.every(end => ['lost', 'goodbye', 'closed'].includes(end.code))).toBe(true)
      for (const stream of streams) {
        await expect.poll(() => stream.closed, { interval: 1 }).toBe(true)
        if (stream.errored) expect(stream.errored).toMatchObject({ code: 'connection-lost' })
      }
    }
  })

  it('ends with the carrier’s own error', async () => {
    const [laptop] = carrierPair()
    const mux = new Mux({ carrier: laptop, side: 'laptop' })
    const stream = mux.open({}, { priority: Priority.interactive })
    const closed = new Promise(resolve => stream.once('close', resolve))
    laptop.destroy(new Error('the cable'))
    expect(await mux.closed).toEqual({ code: 'lost', message: 'the cable' })
    await closed
    expect(stream.errored).toMatchObject({ code: 'connection-lost', message: 'the cable' })
    await expect(stream.opened()).rejects.toBeInstanceOf(StreamError)
    await mux.close()
  })
})

/** Three streams that talk; the wire is cut after so many frames from the laptop. */
async function conversation(cutAfter: number) {
  const decoder = new FrameDecoder()
  const streams: MuxStream[] = []
  let count = 0
  const carriers: [Duplex, Duplex] = carrierPair({
    onWrite(end, chunk) {
      if (end !== 'a') return
      decoder.push(Buffer.from(chunk), () => {
        if (count++ === cutAfter) carriers[1].destroy()
      })
    },
  })
  const laptop = new Mux({ carrier: carriers[0], side: 'laptop' })
  const agent = new Mux({
    carrier: carriers[1],
    side: 'agent',
    onOpen(_request, stream) {
      streams.push(stream)
      stream.pipe(stream)
    },
  })
  const talks = [10, 40_000, 400_000].map(async length => {
    try {
      const stream = laptop.open({ length }, { priority: Priority.interactive })
      streams.push(stream)
      stream.end(Buffer.alloc(length))
      await new Promise(resolve => stream.resume().once('close', resolve))
    } catch (error) {
      expect(error).toBeInstanceOf(StreamError)
    }
  })
  await Promise.all(talks)
  if (!laptop.ended) await laptop.close()
  return { streams, count, ends: await Promise.all([laptop.closed, agent.closed]) }
}

describe('heartbeat', () => {
  /** An other end that only answers what `answers` allows. */
  function silentPeer(time: FakeTime) {
    const [laptop, other] = carrierPair()
    const mux = new Mux({ carrier: laptop, side: 'laptop', clock: time, timers: time })
    const decoder = new FrameDecoder()
    const pings: number[] = []
    other.on('data', chunk =>
      decoder.push(chunk, frame => {
        if (frame.type === FrameType.ping) pings.push(time.monotonic())
      }),
    )
    other.on('error', () => {})
    return { mux, other, pings }
  }

  it('case 50: pings every five seconds and gives up after fifteen of silence', async () => {
    const time = new FakeTime()
    const { mux, pings } = silentPeer(time)
    const stream = mux.open({}, { priority: Priority.interactive })
    const startMs = time.monotonic()
    await time.advance(14_900)
    expect(mux.ended).toBeUndefined()
    expect(pings.map(atMs => atMs - startMs)).toEqual([0, 5_000, 10_000])
    await time.advance(200)
    expect(await mux.closed).toMatchObject({ code: 'silent' })
    expect(stream.errored).toMatchObject({ code: 'connection-lost' })
    expect(time.pendingTimers).toBe(0)
  })

  it('takes any byte for a sign of life, even half a frame', async () => {
    const time = new FakeTime()
    const { mux, other } = silentPeer(time)
    for (let turn = 0; turn < 10; turn++) {
      await time.advance(14_000)
      // the first bytes of a frame that takes for ever
      other.write(Buffer.from([[0, 0, 0, 1, 8, 0, 0, 0, 0, 0][turn]!]))
      await time.advance(0)
    }
    expect(mux.ended?.code).not.toBe('silent')
  })

  it('keeps a connection that is idle but alive', async () => {
    const time = new FakeTime()
    const [a, b] = carrierPair()
    const laptop = new Mux({ carrier: a, side: 'laptop', clock: time, timers: time })
    const agent = new Mux({ carrier: b, side: 'agent', clock: time, timers: time })
    for (let turn = 0; turn < 20; turn++) await time.advance(limits.pingIntervalMs)
    expect([laptop.ended, agent.ended]).toEqual([undefined, undefined])
    await Promise.all([laptop.close(), time.advance(2_000)])
  })

  it('ends the agent’s end too when nobody ever spoke', async () => {
    const time = new FakeTime()
    const [, agent] = carrierPair()
    const mux = new Mux({ carrier: agent, side: 'agent', clock: time, timers: time })
    await time.advance(15_100)
    expect(await mux.closed).toMatchObject({ code: 'silent' })
  })

  it('does not take its own standstill for the other’s silence', async () => {
    const time = new FakeTime()
    const { mux } = silentPeer(time)
    // a laptop that slept, or a process that was busy: what arrived meanwhile has not been read yet
    await time.jump(3_600_000)
    expect(mux.ended).toBeUndefined()
    await time.advance(limits.pingIntervalMs + 100)
    expect(mux.ended).toMatchObject({ code: 'silent' })
  })
})
