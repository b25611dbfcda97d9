import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Server, Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { type LocalForward, type LocalForwardOptions, openLocalForward } from '../../../src/forward/local-forward.ts'
import { parseLsof } from '../../../src/forward/port-holder.ts'
import type { AgentContext } from '../../../syncer/agent/agent-context.ts'
import { serveTcp } from '../../../syncer/agent/services/tcp.ts'
import { systemClock, systemTimers } from '../../../syncer/base/clock.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { AgentClient } from '../../../syncer/wire/client.ts'
import { Mux } from '../../../syncer/wire/mux.ts'
import type { TcpRequest } from '../../../syncer/wire/services.ts'
import { StreamError } from '../../../syncer/wire/stream-error.ts'
import { carrierPair } from '../../syncer/wire/carrier-pair.ts'
import { FakeTime } from '../../syncer/wire/fake-time.ts'

const at = { file: 'dev.yml', line: 7, column: 5 }
const context = { clock: systemClock, timers: systemTimers } as AgentContext

const anyPort = { localPort: 0, remotePort: 80, at }
const neverAsked = () => Promise.reject(new Error('not asked'))
const hasIpv6 = Object.values(networkInterfaces()).some(addresses =>
  addresses?.some(({ address }) => address === '::1'),
)

describe('local forward', () => {
  const cleanups: (() => unknown)[] = []
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  })

  /** A program that the pod can reach. */
  async function target(serve: (socket: Socket) => void): Promise<number> {
    const server = createServer({ allowHalfOpen: true }, socket => serve(socket.on('error', () => {})))
    return portOf(await bind(server, '127.0.0.1'))
  }

  async function bind(server: Server, host: string, port = 0): Promise<Server> {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve))
    cleanups.push(() => new Promise(resolve => server.close(resolve)))
    return server
  }

  /** A connection to an agent, in memory. */
  function attach(): { client: AgentClient; cut: () => void } {
    const [laptop, agent] = carrierPair()
    const mux = new Mux({ carrier: laptop, side: 'laptop' })
    new Mux({
      carrier: agent,
      side: 'agent',
      onOpen: (request, stream) => void serveTcp(context, request as TcpRequest, stream),
    })
    cleanups.push(() => mux.close())
    return { client: new AgentClient(mux), cut: () => agent.destroy() }
  }

  async function open(
    dial: LocalForwardOptions['dial'],
    more: Partial<LocalForwardOptions> = {},
  ): Promise<LocalForward> {
    const opened = await openLocalForward({ forward: anyPort, interface: 'localhost', dial, ...more })
    cleanups.push(() => opened.close())
    return opened
  }

  const through = (port: number, client = attach().client) => open(signal => client.dialTcp('127.0.0.1', port, signal))

  it.each(hasIpv6 ? ['127.0.0.1', '::1'] : ['127.0.0.1'])('answers on %s', async host => {
    const forward = await through(await target(socket => socket.end('hello')))
    const socket = connect(forward.port, host)
    expect((await readAll(socket)).toString()).toBe('hello')
  })

  it('carries half-close both ways, as a database dump needs', async () => {
    const port = await target(socket => {
      const hash = createHash('sha256')
      socket.on('data', chunk => hash.update(chunk))
      socket.on('end', () => {
        socket.write(hash.digest('hex'))
        setImmediate(() => socket.end('\n'))
      })
    })
    const forward = await through(port)
    const socket = connect({ port: forward.port, host: '127.0.0.1', allowHalfOpen: true })
    const sent = randomBytes(5_000_000)
    socket.end(sent)
    expect((await readAll(socket)).toString()).toBe(`${createHash('sha256').update(sent).digest('hex')}\n`)
    await expect.poll(() => forward.state()).toEqual({ listening: true, connections: 0 })
  })

  it('carries 200 connections at once, each its own bytes', async () => {
    const forward = await through(await target(socket => socket.pipe(socket)))
    const all = Array.from({ length: 200 }, async (_, index) => {
      const socket = connect({ port: forward.port, host: '127.0.0.1', allowHalfOpen: true })
      const sent = randomBytes(20_000 + index)
      socket.end(sent)
      return (await readAll(socket)).equals(sent)
    })
    expect(await Promise.all(all)).toEqual(Array.from({ length: 200 }, () => true))
    await expect.poll(() => forward.state().connections).toBe(0)
  })

  it('holds a sender back when the other end does not read, and nobody else', async () => {
    const sockets: Socket[] = []
    const { client } = attach()
    const stalled = await through(await target(socket => sockets.push(socket.pause())), client)
    const lively = await through(await target(socket => socket.pipe(socket)), client)
    const sender = connect(stalled.port, '127.0.0.1').on('error', () => {})
    let taken = 0
    const write = (): void => {
      sender.write(Buffer.alloc(100_000), error => {
        if (error) return
        taken += 100_000
        write()
      })
    }
    write()
    const counts: number[] = []
    await expect
      .poll(() => {
        counts.push(taken)
        return taken > 0 && counts.at(-1) === counts.at(-2) && counts.at(-2) === counts.at(-3)
      })
      .toBe(true)
    // kernel buffers of two connections (a few MB each) and one credit window; not the whole world
    expect(taken).toBeLessThan(40_000_000)
    const socket = connect({ port: lively.port, host: '127.0.0.1', allowHalfOpen: true })
    socket.end('still here')
    expect((await readAll(socket)).toString()).toBe('still here')
    sender.destroy()
    for (const socket of sockets) socket.destroy()
  })

  it('lets a connection wait while the pod is being reached again', async () => {
    const port = await target(socket => socket.end('at last'))
    let client: AgentClient | undefined
    let asked = 0
    const forward = await open(async signal => {
      asked++
      if (!client) throw new UserError('unreachable', 'there is no connection to the pod just now')
      return client.dialTcp('127.0.0.1', port, signal)
    })
    const answer = readAll(connect(forward.port, '127.0.0.1'))
    await expect.poll(() => asked).toBeGreaterThan(2)
    expect(forward.state()).toEqual({ listening: true, connections: 1 })
    client = attach().client
    expect((await answer).toString()).toBe('at last')
  })

  it('closes a connection that waited ten seconds, says why, and goes on', async () => {
    const time = new FakeTime()
    const startMs = time.monotonic()
    const dial = async () => {
      throw new UserError('unreachable', 'the pod is gone')
    }
    const forward = await open(dial, { clock: time, timers: time })
    const socket = connect(forward.port, '127.0.0.1')
    let error: NodeJS.ErrnoException | undefined
    socket.on('error', cause => {
      error = cause
    })
    await expect.poll(() => forward.state().connections).toBe(1)
    while (!error && time.monotonic() - startMs < 20_000) await time.advance(100)
    expect(error?.code).toBe('ECONNRESET')
    expect(time.monotonic() - startMs).toBeGreaterThanOrEqual(10_000)
    expect(forward.state()).toEqual({
      listening: true,
      connections: 0,
      lastError: { code: 'unreachable', message: 'the pod is gone', atMs: expect.any(Number) },
    })
  })

  it('resets at once where the pod says no, and forgets it when the next one succeeds', async () => {
    const port = await target(socket => socket.end('fine'))
    const { client } = attach()
    let refuse = true
    const forward = await open(async signal => {
      if (refuse) throw new StreamError('ENOTFOUND', 'postgress:5432: the name does not resolve in the pod')
      return client.dialTcp('127.0.0.1', port, signal)
    })
    await expect(readAll(connect(forward.port, '127.0.0.1'))).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(forward.state().lastError).toMatchObject({ code: 'ENOTFOUND' })
    refuse = false
    expect((await readAll(connect(forward.port, '127.0.0.1'))).toString()).toBe('fine')
    expect(forward.state().lastError).toBeUndefined()
  })

  it('never lets a cut look like an end, and outlives it', async () => {
    const port = await target(socket => socket.write('half of the ans'))
    let link = attach()
    const forward = await open(signal => link.client.dialTcp('127.0.0.1', port, signal))
    const socket = connect(forward.port, '127.0.0.1')
    const [first] = await once(socket, 'data')
    expect(String(first)).toBe('half of the ans')
    const failed = new Promise<NodeJS.ErrnoException>(resolve => socket.once('error', resolve))
    link.cut()
    expect((await failed).code).toBe('ECONNRESET')
    expect(forward.state().lastError).toMatchObject({ code: 'connection-lost' })
    link = attach()
    const second = connect(forward.port, '127.0.0.1')
    expect(String((await once(second, 'data'))[0])).toBe('half of the ans')
    second.destroy()
  })

  it('lets go of the pod’s end when the client goes, also while it waits', async () => {
    const signals: AbortSignal[] = []
    const forward = await open(signal => {
      signals.push(signal)
      return new Promise<Duplex>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    })
    const socket = connect(forward.port, '127.0.0.1')
    await expect.poll(() => signals.length).toBe(1)
    socket.resetAndDestroy()
    await expect.poll(() => signals[0]!.aborted).toBe(true)
    await expect.poll(() => forward.state()).toEqual({ listening: true, connections: 0 })
  })

  it('takes at most 512 connections', async () => {
    const forward = await open(
      signal => new Promise<Duplex>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    )
    const sockets = Array.from({ length: 512 }, () => connect(forward.port, '127.0.0.1').on('error', () => {}))
    await expect.poll(() => forward.state().connections).toBe(512)
    await expect(readAll(connect(forward.port, '127.0.0.1'))).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(forward.state().connections).toBe(512)
    for (const socket of sockets) socket.destroy()
  })

  it('closes all of it', async () => {
    const forward = await through(await target(socket => socket.write('x')))
    const socket = connect(forward.port, '127.0.0.1')
    await once(socket, 'data')
    const failed = new Promise<NodeJS.ErrnoException>(resolve => socket.once('error', resolve))
    await forward.close()
    expect((await failed).code).toBe('ECONNRESET')
    expect(forward.state()).toMatchObject({ listening: false, connections: 0 })
    await expect(readAll(connect(forward.port, '127.0.0.1'))).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  describe('a port that is taken', () => {
    const canName = process.platform === 'linux'

    it.skipIf(!canName)('is refused with the name of who holds it, and a hint', async () => {
      const script = `require('net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })`
      const holder = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
      cleanups.push(() => holder.kill())
      const port = Number((await once(holder.stdout, 'data'))[0])
      const error = await refusal({ localPort: port, remotePort: 5432, host: 'postgres', at })
      expect(error).toMatchObject({ code: 'port-in-use', at })
      expect(error.message).toContain(`port ${port}`)
      expect(error.message).toContain(`(process ${holder.pid})`)
      expect(error.hint).toMatch(/choose another port/)
    })

    it.skipIf(!hasIpv6)('is refused where only IPv6 is taken, and then nothing is listened on', async () => {
      const both = await openLocalForward({ forward: anyPort, interface: 'localhost', dial: neverAsked })
      const taken = both.port
      await both.close()
      await bind(createServer(), '::1', taken)
      expect(await refusal({ localPort: taken, remotePort: 80, at })).toMatchObject({ code: 'port-in-use' })
      await bind(createServer(), '127.0.0.1', taken)
    })

    it('is refused for an address that is not ours', async () => {
      const opening = openLocalForward({ forward: anyPort, interface: '192.0.2.1', dial: neverAsked })
      await expect(opening).rejects.toMatchObject({ code: 'unsupported', at })
    })

    it('is found in what lsof prints', () => {
      expect(parseLsof('p4711\ncnode\nf23\n')).toEqual({ pid: 4711, command: 'node' })
      expect(parseLsof('')).toBeUndefined()
    })

    async function refusal(forward: LocalForwardOptions['forward']): Promise<UserError> {
      const outcome = await openLocalForward({ forward, interface: 'localhost', dial: neverAsked }).then(
        () => new Error('it was opened'),
        (error: unknown) => error,
      )
      expect(outcome).toBeInstanceOf(UserError)
      return outcome as UserError
    }
  })
})

function portOf(server: Server): number {
  return (server.address() as { port: number }).port
}

function readAll(stream: Duplex): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    stream.on('data', chunk => chunks.push(chunk))
    stream.once('end', () => {
      if (stream instanceof Socket && stream.allowHalfOpen === false) stream.end()
      resolve(Buffer.concat(chunks))
    })
    stream.once('error', reject)
  })
}
