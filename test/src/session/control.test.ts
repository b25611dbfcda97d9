import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { askHolder } from '../../../src/session/control-client.ts'
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  REQUEST_BYTES_MAX,
} from '../../../src/session/control-protocol.ts'
import { type ControlHandler, ControlServer } from '../../../src/session/control-server.ts'
import { LineReader } from '../../../src/session/line-reader.ts'
import { UserError } from '../../../syncer/base/errors.ts'

const TOKEN = 'secret'
let folder: string
let path: string
let servers: ControlServer[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podswap-control-'))
  path = process.platform === 'win32' ? `\\\\.\\pipe\\podswap-test-${process.pid}` : join(folder, 's.sock')
  servers = []
})
afterEach(async () => {
  await Promise.all(servers.map(server => server.close()))
  rmSync(folder, { recursive: true })
})

async function serve(handler: ControlHandler): Promise<ControlServer> {
  const server = await ControlServer.listen(path, TOKEN, handler)
  servers.push(server)
  return server
}
const holder = () => ({ socket: path, token: TOKEN })
const ask = (request: Parameters<typeof askHolder>[1], onEvent?: (event: unknown) => void) =>
  askHolder(holder(), request, { signal: new AbortController().signal, onEvent })

describe('control socket', () => {
  test('a request is answered', async () => {
    await serve(async request => ({ asked: request }))
    expect(await ask({ method: 'status' })).toEqual({ asked: { method: 'status' } })
    expect(await ask({ method: 'flush', timeoutMs: 5 })).toEqual({ asked: { method: 'flush', timeoutMs: 5 } })
    expect(await ask({ method: 'stop' })).toEqual({ asked: { method: 'stop' } })
  })

  test('events come before the result, in order', async () => {
    await serve(async (_request, emit) => {
      for (let n = 0; n < 1000; n++) emit({ n, filler: 'x'.repeat(200) })
      return 'done'
    })
    const seen: unknown[] = []
    expect(await ask({ method: 'follow' }, event => seen.push((event as { n: number }).n))).toBe('done')
    expect(seen).toEqual(Array.from({ length: 1000 }, (_, n) => n))
  })

  test('an error arrives as the error it was', async () => {
    await serve(async () => {
      throw new UserError('sync-halted', 'stopped', { hint: 'look' })
    })
    await expect(ask({ method: 'flush', timeoutMs: 1 })).rejects.toMatchObject({
      code: 'sync-halted',
      message: 'stopped',
      hint: 'look',
    })
  })

  test('a wrong token is refused', async () => {
    let asked = 0
    await serve(async () => ++asked)
    const wrong = askHolder({ socket: path, token: 'x' }, { method: 'stop' }, { signal: new AbortController().signal })
    await expect(wrong).rejects.toMatchObject({ code: 'forbidden' })
    expect(asked).toBe(0)
  })

  test('nobody listens: not-found', async () => {
    await expect(ask({ method: 'stop' })).rejects.toMatchObject({ code: 'not-found' })
  })

  test('the holder dies before it answers: interrupted', async () => {
    const server = createServer(socket => socket.once('data', () => socket.destroy()))
    server.listen(path)
    await once(server, 'listening')
    await expect(ask({ method: 'stop' })).rejects.toMatchObject({ code: 'interrupted' })
    await new Promise(resolve => server.close(resolve))
  })

  test('the handler hears of a client that goes away, and aborting a request frees the caller', async () => {
    let arrive: (signal: AbortSignal) => void
    const arrived = new Promise<AbortSignal>(resolve => {
      arrive = resolve
    })
    await serve((_request, _emit, signal) => {
      arrive(signal)
      return new Promise(() => {})
    })
    const abort = new AbortController()
    const asked = askHolder(holder(), { method: 'follow' }, { signal: abort.signal, onEvent: () => {} })
    const signal = await arrived
    const gone = once(signal, 'abort')
    abort.abort()
    await expect(asked).rejects.toMatchObject({ code: 'interrupted' })
    await gone
  })

  test('a request that is too long, or not JSON, ends the connection or is refused', async () => {
    let asked = 0
    await serve(async () => ++asked)
    const long = connect(path)
    long.on('error', () => {})
    long.write('x'.repeat(REQUEST_BYTES_MAX + 1))
    // what is not read of it comes back as an error first
    await new Promise(resolve => long.once('close', resolve))
    const wrong = connect(path)
    wrong.write('not json\n')
    const [line] = await once(wrong, 'data')
    expect(decodeReply(String(line).trim())).toMatchObject({ kind: 'error', error: { code: 'usage' } })
    expect(asked).toBe(0)
  })

  test.skipIf(process.platform === 'win32')(
    'is for this person only, replaces a dead one, and leaves nothing',
    async () => {
      writeFileSync(path, '')
      const server = await serve(async () => null)
      expect(statSync(path).mode & 0o777).toBe(0o600)
      await server.close()
      expect(existsSync(path)).toBe(false)
      servers = []
    },
  )
})

describe('control protocol', () => {
  test.each<[string, object]>([
    ['another version', { v: 2, token: TOKEN, method: 'stop' }],
    ['no method', { v: 1, token: TOKEN }],
    ['an unknown method', { v: 1, token: TOKEN, method: 'burn' }],
    ['a flush without a limit', { v: 1, token: TOKEN, method: 'flush' }],
    ['a flush with no time', { v: 1, token: TOKEN, method: 'flush', timeoutMs: 0 }],
  ])('%s is refused', (_name, request) => {
    expect(() => decodeRequest(JSON.stringify(request), TOKEN)).toThrow(UserError)
  })

  test('any line is a request, a reply, or a UserError', () => {
    const line = fc.oneof(
      fc.string(),
      fc.json(),
      fc.dictionary(fc.string(), fc.jsonValue()).map(of => JSON.stringify(of)),
    )
    fc.assert(
      fc.property(line, text => {
        for (const decode of [() => decodeRequest(text, TOKEN), () => decodeReply(text)]) {
          try {
            decode()
          } catch (error) {
            expect(error).toBeInstanceOf(UserError)
          }
        }
      }),
    )
  })

  test('what is encoded is decoded', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        const reply = { kind: 'result', result: value } as const
        expect(decodeReply(encodeReply(reply))).toEqual(JSON.parse(JSON.stringify(reply)))
      }),
    )
    expect(decodeRequest(encodeRequest(TOKEN, { method: 'status' }), TOKEN)).toEqual({ method: 'status' })
  })
})

describe('line reader', () => {
  test('gives the same lines however the bytes are cut', () => {
    const lines = fc.array(
      fc.string().map(text => text.replaceAll('\n', '')),
      { maxLength: 20 },
    )
    fc.assert(
      fc.property(lines, fc.array(fc.integer({ min: 1, max: 7 })), (given, cuts) => {
        const reader = new LineReader(1000)
        const bytes = Buffer.from(given.map(line => `${line}\n`).join(''))
        const seen: string[] = []
        let at = 0
        for (let turn = 0; at < bytes.length; turn++) {
          const size = cuts[turn % Math.max(1, cuts.length)] ?? 3
          seen.push(...reader.push(bytes.subarray(at, at + size))!)
          at += size
        }
        expect(seen).toEqual(given.map(line => Buffer.from(line).toString()))
      }),
    )
  })

  test('refuses a line above the limit', () => {
    expect(new LineReader(3).push(Buffer.from('abc\nabc\n'))).toEqual(['abc', 'abc'])
    expect(new LineReader(3).push(Buffer.from('abcd'))).toBeNull()
  })
})
