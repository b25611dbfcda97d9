import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { attachAgent } from '../../../src/agent/attach.ts'
import type { ExecExit, ExecRequest, ExecStream } from '../../../src/cluster/cluster.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { initProgram } from '../../native/init-program.ts'
import { fakeAgent } from '../../syncer/pod/fake-agent.ts'
import { type Attached, LocalPod } from '../../syncer/pod/local-pod.ts'

const where = { pod: 'web-podswap-1', container: 'web' }
const bundle = Buffer.from('b'.repeat(700_000))
const never = new AbortController().signal

/** An exec whose other end is the test: what was written, and pieces to be read. */
class ScriptedExec extends Duplex {
  readonly written: Buffer[] = []
  readonly stream: ExecStream
  readonly requests: ExecRequest[] = []
  said = ''
  /** The most bytes that were handed on without having been taken. */
  pendingBytesMax = 0
  settleExit: (exit: ExecExit) => void = () => {}
  #onWrite: (all: Buffer) => void

  constructor(onWrite: (exec: ScriptedExec, all: string) => void) {
    super({ highWaterMark: 64 * 1024 })
    this.#onWrite = all => onWrite(this, all.toString('latin1'))
    const exit = new Promise<ExecExit>(resolve => {
      this.settleExit = resolve
    })
    this.stream = { io: this, stderr: () => this.said, exit, protocol: 'v5.channel.k8s.io' }
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.pendingBytesMax = Math.max(this.pendingBytesMax, this.writableLength)
    this.written.push(chunk)
    setImmediate(() => {
      done()
      this.#onWrite(Buffer.concat(this.written))
    })
  }

  cluster() {
    return {
      exec: async (request: ExecRequest) => {
        this.requests.push(request)
        return this.stream
      },
    }
  }

  end_(code: number | null, said = '', message?: string): void {
    this.said = said
    this.settleExit({ code, message })
    this.push(null)
  }
}

async function readAll(io: Duplex, size: number): Promise<string> {
  let text = ''
  for await (const chunk of io) {
    text += chunk
    if (text.length >= size) break
  }
  return text
}

describe('attaching', () => {
  const answer = 'NEED\nREADY\n\x00\nagent\n'

  test.each(Array.from({ length: answer.length + 1 }, (_, at) => at))('cut after %i bytes of the answer', async at => {
    // NEED may only come before the bundle, the rest only after it; in pieces all the same
    const exec = new ScriptedExec((self, all) => {
      const header = all.indexOf('\n') + 1
      if (self.said === '') {
        self.said = 'x'
        const first = answer.slice(0, Math.min(at, 'NEED\n'.length))
        for (const piece of [first, answer.slice(first.length, 'NEED\n'.length)]) if (piece) self.push(piece)
      } else if (all.length === header + bundle.length) {
        const from = 'NEED\n'.length
        const cut = Math.max(at, from)
        for (const piece of [answer.slice(from, cut), answer.slice(cut)])
          if (piece) setImmediate(() => self.push(piece))
      }
    })
    const { io } = await attachAgent(exec.cluster(), where, { bundle, hello: { lane: 'bulk' }, signal: never })
    const rest = '\x00\nagent\n'
    expect(await readAll(io, rest.length)).toBe(rest)
  })

  test('sends the header, then the bundle only where it is needed, piece by piece', async () => {
    const exec = new ScriptedExec((self, all) => {
      const header = all.indexOf('\n') + 1
      if (all.length === header) self.push('NEED\n')
      if (all.length === header + bundle.length) self.push('READY\n')
    })
    await attachAgent(exec.cluster(), where, { bundle, hello: { lane: 'bulk' }, signal: never })
    const all = Buffer.concat(exec.written)
    const header = all.indexOf('\n') + 1
    expect(JSON.parse(all.toString('utf8', 0, header))).toEqual({
      v: 1,
      bundle: expect.stringMatching(/^[0-9a-f]{64}$/),
      size: bundle.length,
      hello: { lane: 'bulk' },
    })
    expect(all.subarray(header).equals(bundle)).toBe(true)
    expect(exec.pendingBytesMax).toBeLessThanOrEqual(256 * 1024)
    expect(exec.requests).toMatchObject([
      {
        ...where,
        command: [
          '/podswap/init',
          'exec',
          '/podswap/ld',
          '--library-path',
          '/podswap/lib',
          '/podswap/node',
          '/podswap/attach.cjs',
        ],
      },
    ])
    const again = new ScriptedExec(self => self.push('READY\nmore'))
    const { io } = await attachAgent(again.cluster(), where, { bundle, hello: null, signal: never })
    expect(Buffer.concat(again.written).length).toBeLessThan(300)
    expect(await readAll(io, 4)).toBe('more')
  })

  test.each<[string, (exec: ScriptedExec) => void, RegExp, RegExp]>([
    [
      'the attaching program says why',
      exec => exec.push('ERROR the bundle arrived damaged\n'),
      /the bundle arrived damaged/,
      /log/,
    ],
    ['an answer that is none', exec => exec.push('HTTP/1.1 400\n'), /unexpected answer "HTTP\/1\.1 400"/, /log/],
    [
      'an answer without an end',
      exec => exec.push('x'.repeat(5000)) && exec.settleExit({ code: 1 }),
      /longer than 4096 bytes/,
      /log/,
    ],
    [
      'nothing at /podswap',
      exec => exec.end_(127, 'podswap: /podswap/ld: not found\n'),
      /podswap: \/podswap\/ld: not found/,
      /init container/,
    ],
    [
      'another architecture',
      exec => exec.end_(126, 'podswap: /podswap/ld: not a program here\n'),
      /not a program here/,
      /architecture/,
    ],
    [
      'the runtime could not start it',
      exec => exec.end_(null, '', 'container not found ("web")'),
      /container not found/,
      /init container/,
    ],
  ])('%s', async (_name, act, said, hint) => {
    const exec = new ScriptedExec(act)
    const error = await attachAgent(exec.cluster(), where, { bundle, hello: null, signal: never }).catch(cause => cause)
    expect(error).toBeInstanceOf(UserError)
    expect(error.code).toBe('agent')
    expect(error.message).toMatch(said)
    expect(error.hint).toMatch(hint)
    expect(exec.destroyed).toBe(true)
  })

  test.each(['before it', 'while it waits'])('a connection that is cut says so in its code: %s', async when => {
    const cut = new UserError('unreachable', 'the connection to the pod is gone', { hint: 'try again' })
    const exec = new ScriptedExec(self => self.destroy(cut))
    if (when === 'before it') exec.destroy(cut)
    const attaching = attachAgent(exec.cluster(), where, { bundle, hello: null, signal: never })
    await expect(attaching).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining('the connection to the pod is gone'),
      hint: 'try again',
    })
  })

  test('an answer that does not come', async () => {
    const exec = new ScriptedExec(() => {})
    const attaching = attachAgent(exec.cluster(), where, { bundle, hello: null, signal: never, stepTimeoutMs: 50 })
    await expect(attaching).rejects.toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('no answer in time'),
    })
    expect(exec.destroyed).toBe(true)
  })

  test('a connection that takes no more of the bundle', async () => {
    const exec = new ScriptedExec(self => self.push('NEED\n'))
    const write = exec._write.bind(exec)
    exec._write = (chunk, encoding, done) => {
      if (exec.written.length < 2) write(chunk, encoding, done)
    }
    const attaching = attachAgent(exec.cluster(), where, { bundle, hello: null, signal: never, stepTimeoutMs: 50 })
    await expect(attaching).rejects.toMatchObject({
      code: 'timeout',
      message: expect.stringContaining('no answer in time'),
    })
  })

  test('an exec that does not open', async () => {
    const exec = (request: ExecRequest) =>
      new Promise<never>((_, reject) => request.signal!.addEventListener('abort', () => reject(request.signal!.reason)))
    const attaching = attachAgent({ exec }, where, { bundle, hello: null, signal: never, stepTimeoutMs: 20 })
    await expect(attaching).rejects.toMatchObject({ code: 'timeout' })
  })

  test('the deadline of the opening does not cut the open stream', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const exec = new ScriptedExec(self => self.push('READY\n'))
      await attachAgent(exec.cluster(), where, { bundle, hello: null, signal: never, stepTimeoutMs: 30_000 })
      vi.advanceTimersByTime(60_000)
      expect(exec.requests[0]!.signal!.aborted).toBe(false)
    } finally {
      vi.useRealTimers()
    }
  })

  test('a refusal of the cluster keeps its code', async () => {
    const refusal = new UserError('forbidden', 'pods/exec is forbidden')
    const attaching = attachAgent({ exec: () => Promise.reject(refusal) }, where, {
      bundle,
      hello: null,
      signal: never,
    })
    await expect(attaching).rejects.toMatchObject({ code: 'forbidden', hint: expect.stringContaining('pods/exec') })
  })

  test.each(['while it opens', 'while it waits'])('gives up when told to: %s', async when => {
    const controller = new AbortController()
    const reason = new UserError('interrupted', 'enough')
    const exec = new ScriptedExec(() => when === 'while it waits' && controller.abort(reason))
    const cluster = {
      exec: async (request: ExecRequest) => {
        if (when === 'while it opens') controller.abort(reason)
        request.signal!.throwIfAborted()
        return exec.stream
      },
    }
    const attaching = attachAgent(cluster, where, { bundle, hello: null, signal: controller.signal })
    await expect(attaching).rejects.toBe(reason)
  })
})

describe.skipIf(initProgram === null)('with the attaching program', () => {
  let pod: LocalPod
  beforeEach(async () => {
    pod = await LocalPod.create()
    pod.boot()
  })
  afterEach(() => pod.dispose())

  function execIn(attached: Attached): ExecStream {
    const io = Duplex.from({ writable: attached.stdin, readable: attached.stdout })
    const exit = attached.ended.then(code => ({ code }))
    return { io, stderr: () => attached.stderr, exit, protocol: 'v5.channel.k8s.io' }
  }

  test('delivers, attaches again, and gets a new version in', async () => {
    const signal = never
    const cluster = { exec: async () => execIn(pod.attach()) }
    const versions = []
    for (const version of ['one', 'one', 'two']) {
      const { content } = fakeAgent({ version, padding: 700_000 })
      const { io, exit } = await attachAgent(cluster, where, { bundle: content, hello: version, signal })
      io.write('ping')
      let text = ''
      io.on('data', chunk => {
        text += chunk
      })
      await vi.waitFor(() => expect(text).toMatch(/ping$/), { timeout: 30_000 })
      versions.push(JSON.parse(text.split('\n')[0]!))
      io.end()
      expect(await exit).toEqual({ code: 0 })
      if (!io.closed) await once(io, 'close')
    }
    expect(versions).toMatchObject([
      { version: 'one', hello: 'one' },
      { version: 'one', hello: 'one' },
      { version: 'two', hello: 'two' },
    ])
    expect(versions[1].pid).toBe(versions[0].pid)
  })
})
