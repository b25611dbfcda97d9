import { createHash, randomBytes } from 'node:crypto'
import { Agent, createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterEach, describe, expect, it } from 'vitest'
import { openPortStream, type PortStreamOptions } from '../../../src/cluster/port-stream.ts'
import { dataHeader, finFrame, pingFrame, SpdyDecoder } from '../../../src/cluster/spdy-frame.ts'
import { UserError } from '../../../syncer/base/errors.ts'

const MiB = 1024 * 1024
const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

/** The node's end of one connection. */
class Node {
  readonly socket: Socket
  readonly request: IncomingMessage
  readonly received = createHash('sha256')
  receivedBytes = 0
  fins: number[] = []
  pings: string[] = []

  constructor(request: IncomingMessage, socket: Socket) {
    this.request = request
    this.socket = socket
    const decoder = new SpdyDecoder({
      data: (stream, piece) => {
        if (stream !== 3) throw new Error(`data on stream ${stream}`)
        this.received.update(piece)
        this.receivedBytes += piece.length
      },
      fin: stream => this.fins.push(stream),
      reset: () => {},
      ping: number => this.pings.push(number.toString('hex')),
    })
    socket.on('data', chunk => decoder.push(chunk)).on('error', () => {})
  }

  send(stream: number, bytes: Buffer | string): void {
    const payload = Buffer.from(bytes)
    this.socket.write(Buffer.concat([dataHeader(stream, payload.length), payload]))
  }

  fin(stream: number): void {
    this.socket.write(finFrame(stream))
  }
}

type Answer = (request: IncomingMessage, socket: Socket) => void

async function serve(answer: Answer): Promise<URL> {
  const server = createServer()
  server.on('upgrade', (request, socket) => answer(request, socket as Socket))
  server.on('connection', socket => cleanups.push(() => socket.destroy()))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => server.close())
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/portforward`)
}

function optionsFor(url: URL, more: Partial<PortStreamOptions> = {}): PortStreamOptions {
  return {
    url,
    port: 4321,
    headers: { Authorization: 'Bearer me' },
    agent: new Agent(),
    connectTimeoutMs: 30_000,
    refused: (status, body) => new UserError('rejected', `${status}: ${body}`),
    failed: (error, timedOut) => new UserError(timedOut ? 'timeout' : 'unreachable', String(error)),
    ...more,
  }
}

const agreed = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n'
const protocol = 'X-Stream-Protocol-Version: portforward.k8s.io\r\n'

async function connected(more: Partial<PortStreamOptions> = {}): Promise<{ stream: Duplex; node: Node }> {
  let node: Node | undefined
  const url = await serve((request, socket) => {
    node = new Node(request, socket)
    socket.write(`${agreed}${protocol}\r\n`)
  })
  const stream = await openPortStream(optionsFor(url, more))
  cleanups.push(() => stream.destroy())
  return { stream, node: node! }
}

const until = (condition: () => boolean) => expect.poll(condition, { timeout: 30_000, interval: 5 }).toBe(true)

function failure(stream: Duplex): Promise<Error & { code: string }> {
  return new Promise(resolve => stream.once('error', error => resolve(error as Error & { code: string })))
}

describe('a port stream', () => {
  it('asks as kubectl does', async () => {
    const { node } = await connected()
    expect(node.request.method).toBe('POST')
    expect(node.request.headers).toMatchObject({
      authorization: 'Bearer me',
      upgrade: 'SPDY/3.1',
      'x-stream-protocol-version': 'portforward.k8s.io',
    })
  })

  it('carries bytes both ways, whatever their sizes, and ends both', async () => {
    const { stream, node } = await connected()
    const chunks = [1, 10, 300_000, 2 * MiB, 5].map(size => randomBytes(size))
    stream.cork()
    for (const chunk of chunks) stream.write(chunk)
    stream.uncork()
    stream.end()
    await until(() => node.fins.includes(3))
    expect(node.received.digest('hex')).toBe(createHash('sha256').update(Buffer.concat(chunks)).digest('hex'))
    const answer = randomBytes(3 * MiB)
    node.send(3, answer.subarray(0, MiB))
    node.send(3, answer.subarray(MiB))
    node.fin(3)
    const parts: Buffer[] = []
    for await (const part of stream) parts.push(part)
    expect(Buffer.concat(parts).equals(answer)).toBe(true)
    await until(() => stream.destroyed)
    expect(stream.errored).toBeNull()
  })

  it('takes what comes along with the answer to its upgrade', async () => {
    const url = await serve((_request, socket) => {
      const frame = Buffer.concat([dataHeader(3, 5), Buffer.from('early'), finFrame(3)])
      socket.write(Buffer.concat([Buffer.from(`${agreed}${protocol}\r\n`), frame]))
    })
    const stream = await openPortStream(optionsFor(url))
    cleanups.push(() => stream.destroy())
    let text = ''
    for await (const part of stream) text += part
    expect(text).toBe('early')
  })

  it('ends in the node’s complaint', async () => {
    const { stream, node } = await connected()
    const failed = failure(stream)
    node.send(1, 'connection refused')
    node.fin(1)
    expect(await failed).toMatchObject({
      code: 'unreachable',
      message: expect.stringMatching(/gone: connection refused$/),
    })
  })

  it.each([
    ['a cut', (node: Node) => node.socket.destroy()],
    ['a reset', (node: Node) => node.socket.write(Buffer.of(0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 3, 0, 0, 0, 5))],
    ['what is no SPDY', (node: Node) => node.socket.write(Buffer.alloc(16, 0xff))],
  ])('ends in an error after %s', async (_, end) => {
    const { stream, node } = await connected()
    const failed = failure(stream)
    end(node)
    expect(await failed).toMatchObject({ code: 'unreachable' })
  })

  it('answers pings', async () => {
    const { node } = await connected()
    node.socket.write(pingFrame(Buffer.of(0, 0, 0, 2)))
    await until(() => node.pings.includes('00000002'))
  })

  it('does not read ahead of its reader', async () => {
    const { stream, node } = await connected()
    const chunk = randomBytes(MiB)
    for (let count = 0; count < 64; count++) node.send(3, chunk)
    await until(() => stream.readableLength > 0)
    await until(() => node.socket.writableLength > 16 * MiB)
    expect(stream.readableLength).toBeLessThan(MiB)
    let sizeBytes = 0
    for await (const part of stream) {
      sizeBytes += part.length
      if (sizeBytes === 64 * MiB) break
    }
    expect(sizeBytes).toBe(64 * MiB)
  })

  it('does not take more than the node does', async () => {
    const { stream, node } = await connected()
    node.socket.pause()
    const chunk = randomBytes(256 * 1024)
    let offeredBytes = 0
    // until every buffer on the way is full: nothing more is taken, however long it is offered
    for (let waits = 0; waits < 200; waits++) {
      while (!stream.writableNeedDrain && offeredBytes < 256 * MiB) {
        stream.write(chunk)
        offeredBytes += chunk.length
        waits = 0
      }
      await new Promise(resolve => setImmediate(resolve))
    }
    expect(offeredBytes).toBeLessThan(64 * MiB)
    node.socket.resume()
    await until(() => node.receivedBytes === offeredBytes)
  })

  it('is refused in the API server’s words', async () => {
    const url = await serve((_request, socket) => {
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno')
    })
    await expect(openPortStream(optionsFor(url))).rejects.toMatchObject({ code: 'rejected', message: '403: no' })
  })

  it('does not take another protocol for it', async () => {
    const url = await serve((_request, socket) => socket.write(`${agreed}\r\n`))
    await expect(openPortStream(optionsFor(url))).rejects.toMatchObject({ message: expect.stringContaining('502') })
  })

  it('does not wait for ever', async () => {
    const url = await serve(() => {})
    const opening = openPortStream(optionsFor(url, { connectTimeoutMs: 50 }))
    await expect(opening).rejects.toMatchObject({ code: 'timeout' })
    const cut = await serve((_request, socket) => socket.destroy())
    await expect(openPortStream(optionsFor(cut))).rejects.toMatchObject({ code: 'unreachable' })
  })

  it('is cut by its signal, before and after it is open', async () => {
    const early = new AbortController()
    const url = await serve(() => early.abort(new Error('enough')))
    await expect(openPortStream(optionsFor(url, { signal: early.signal }))).rejects.toThrow('enough')
    await expect(openPortStream(optionsFor(url, { signal: early.signal }))).rejects.toThrow('enough')
    const late = new AbortController()
    const { stream, node } = await connected({ signal: late.signal })
    const failed = failure(stream)
    late.abort(new Error('enough'))
    expect((await failed).message).toBe('enough')
    await until(() => node.socket.destroyed || node.socket.readableEnded)
  })
})
