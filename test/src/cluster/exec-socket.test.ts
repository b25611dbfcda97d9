import { createHash, randomBytes } from 'node:crypto'
import { Agent, createServer, type Server } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import type { ExecStream } from '../../../src/cluster/cluster.ts'
import { type ExecSocketOptions, openExecSocket } from '../../../src/cluster/exec-socket.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { limits } from '../../../syncer/base/limits.ts'
import { certificate, privateKey } from './localhost-certificate.ts'

const MiB = 1024 * 1024
const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

describe('an exec socket', () => {
  it('carries stdin, stdout, stderr and the exit code', async () => {
    const { stream, peer } = await connected()
    expect(stream.protocol).toBe('v5.channel.k8s.io')
    stream.io.write('hello')
    expect(await peer.next()).toEqual(message(0, 'hello'))
    peer.send(1, 'out')
    peer.send(2, 'err')
    peer.exit(7)
    expect(await text(stream)).toBe('out')
    expect(stream.stderr()).toBe('err')
    expect(await stream.exit).toEqual({ code: 7 })
  })

  it('ends with 0 on success, and with the cluster’s words where nothing could run', async () => {
    const first = await connected()
    first.peer.send(3, JSON.stringify({ status: 'Success' }))
    first.peer.socket.close(1000)
    expect(await text(first.stream)).toBe('')
    expect(await first.stream.exit).toEqual({ code: 0 })
    const second = await connected()
    second.peer.send(3, JSON.stringify({ status: 'Failure', reason: 'InternalError', message: 'no such file' }))
    second.peer.socket.close(1000)
    expect(await text(second.stream)).toBe('')
    expect(await second.stream.exit).toEqual({ code: null, message: 'no such file' })
  })

  it('closes stdin alone, and still reads', async () => {
    const { stream, peer } = await connected()
    stream.io.end('last')
    expect(await peer.next()).toEqual(message(0, 'last'))
    expect(await peer.next()).toEqual(Buffer.of(255, 0))
    peer.send(1, 'after')
    peer.exit(0)
    expect(await text(stream)).toBe('after')
  })

  it('falls back to v4, which cannot close stdin', async () => {
    const { stream, peer } = await connected({ protocol: 'v4.channel.k8s.io' })
    expect(stream.protocol).toBe('v4.channel.k8s.io')
    stream.io.end('last')
    expect(await peer.next()).toEqual(message(0, 'last'))
    peer.exit(0)
    await text(stream)
    expect(peer.received).toEqual([])
  })

  it('splits what is large and merges what is small', async () => {
    const { stream, peer } = await connected()
    const data = randomBytes(2.5 * MiB)
    stream.io.cork()
    for (let at = 0; at < data.length; at += 10_000) stream.io.write(data.subarray(at, at + 10_000))
    stream.io.uncork()
    const messages = [await peer.next(), await peer.next(), await peer.next()]
    const full = limits.framePayloadBytesMax
    expect(messages.map(each => each.length - 1)).toEqual([full, full, data.length - 2 * full])
    expect(Buffer.concat(messages.map(each => each.subarray(1))).equals(data)).toBe(true)
  })

  it('does not read ahead of its reader', async () => {
    const { stream, peer } = await connected()
    const sent = createHash('sha256')
    const chunk = randomBytes(256 * 1024)
    for (let count = 0; count < 256; count += 1) {
      sent.update(chunk)
      peer.send(1, chunk)
    }
    peer.exit(0)
    await until(() => stream.io.readableLength >= 64 * 1024)
    await peer.roundTrip()
    expect(stream.io.readableLength).toBeLessThan(MiB)
    expect(peer.socket.bufferedAmount).toBeGreaterThan(32 * MiB)
    const read = createHash('sha256')
    for await (const data of stream.io) read.update(data)
    expect(read.digest('hex')).toBe(sent.digest('hex'))
    expect(await stream.exit).toEqual({ code: 0 })
  })

  it('does not take more than the other end does', async () => {
    const { stream, peer } = await connected()
    peer.socket.pause()
    const chunk = randomBytes(256 * 1024)
    const sent = createHash('sha256')
    let sizeBytes = 0
    // until every buffer on the way is full: nothing more is taken, however long it is offered
    for (let waits = 0; waits < 200; waits += 1) {
      while (stream.io.writableLength < 64 * 1024 && sizeBytes < 64 * MiB) {
        stream.io.write(chunk)
        sent.update(chunk)
        sizeBytes += chunk.length
        waits = 0
      }
      await new Promise(resolve => setImmediate(resolve))
    }
    expect(stream.io.writableNeedDrain).toBe(true)
    expect(stream.io.writableLength).toBeLessThan(MiB)
    expect(sizeBytes).toBeLessThan(32 * MiB)
    peer.socket.resume()
    stream.io.end()
    const got = createHash('sha256')
    for (let left = sizeBytes; left > 0; ) {
      const data = (await peer.next()).subarray(1)
      got.update(data)
      left -= data.length
    }
    expect(got.digest('hex')).toBe(sent.digest('hex'))
  })

  it('says that it was cut, also in the middle of a message', async () => {
    const { stream, peer } = await connected()
    const error = new Promise<Error>(resolve => stream.io.once('error', resolve))
    stream.io.resume()
    // a frame's header that promises 1000 bytes, and 3 of them
    peer.raw.write(Buffer.from([0x82, 126, 0x03, 0xe8, 1, 65, 66]))
    await new Promise(resolve => peer.raw.write('', resolve))
    peer.raw.destroy()
    expect(await error).toMatchObject({ code: 'unreachable' })
    expect(await stream.exit).toMatchObject({ code: null, message: expect.stringContaining('gone') })
  })

  it('refuses a message that no API server sends', async () => {
    const { stream, peer } = await connected()
    const error = new Promise<Error>(resolve => stream.io.once('error', resolve))
    stream.io.resume()
    peer.send(1, Buffer.alloc(5 * MiB))
    expect(await error).toMatchObject({ code: 'unreachable', message: expect.stringContaining('Max payload') })
  })

  it('lets the last output be read when the command ends while we write', async () => {
    const { stream, peer } = await connected()
    peer.socket.pause()
    const writing = setInterval(() => stream.io.write(Buffer.alloc(100_000)), 1)
    cleanups.push(() => clearInterval(writing))
    await until(() => stream.io.writableNeedDrain)
    peer.send(1, 'sorry')
    peer.exit(1)
    expect(await text(stream)).toBe('sorry')
    expect(await stream.exit).toEqual({ code: 1 })
  })

  it('keeps the end of a long stderr', async () => {
    const { stream, peer } = await connected()
    for (let count = 0; count < 100; count += 1) peer.send(2, `${count}:${'x'.repeat(1000)}\n`)
    peer.exit(0)
    await text(stream)
    expect(stream.stderr().length).toBe(16 * 1024)
    expect(stream.stderr()).toContain('99:')
  })

  it('ends after the status where the server forgets to close', async () => {
    const { stream, peer } = await connected()
    peer.send(1, 'out')
    peer.status(0)
    expect(await text(stream)).toBe('out')
    expect(await stream.exit).toEqual({ code: 0 })
  })

  it('is cut by its signal, and by destroy', async () => {
    const stop = new AbortController()
    const first = await connected({ signal: stop.signal })
    const error = new Promise<Error>(resolve => first.stream.io.once('error', resolve))
    stop.abort(new Error('enough'))
    expect(await error).toMatchObject({ message: 'enough' })
    await first.peer.closed
    const second = await connected()
    second.stream.io.destroy()
    await second.peer.closed
    expect(await second.stream.exit).toEqual({ code: null, message: expect.any(String) })
  })

  it('masks in plain text, and not inside TLS', async () => {
    const masks = async (url: string, agent: Agent, raw: Promise<Buffer>) => {
      const stream = await openExecSocket(options({ url: new URL(url), agent }))
      cleanups.push(() => stream.io.destroy())
      stream.io.write('abc')
      const frame = await raw
      expect(frame.subarray(0, 2)).toEqual(Buffer.of(0x82, 0x84))
      return frame.subarray(2, 6)
    }
    const plain = await rawServer(false)
    expect(await masks(plain.url, new Agent(), plain.frame)).not.toEqual(Buffer.alloc(4))
    const secure = await rawServer(true)
    expect(await masks(secure.url, new HttpsAgent({ ca: certificate }), secure.frame)).toEqual(Buffer.alloc(4))
  })
})

describe('an exec that is not let in', () => {
  it('hands the refusal on', async () => {
    const server = createServer((_request, response) => response.writeHead(403).end('{"message":"no"}'))
    server.on('upgrade', (_request, socket: Socket) => {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 16\r\n\r\n{"message":"no"}')
    })
    const refused = (status: number, body: string) => new UserError('forbidden', `${status} ${body}`)
    const opening = openExecSocket(options({ url: await urlOf(server), refused }))
    await expect(opening).rejects.toMatchObject({ code: 'forbidden', message: '403 {"message":"no"}' })
  })

  it('does not wait for an answer for ever', async () => {
    const server = createServer()
    server.on('upgrade', () => {})
    const opening = openExecSocket(options({ url: await urlOf(server), connectTimeoutMs: 50 }))
    await expect(opening).rejects.toMatchObject({ message: 'failed, timed out: true' })
  })

  it('fails where nobody listens', async () => {
    const server = createServer()
    const url = await urlOf(server)
    await new Promise(resolve => server.close(resolve))
    await expect(openExecSocket(options({ url }))).rejects.toMatchObject({ message: 'failed, timed out: false' })
  })

  it('can be given up', async () => {
    const server = createServer()
    const stop = new AbortController()
    server.on('upgrade', () => stop.abort(new Error('enough')))
    const given = options({ url: await urlOf(server), signal: stop.signal })
    await expect(openExecSocket(given)).rejects.toThrow('enough')
    await expect(openExecSocket(given)).rejects.toThrow('enough')
  })
})

function options(more: Partial<ExecSocketOptions> & { url: URL }): ExecSocketOptions {
  return {
    headers: {},
    agent: new Agent(),
    connectTimeoutMs: 30_000,
    refused: (status, body) => new UserError('rejected', `${status} ${body}`),
    failed: (_error, timedOut) => new UserError('unreachable', `failed, timed out: ${timedOut}`),
    ...more,
  }
}

async function urlOf(server: Server): Promise<URL> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return new URL(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/exec`)
}

async function connected(more: { protocol?: string; signal?: AbortSignal } = {}) {
  const { protocol = 'v5.channel.k8s.io', signal } = more
  const server = createServer()
  const sockets = new WebSocketServer({
    server,
    handleProtocols: offered => (offered.has(protocol) ? protocol : false),
  })
  const connection = new Promise<[WebSocket, Socket]>(resolve => {
    sockets.once('connection', (socket, request) => resolve([socket, request.socket]))
  })
  const stream = await openExecSocket(options({ url: await urlOf(server), ...(signal && { signal }) }))
  stream.io.on('error', () => {})
  cleanups.push(() => stream.io.destroy())
  const peer = new Peer(...(await connection))
  return { stream, peer }
}

/** The API server's end. */
class Peer {
  readonly socket: WebSocket
  readonly raw: Socket
  readonly received: Buffer[] = []
  readonly closed: Promise<void>
  #wake = () => {}

  constructor(socket: WebSocket, raw: Socket) {
    this.socket = socket
    this.raw = raw
    this.closed = new Promise(resolve => socket.once('close', () => resolve()))
    socket.on('error', () => {})
    socket.on('message', (data: Buffer) => {
      this.received.push(data)
      this.#wake()
    })
  }

  async next(): Promise<Buffer> {
    while (this.received.length === 0) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    return this.received.shift() as Buffer
  }

  send(channel: number, data: Buffer | string): void {
    this.socket.send(message(channel, data))
  }

  status(code: number): void {
    const details = { causes: [{ reason: 'ExitCode', message: `${code}` }] }
    const failure = { status: 'Failure', reason: 'NonZeroExitCode', details }
    this.send(3, JSON.stringify(code === 0 ? { status: 'Success' } : failure))
  }

  exit(code: number): void {
    this.status(code)
    this.socket.close(1000)
  }

  /** Until the other end has had every chance to read on: it keeps answering timers meanwhile. */
  async roundTrip(): Promise<void> {
    for (let turn = 0; turn < 200; turn += 1) await new Promise(resolve => setImmediate(resolve))
  }
}

function message(channel: number, data: Buffer | string): Buffer {
  return Buffer.concat([Buffer.of(channel), Buffer.from(data as string)])
}

async function text(stream: ExecStream): Promise<string> {
  let all = ''
  for await (const data of stream.io) all += data
  return all
}

async function until(state: () => boolean): Promise<void> {
  while (!state()) await new Promise(resolve => setImmediate(resolve))
}

/** Upgrades by hand and shows the first frame's bytes. */
async function rawServer(secure: boolean): Promise<{ url: string; frame: Promise<Buffer> }> {
  let show: (frame: Buffer) => void = () => {}
  const frame = new Promise<Buffer>(resolve => {
    show = resolve
  })
  const serve = (socket: Socket) => {
    socket.on('error', () => {})
    socket.once('data', request => {
      const key = /sec-websocket-key: (\S+)/i.exec(request.toString())?.[1]
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n`,
      )
      socket.once('data', show)
    })
  }
  const { createServer: createNetServer } = await import('node:net')
  const server = secure ? createTlsServer({ cert: certificate, key: privateKey }, serve) : createNetServer(serve)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => server.close())
  const { port } = server.address() as AddressInfo
  return { url: `${secure ? 'wss' : 'ws'}://127.0.0.1:${port}/exec`, frame }
}
