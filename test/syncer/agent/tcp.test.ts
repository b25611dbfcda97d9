import { createServer, type Server, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterEach, describe, expect, it } from 'vitest'
import type { AgentContext } from '../../../syncer/agent/agent-context.ts'
import { dial } from '../../../syncer/agent/services/dial.ts'
import { probeTcp, serveTcp } from '../../../syncer/agent/services/tcp.ts'
import { systemClock, systemTimers } from '../../../syncer/base/clock.ts'
import { AgentClient } from '../../../syncer/wire/client.ts'
import { Mux } from '../../../syncer/wire/mux.ts'
import type { TcpRequest } from '../../../syncer/wire/services.ts'
import { carrierPair } from '../wire/carrier-pair.ts'
import { FakeTime } from '../wire/fake-time.ts'

const hasIpv6 = Object.values(networkInterfaces()).some(addresses =>
  addresses?.some(({ address }) => address === '::1'),
)
const never = new AbortController().signal
const context = { clock: systemClock, timers: systemTimers } as AgentContext

describe('tcp', () => {
  const cleanups: (() => unknown)[] = []
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0)) await cleanup()
  })

  async function listen(serve: (socket: Socket) => void, host = '127.0.0.1', port = 0): Promise<number> {
    const server: Server = createServer({ allowHalfOpen: true }, serve)
    await new Promise<void>(resolve => server.listen(port, host, resolve))
    cleanups.push(() => server.close())
    return (server.address() as { port: number }).port
  }

  async function unusedPort(): Promise<number> {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    await new Promise(resolve => server.close(resolve))
    return port
  }

  function client(): AgentClient {
    const [laptop, agent] = carrierPair()
    const mux = new Mux({ carrier: laptop, side: 'laptop' })
    new Mux({
      carrier: agent,
      side: 'agent',
      onOpen: (request, stream) => void serveTcp(context, request as TcpRequest, stream),
    })
    cleanups.push(() => mux.close())
    return new AgentClient(mux)
  }

  it('carries bytes and half-close both ways', async () => {
    const port = await listen(socket => {
      let text = ''
      socket.on('data', chunk => {
        text += chunk
      })
      socket.on('end', () => {
        socket.write(`you said ${text}`)
        setImmediate(() => socket.end(', and no more'))
      })
    })
    const stream = await client().dialTcp('127.0.0.1', port, never)
    stream.end('hello')
    expect((await readAll(stream)).toString()).toBe('you said hello, and no more')
  })

  it.skipIf(!hasIpv6)('finds localhost by IPv6 too', async () => {
    const port = await listen(socket => socket.end('six'), '::1')
    const stream = await client().dialTcp('localhost', port, never)
    stream.end()
    expect((await readAll(stream)).toString()).toBe('six')
  })

  it('waits for a port that is not open yet', async () => {
    const port = await unusedPort()
    const dialled = client().dialTcp('localhost', port, never)
    const refused = await probeTcp(context, { host: 'localhost', port, timeoutMs: 30_000 }, never)
    expect(refused).toEqual({ ok: false, error: 'ECONNREFUSED' })
    await listen(socket => socket.end('late'), '127.0.0.1', port)
    const stream = await dialled
    stream.end()
    expect((await readAll(stream)).toString()).toBe('late')
  })

  it('gives up after nine seconds with the last reason', async () => {
    const time = new FakeTime()
    const port = await unusedPort()
    const startMs = time.monotonic()
    let outcome: unknown
    const options = {
      host: '127.0.0.1',
      port,
      timeoutMs: 9_000,
      isPatient: true,
      signal: never,
      clock: time,
      timers: time,
    }
    dial(options).catch(error => {
      outcome = error
    })
    // the network is real, the time is not
    while (!outcome && time.monotonic() - startMs < 20_000) await time.advance(50)
    expect(outcome).toMatchObject({ code: 'ECONNREFUSED', message: `127.0.0.1:${port}: nothing listens there` })
    expect(time.monotonic() - startMs).toBeGreaterThan(8_000)
    expect(time.monotonic() - startMs).toBeLessThan(10_000)
    expect(time.pendingTimers).toBe(0)
  })

  it('does not try again what will not change', async () => {
    const options = { host: '127.0.0.1', port: 1, timeoutMs: 9_000, isPatient: false, signal: never }
    await expect(dial({ ...options, clock: systemClock, timers: systemTimers })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    })
  })

  it('stops dialling when the laptop lets go', async () => {
    const gone = new AbortController()
    const port = await unusedPort()
    const options = { host: '127.0.0.1', port, timeoutMs: 9_000, isPatient: true, signal: gone.signal }
    const dialled = dial({ ...options, clock: systemClock, timers: systemTimers })
    gone.abort(new Error('enough'))
    await expect(dialled).rejects.toThrow('enough')
  })

  it('passes a reset on from either end', async () => {
    const sockets: Socket[] = []
    const port = await listen(socket => {
      socket.on('error', () => {})
      sockets.push(socket)
    })
    const first = await client().dialTcp('127.0.0.1', port, never)
    await expect.poll(() => sockets.length).toBe(1)
    sockets[0]!.resetAndDestroy()
    await new Promise(resolve => first.once('close', resolve))
    expect(first.errored).toMatchObject({ code: 'ECONNRESET' })
    const second = await client().dialTcp('127.0.0.1', port, never)
    await expect.poll(() => sockets.length).toBe(2)
    const closed = new Promise<void>(resolve => sockets[1]!.resume().once('close', () => resolve()))
    second.destroy()
    await closed
    expect(sockets[1]!.errored).toMatchObject({ code: 'ECONNRESET' })
  })

  it('probes once, and says how long it took', async () => {
    const port = await listen(socket => socket.end())
    const result = await probeTcp(context, { host: 'localhost', port, timeoutMs: 30_000 }, never)
    expect(result).toEqual({ ok: true, elapsedMs: expect.any(Number) })
  })
})

function readAll(stream: NodeJS.ReadableStream): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    stream.on('data', chunk => chunks.push(chunk))
    stream.once('end', () => resolve(Buffer.concat(chunks)))
    stream.once('error', reject)
  })
}
