import { once } from 'node:events'
import { statSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AgentClient } from '../../../syncer/wire/client.ts'
import { Priority } from '../../../syncer/wire/frame-payload.ts'
import { Mux } from '../../../syncer/wire/mux.ts'
import { childrenOf, initProgram, isAlive } from '../../native/init-program.ts'
import { type Bundle, buildAgent, RunningAgent } from './running-agent.ts'

const soon = () => AbortSignal.timeout(30_000)
const soonMs = { timeout: 30_000 }

describe.skipIf(initProgram === null)('attachment', () => {
  let bundle: Bundle
  let agent: RunningAgent
  beforeEach(async () => {
    bundle ??= await buildAgent()
    agent = await RunningAgent.start(bundle)
  })
  afterEach(() => agent.stop())

  it.each([
    ['pipes', 'its own pipes'],
    ['sockets', 'relayed'],
  ] as const)('carries a connection over %s', async (by, said) => {
    const { client, mux } = await agent.attach({ by })
    const state = await client.call({ method: 'agent-state' }, soon())
    expect(state).toMatchObject({ bundle: bundle.sha256, pid: agent.pid, uid: process.getuid?.() })
    expect(state.rssBytes).toBeGreaterThan(10_000_000)
    expect(agent.log).toContain(said)
    const server = await listen(socket => socket.pipe(socket))
    const stream = await client.dialTcp('127.0.0.1', portOf(server), soon())
    const sent = Buffer.alloc(10_000_000, 'podswap')
    stream.end(sent)
    expect((await readAll(stream)).equals(sent)).toBe(true)
    server.close()
    await mux.close()
  })

  it('carries a connection over a port that it opened for it', async () => {
    const { client } = await agent.attach()
    const { port, token, answer } = await client.call({ method: 'open-port', packed: false }, soon())
    const socket = connect({ port, host: '127.0.0.1' })
    socket.write(`${token}\n`)
    const [said] = await once(socket, 'data')
    expect(String(said)).toBe(`${answer}\n`)
    const mux = new Mux({ carrier: socket, side: 'laptop' })
    const server = await listen(peer => peer.pipe(peer))
    const stream = await new AgentClient(mux).dialTcp('127.0.0.1', portOf(server), soon())
    const sent = Buffer.alloc(10_000_000, 'podswap')
    stream.end(sent)
    expect((await readAll(stream)).equals(sent)).toBe(true)
    expect(agent.log).toContain('attached: by port')
    server.close()
    await mux.close()
    await expect.poll(() => agent.log).toContain('detached: by port: goodbye')
    expect((await client.call({ method: 'agent-state' }, soon())).pid).toBe(agent.pid)
  })

  it('keeps its socket, token and log to itself', async () => {
    const { client } = await agent.attach()
    await client.call({ method: 'agent-state' }, soon())
    for (const file of [agent.files.socket, agent.files.token, agent.files.log]) {
      expect(statSync(file).mode & 0o777).toBe(0o600)
    }
    expect(statSync(agent.files.private).mode & 0o777).toBe(0o700)
    expect(agent.token).toMatch(/^[0-9a-f]{64}$/)
  })

  it.each([
    ['no token', () => ({ pid: process.pid })],
    ['a wrong token', () => ({ token: 'f'.repeat(64), pid: process.pid })],
    ['a wrong token to retire', () => ({ token: 'f'.repeat(64), retire: true })],
    ['no pid', () => ({ token: agent.token })],
    ['no JSON', () => 'hello'],
  ])('refuses a greeting with %s', async (_, greeting) => {
    await agent.attach()
    const socket = await agent.dial()
    socket.write(`${JSON.stringify(greeting())}\n`)
    expect(JSON.parse((await readAll(socket)).toString())).toHaveProperty('error')
    expect(isAlive(agent.pid)).toBe(true)
  })

  it('refuses a greeting without an end, and more behind it', async () => {
    await agent.attach()
    const endless = await agent.dial()
    endless.on('error', () => {}).resume()
    endless.write(Buffer.alloc(200_000, 'x'))
    // what it does not read of ours comes back as an error first
    await new Promise(resolve => endless.once('close', resolve))
    const eager = await agent.dial()
    eager.write(`${JSON.stringify({ token: agent.token, pid: process.pid })}\nmore`)
    expect(JSON.parse((await readAll(eager)).toString())).toHaveProperty('error')
  })

  it('takes at most 64 attachments', async () => {
    await agent.attach()
    const sockets: Socket[] = []
    for (let count = 1; count < 64; count++) sockets.push(await agent.dial())
    const tooMany = await agent.dial()
    expect(JSON.parse((await readAll(tooMany)).toString())).toHaveProperty('error')
    for (const socket of sockets) socket.destroy()
    await expect.poll(async () => (await agent.attach()).mux.ended).toBeUndefined()
  })

  it('lets the attaching process go when the connection is over, and the other way round', async () => {
    const first = await agent.attach()
    const gone = once(first.process, 'exit')
    // the script has ended, and what stays is a few KB
    await expect.poll(() => childrenOf(first.process.pid!), soonMs).toEqual([])
    expect((await first.client.call({ method: 'agent-state' }, soon())).pid).toBe(agent.pid)
    await first.mux.close()
    await gone
    const second = await agent.attach()
    second.process.kill('SIGKILL')
    expect((await second.mux.closed).code).toBe('lost')
    const third = await agent.attach()
    expect((await third.client.call({ method: 'command-state' }, soon())).state).toBe('none')
  })

  it('ends a connection whose peer breaks the protocol, with the reason', async () => {
    const { mux, process } = await agent.attach()
    // a frame that cannot be: this side's own carrier is written past the multiplexer
    const { carrier } = mux as unknown as { carrier: Socket }
    const gone = once(process, 'exit')
    carrier.write(Buffer.alloc(64, 0xff))
    const end = await mux.closed
    expect(end.code).toBe('goodbye')
    expect(end.message).toMatch(/frame/)
    await gone
    await expect.poll(() => agent.log).toContain('protocol')
  })

  it.each([
    ['an unknown kind', { kind: 'dance' }],
    ['no command', { kind: 'exec', argv: [] }],
    ['a port out of range', { kind: 'tcp', host: 'localhost', port: 70_000 }],
    ['a zero byte', { kind: 'exec', argv: ['true', 'a\0b'] }],
    ['a relative folder', { kind: 'exec', argv: ['true'], cwd: 'here' }],
  ])('refuses a request with %s, and only that', async (_, request) => {
    const { mux, client } = await agent.attach()
    const stream = mux.open(request, { priority: Priority.control })
    await expect(stream.opened()).rejects.toMatchObject({ code: 'bad-request' })
    expect((await client.call({ method: 'agent-state' }, soon())).pid).toBe(agent.pid)
  })

  it('case 75: makes room for another version, which takes over', async () => {
    const first = await agent.attach()
    const next = await buildAgent('next')
    const second = await agent.attach({ bundle: next })
    const end = await first.mux.closed
    expect(end.code).toBe('goodbye')
    expect((await second.client.call({ method: 'agent-state' }, soon())).bundle).toBe(next.sha256)
  })

  it('is there again after it was killed, with another token and a socket that works', async () => {
    const first = await agent.attach()
    const before = { token: agent.token, ...(await first.client.call({ method: 'agent-state' }, soon())) }
    process.kill(before.pid, 'SIGKILL')
    expect((await first.mux.closed).code).toBe('lost')
    const second = await agent.attach()
    const after = await second.client.call({ method: 'agent-state' }, soon())
    expect(after.boot).not.toBe(before.boot)
    expect(agent.token).not.toBe(before.token)
  })

  it('ends with a word when the container ends', async () => {
    const { mux, client } = await agent.attach()
    const { pid } = await client.call({ method: 'agent-state' }, soon())
    process.kill(pid, 'SIGTERM')
    expect(await mux.closed).toEqual({ code: 'goodbye', message: 'SIGTERM' })
    await expect.poll(() => isAlive(pid)).toBe(false)
    // here the container goes on, and so the agent is started again
    expect((await agent.attach()).mux.ended).toBeUndefined()
  })
})

function listen(serve: (socket: Socket) => void): Promise<Server> {
  return new Promise(resolve => {
    const server = createServer({ allowHalfOpen: true }, serve)
    server.listen(0, '127.0.0.1', () => resolve(server))
  })
}

function portOf(server: Server): number {
  return (server.address() as { port: number }).port
}

function readAll(stream: NodeJS.ReadableStream): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    stream.on('data', chunk => chunks.push(chunk))
    stream.once('end', () => resolve(Buffer.concat(chunks)))
    stream.once('error', reject)
  })
}
