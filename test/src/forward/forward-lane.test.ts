import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { ForwardLane } from '../../../src/forward/forward-lane.ts'
import type { AgentContext } from '../../../syncer/agent/agent-context.ts'
import { PortEntrance } from '../../../syncer/agent/port-entrance.ts'
import { serveTcp } from '../../../syncer/agent/services/tcp.ts'
import { systemClock, systemTimers } from '../../../syncer/base/clock.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { AgentClient } from '../../../syncer/wire/client.ts'
import { Mux } from '../../../syncer/wire/mux.ts'
import type { MuxStream } from '../../../syncer/wire/mux-stream.ts'
import type { OpenedPort, OpenRequest } from '../../../syncer/wire/services.ts'
import { carrierPair } from '../../syncer/wire/carrier-pair.ts'
import { FakeTime } from '../../syncer/wire/fake-time.ts'

const never = new AbortController().signal
const context = { clock: systemClock, timers: systemTimers } as AgentContext
const waiting = { timeout: 30_000, interval: 5 }

/** A pod: its agent over a connection that stands, its entrance, and which way each forward came. */
class Pod {
  readonly time = new FakeTime()
  readonly ended = new AbortController()
  readonly came: ('standing' | 'lane')[] = []
  readonly agent: AgentClient
  attempts = 0
  /** What the next attempts fail with; null: nothing. */
  refusals: (Error | null)[] = []
  /** What the call answers instead of the truth. */
  lie: Partial<OpenedPort> = {}
  lanes: Socket[] = []
  readonly #entrance: PortEntrance
  readonly #muxes: Mux[] = []

  constructor() {
    const [laptop, agent] = carrierPair()
    this.#entrance = new PortEntrance({
      timers: systemTimers,
      onConnection: socket => {
        this.lanes.push(socket)
        this.#serve(socket, 'lane')
      },
      log: () => {},
    })
    this.#serve(agent, 'standing')
    const mux = new Mux({ carrier: laptop, side: 'laptop' })
    this.#muxes.push(mux)
    this.agent = new AgentClient(mux)
  }

  lane(): ForwardLane {
    return new ForwardLane({
      agent: this.agent,
      openPort: port => this.#open(port),
      clock: this.time,
      timers: this.time,
      signal: this.ended.signal,
    })
  }

  async close(): Promise<void> {
    this.ended.abort()
    this.#entrance.close()
    for (const mux of this.#muxes) await mux.close()
  }

  async #open(port: number): Promise<Duplex> {
    this.attempts++
    const refusal = this.refusals.shift()
    if (refusal) throw refusal
    return connect({ port, host: '127.0.0.1', noDelay: true })
  }

  #serve(carrier: Duplex, way: 'standing' | 'lane'): void {
    const mux = new Mux({ carrier, side: 'agent', onOpen: (request, stream) => this.#answer(request, stream, way) })
    this.#muxes.push(mux)
  }

  #answer(value: unknown, stream: MuxStream, way: 'standing' | 'lane'): void {
    const request = value as OpenRequest
    if (request.kind === 'tcp') {
      this.came.push(way)
      void serveTcp(context, request, stream)
    } else {
      stream.resume()
      void this.#entrance.open(false).then(opened => stream.end(JSON.stringify({ result: { ...opened, ...this.lie } })))
    }
  }
}

describe('the forward lane', () => {
  const cleanups: (() => unknown)[] = []
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  function pod(): Pod {
    const made = new Pod()
    cleanups.push(() => made.close())
    return made
  }

  async function echo(): Promise<number> {
    const server: Server = createServer({ allowHalfOpen: true }, socket => socket.on('error', () => {}).pipe(socket))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => server.close())
    return (server.address() as { port: number }).port
  }

  async function ask(lane: ForwardLane, port: number, text = 'hello'): Promise<string> {
    const stream = await lane.dialTcp('127.0.0.1', port, never)
    stream.end(text)
    let answer = ''
    for await (const part of stream) answer += part
    return answer
  }

  it('carries forwards, the first one already', async () => {
    const there = pod()
    const lane = there.lane()
    const port = await echo()
    expect(await ask(lane, port)).toBe('hello')
    expect(await ask(lane, port, 'again')).toBe('again')
    expect(there.came).toEqual(['lane', 'lane'])
  })

  it('is not waited for when it takes long: the connection that stands carries the forward', async () => {
    const there = pod()
    const port = await echo()
    const late = new AbortController()
    const tooLate = new Promise<Duplex>((_, reject) => late.signal.addEventListener('abort', () => reject(late.signal)))
    const lane = new ForwardLane({
      agent: there.agent,
      openPort: () => tooLate,
      clock: there.time,
      timers: there.time,
      signal: never,
    })
    const asked = ask(lane, port)
    await expect.poll(() => there.time.advance(100).then(() => there.came.length), waiting).toBe(1)
    expect(await asked).toBe('hello')
    expect(there.came).toEqual(['standing'])
    late.abort()
  })

  it.each([
    ['forbidden', 1],
    ['rejected', 1],
    ['unreachable', 2],
  ] as const)('leaves forwards to the connection that stands where it is %s', async (code, attempts) => {
    const there = pod()
    there.refusals = [new UserError(code, 'no')]
    const lane = there.lane()
    const port = await echo()
    expect(await ask(lane, port)).toBe('hello')
    expect(there.came).toEqual(['standing'])
    await there.time.advance(120_000)
    if (attempts > 1) await expect.poll(() => there.lanes.length, waiting).toBe(1)
    expect(there.attempts).toBe(attempts)
  })

  it('does not speak to what is not the agent', async () => {
    const there = pod()
    there.lie = { answer: 'f'.repeat(64) }
    const lane = there.lane()
    const port = await echo()
    expect(await ask(lane, port)).toBe('hello')
    expect(there.came).toEqual(['standing'])
    await expect.poll(() => there.lanes[0]?.destroyed, waiting).toBe(true)
  })

  it('is made anew when it breaks, and breaks nothing but its own connections', async () => {
    const there = pod()
    const lane = there.lane()
    const port = await echo()
    const held = await lane.dialTcp('127.0.0.1', port, never)
    const broken = new Promise(resolve => held.once('close', resolve))
    there.lanes[0]!.destroy()
    await broken
    expect(held.errored).toMatchObject({ code: 'connection-lost' })
    expect(await ask(lane, port)).toBe('hello')
    await expect.poll(() => there.time.advance(1_000).then(() => there.lanes.length), waiting).toBe(2)
    await expect
      .poll(async () => {
        await ask(lane, port)
        return there.came.at(-1)
      }, waiting)
      .toBe('lane')
    expect(there.came.slice(0, 2)).toEqual(['lane', 'standing'])
  })

  it('waits longer from one failure to the next', async () => {
    const there = pod()
    there.refusals = Array(100).fill(new UserError('unreachable', 'no'))
    there.lane()
    await expect.poll(() => there.attempts, waiting).toBe(1)
    const startMs = there.time.monotonic()
    await expect.poll(() => there.time.advance(1_000).then(() => there.attempts), waiting).toBe(7)
    expect(there.time.monotonic() - startMs).toBeGreaterThan(60_000)
  })

  it('ends with the connection that asked for it', async () => {
    const there = pod()
    const lane = there.lane()
    const port = await echo()
    const held = await lane.dialTcp('127.0.0.1', port, never)
    const closed = new Promise(resolve => held.once('close', resolve))
    there.ended.abort()
    await closed
    await expect.poll(() => there.lanes[0]!.destroyed, waiting).toBe(true)
    await there.time.advance(120_000)
    expect(there.attempts).toBe(1)
    expect(there.time.pendingTimers).toBe(0)
  })
})
