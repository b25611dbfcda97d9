import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ReverseForwards } from '../../../src/forward/reverse-forwards.ts'
import { ReverseListeners } from '../../../syncer/agent/services/reverse.ts'
import { systemTimers } from '../../../syncer/base/clock.ts'
import { AgentClient } from '../../../syncer/wire/client.ts'
import { Priority } from '../../../syncer/wire/frame-payload.ts'
import { Mux } from '../../../syncer/wire/mux.ts'
import type { ListenRequest, ReverseRequest } from '../../../syncer/wire/services.ts'
import { freePort, freePorts } from '../../e2e/support/ports.ts'
import { carrierPair } from '../../syncer/wire/carrier-pair.ts'

const at = { file: '/code/dev.yml', line: 5, column: 9 }
let cleanups: (() => unknown)[]
let listeners: ReverseListeners
let warnings: string[]
let opened: string[]

beforeEach(() => {
  warnings = []
  opened = []
  listeners = new ReverseListeners(systemTimers)
  cleanups = [() => listeners.close()]
})
afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup()
})

/** A program of the laptop. */
async function serve(onConnection: (socket: Socket) => void): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, socket => {
    socket.on('error', () => {})
    cleanups.push(() => socket.destroy())
    onConnection(socket)
  })
  await listening(server)
  return (server.address() as AddressInfo).port
}

async function listening(server: Server): Promise<void> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => server.close())
}

/** A connection between the laptop and the agent, and how to end it. */
function link(forwards: ReverseForwards): { agentMux: Mux; cut: () => void } {
  const [laptop, agent] = carrierPair()
  const agentMux: Mux = new Mux({
    carrier: agent,
    side: 'agent',
    onOpen: (request, stream) => {
      const toLaptop = (asked: ReverseRequest) => agentMux.open(asked, { priority: Priority.interactive })
      void listeners.serve(request as ListenRequest, stream, toLaptop)
    },
  })
  const onOpen: ConstructorParameters<typeof Mux>[0]['onOpen'] = (request, stream) => forwards.serve(request, stream)
  const mux = new Mux({ carrier: laptop, side: 'laptop', onOpen })
  const gone = new AbortController()
  forwards.attach(new AgentClient(mux), gone.signal)
  const cut = () => {
    gone.abort()
    laptop.destroy()
    agent.destroy()
  }
  cleanups.push(cut)
  return { agentMux, cut }
}

function reverse(remotePort: number, localPort: number): ReverseForwards {
  return new ReverseForwards({
    reverse: [{ remotePort, localPort, at }],
    onOpen: ({ remote }) => opened.push(remote),
    warn: ({ message, hint }) => warnings.push(`${message}; ${hint}`),
  })
}

/** A program of the pod. */
function dial(port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  cleanups.push(() => socket.destroy())
  return socket
}

const state = (forwards: ReverseForwards) => forwards.states[0]!.state

describe('a port of the pod', () => {
  test('leads to the laptop, half-close included', async () => {
    const local = await serve(socket => {
      let said = ''
      socket.on('data', data => {
        said += data
      })
      socket.on('end', () => socket.end(`you said ${said}`))
    })
    const remote = await freePort()
    const forwards = reverse(remote, local)
    expect(forwards.states).toMatchObject([{ state: 'reconnecting', local: `localhost:${local}` }])
    link(forwards)
    await expect.poll(() => state(forwards)).toBe('ready')
    expect(opened).toEqual([`localhost:${remote}`])
    const answers = ['one', 'two', 'three'].map(word => text(dial(remote).end(word)))
    expect(await Promise.all(answers)).toEqual(['you said one', 'you said two', 'you said three'])
  })

  test('holds up a writer whom the laptop does not read, and loses nothing', async () => {
    const taken: Socket[] = []
    const local = await serve(socket => taken.push(socket.pause()))
    const remote = await freePort()
    const forwards = reverse(remote, local)
    link(forwards)
    await expect.poll(() => state(forwards)).toBe('ready')
    const writer = dial(remote)
    const piece = Buffer.alloc(1024 * 1024, 'x')
    const pieces = 64
    for (let sent = 0; sent < pieces; sent += 1) writer.write(piece)
    writer.end()
    await expect.poll(() => taken).toHaveLength(1)
    const reader = taken[0]!
    await expect.poll(() => writer.bytesWritten - writer.writableLength).toBeGreaterThan(0)
    const heldBytes = () => writer.writableLength
    for (let look = 0; look < 20; look += 1) {
      await new Promise(resolve => setTimeout(resolve, 10))
      // streams' credit is 4 MiB at most; the rest is what the kernel holds of two connections
      expect(heldBytes()).toBeGreaterThan(pieces * piece.length * 0.5)
    }
    const hash = createHash('sha256')
    let bytes = 0
    reader.on('data', (data: Buffer) => {
      bytes += data.length
      hash.update(data)
    })
    reader.resume()
    await once(reader, 'end')
    expect(bytes).toBe(pieces * piece.length)
    expect(hash.digest('hex')).toBe(createHash('sha256').update(Buffer.alloc(bytes, 'x')).digest('hex'))
  })

  test('stays open while the connection is made anew, and who comes meanwhile waits', async () => {
    const local = await serve(socket => socket.end('here'))
    const remote = await freePort()
    const forwards = reverse(remote, local)
    const first = link(forwards)
    await expect.poll(() => state(forwards)).toBe('ready')
    first.cut()
    await expect.poll(() => state(forwards)).toBe('reconnecting')
    const said = text(dial(remote))
    link(forwards)
    expect(await said).toBe('here')
    expect(opened).toHaveLength(1)
  })

  test('that a program of the pod has is said once, and taken when it comes free', async () => {
    const local = await serve(socket => socket.end('here'))
    const program = createServer()
    await listening(program)
    const { port: remote } = program.address() as AddressInfo
    const forwards = reverse(remote, local)
    link(forwards)
    await expect.poll(() => state(forwards)).toBe('failed')
    expect(forwards.states).toMatchObject([{ error: 'EADDRINUSE' }])
    expect(warnings).toEqual([
      `localhost:${remote} of the pod does not lead to localhost:${local}: a program of the pod listens there; ` +
        '/code/dev.yml:5:9: it is tried again; or choose another port before the colon',
    ])
    await new Promise(resolve => program.close(resolve))
    await expect.poll(() => state(forwards)).toBe('ready')
    expect(await text(dial(remote))).toBe('here')
  })

  test('cuts off who comes while nothing listens on the laptop', async () => {
    const [remote, local] = (await freePorts(2)) as [number, number]
    const forwards = reverse(remote, local)
    link(forwards)
    await expect.poll(() => state(forwards)).toBe('ready')
    const socket = connect({ port: remote, host: '127.0.0.1' })
    const [error] = await once(socket, 'error')
    expect(error).toMatchObject({ code: 'ECONNRESET' })
  })
})

test('the pod reaches no port that was not asked for', async () => {
  const local = await serve(socket => socket.end('secret'))
  const forwards = reverse(await freePort(), local)
  const { agentMux } = link(forwards)
  await expect.poll(() => state(forwards)).toBe('ready')
  const ask = (request: unknown) => agentMux.open(request, { priority: Priority.interactive }).opened()
  await expect(ask({ kind: 'reverse', port: local })).rejects.toMatchObject({ code: 'refused' })
  await expect(ask({ kind: 'tcp', host: 'localhost', port: local })).rejects.toMatchObject({ code: 'bad-request' })
  await expect(ask({ kind: 'reverse', port: 0 })).rejects.toMatchObject({ code: 'bad-request' })
})
