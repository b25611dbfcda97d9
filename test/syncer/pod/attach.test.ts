import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { initProgram, isAlive } from '../../native/init-program.ts'
import { type Bundle, fakeAgent } from './fake-agent.ts'
import { type Attached, LocalPod } from './local-pod.ts'

const header = (bundle: Bundle, more: object = {}) =>
  Buffer.from(
    `${JSON.stringify({ v: 1, bundle: bundle.sha256, size: bundle.content.length, hello: { lane: 'control' }, ...more })}\n`,
  )

describe.skipIf(initProgram === null)('boot and attach', () => {
  let pod: LocalPod
  beforeEach(async () => {
    pod = await LocalPod.create()
  })
  afterEach(() => pod.dispose())

  /** Attaches as the laptop does; answers the agent's greeting. */
  async function deliver(bundle: Bundle): Promise<{ attached: Attached; greeting: Greeting; needed: boolean }> {
    const attached = pod.attach()
    attached.stdin.write(header(bundle))
    let line = await attached.line()
    const needed = line === 'NEED'
    if (needed) {
      attached.stdin.write(bundle.content)
      line = await attached.line()
    }
    expect(line).toBe('READY')
    return { attached, greeting: JSON.parse(await attached.line()), needed }
  }
  interface Greeting {
    version: string
    hello: unknown
    pid: number
  }
  const one = fakeAgent({ version: 'one', padding: 700_000 })
  const two = fakeAgent({ version: 'two' })

  test.each(['fd', 'relay'] as const)('brings the bundle, and the agent has the pipes: %s', async mode => {
    pod.boot()
    const bundle = fakeAgent({ version: 'one', mode, padding: 700_000 })
    const { attached, greeting, needed } = await deliver(bundle)
    expect(needed).toBe(true)
    expect(greeting).toMatchObject({ version: 'one', hello: { lane: 'control' } })
    expect(pod.running()).toEqual({ bundle: bundle.sha256, pid: greeting.pid })
    expect(statSync(pod.files.private).mode & 0o777).toBe(0o700)
    expect(statSync(pod.files.bundle(bundle.sha256)).mode & 0o777).toBe(0o600)
    expect(readdirSync(pod.files.private).sort()).toEqual(
      [`${bundle.sha256}.cjs`, 'current', 'running', 'sock', 'token'].sort(),
    )
    const sent = randomBytes(3_000_000)
    attached.stdin.end(sent)
    const back = await attached.take(sent.length)
    expect(createHash('sha256').update(back).digest('hex')).toBe(createHash('sha256').update(sent).digest('hex'))
    expect(await attached.ended).toBe(0)
    expect(attached.stderr).toBe('')
  })

  test.each(['fd', 'relay'] as const)(
    'a laptop that does not read holds the pod up, and nothing is lost: %s',
    async mode => {
      pod.boot()
      const { attached } = await deliver(fakeAgent({ version: 'one', mode }))
      attached.stdout.pause()
      const block = randomBytes(1_000_000)
      const blocks = 12
      let taken = 0
      for (let index = 0; index < blocks; index++) attached.stdin.write(block, () => taken++)
      let last = -1
      await vi.waitUntil(
        () => {
          const before = last
          last = taken
          return last === before
        },
        { interval: 300, timeout: 30_000 },
      )
      expect(last).toBeLessThan(blocks / 2)
      attached.stdout.resume()
      attached.stdin.end()
      const back = await attached.rest()
      expect(back.length).toBe(blocks * block.length)
      for (let index = 0; index < blocks; index++) {
        expect(back.subarray(index * block.length, (index + 1) * block.length).equals(block)).toBe(true)
      }
    },
  )

  test('a bundle that is here is not sent again, nor by a new attachment after the agent was killed', async () => {
    pod.boot()
    const first = await deliver(one)
    const second = await deliver(one)
    expect(second.needed).toBe(false)
    expect(second.greeting.pid).toBe(first.greeting.pid)
    process.kill(first.greeting.pid, 'SIGKILL')
    expect(await first.attached.ended).toBe(0)
    expect(await second.attached.ended).toBe(0)
    const third = await deliver(one)
    expect(third.needed).toBe(false)
    expect(third.greeting.pid).not.toBe(first.greeting.pid)
  })

  test('header and bundle in any pieces, and the first bytes after READY', async () => {
    pod.boot()
    const attached = pod.attach()
    const write = (bytes: Buffer) => new Promise(done => attached.stdin.write(bytes, done))
    for (const byte of header(two)) await write(Buffer.of(byte))
    expect(await attached.line()).toBe('NEED')
    for (let at = 0, size = 1; at < two.content.length; at += size++) await write(two.content.subarray(at, at + size))
    expect(await attached.line()).toBe('READY')
    await write(Buffer.from('first'))
    expect(JSON.parse(await attached.line())).toMatchObject({ version: 'two' })
    expect((await attached.take(5)).toString()).toBe('first')
  })

  test('bytes behind the header and behind the bundle are the agent’s', async () => {
    pod.boot()
    const attached = pod.attach()
    attached.stdin.write(header(two))
    expect(await attached.line()).toBe('NEED')
    attached.stdin.write(Buffer.concat([two.content, Buffer.from('early')]))
    expect(await attached.line()).toBe('READY')
    await attached.line()
    expect((await attached.take(5)).toString()).toBe('early')
    const again = pod.attach()
    again.stdin.write(Buffer.concat([header(two), Buffer.from('early')]))
    expect(await again.line()).toBe('READY')
    await again.line()
    expect((await again.take(5)).toString()).toBe('early')
  })

  test('two lanes at once on a fresh pod', async () => {
    const attaching = Promise.all([deliver(one), deliver(one)])
    pod.boot()
    const [first, second] = await attaching
    expect(first.greeting.pid).toBe(second.greeting.pid)
    expect(readdirSync(pod.files.private).filter(name => name.endsWith('.new'))).toEqual([])
  })

  test('case 75: an agent of another version makes room', async () => {
    pod.boot()
    const old = await deliver(one)
    const fresh = await deliver(two)
    expect(fresh.greeting).toMatchObject({ version: 'two' })
    expect(await old.attached.ended).toBe(0)
    expect(isAlive(old.greeting.pid)).toBe(false)
    // the old bundle is kept: going back costs nothing
    expect((await deliver(one)).needed).toBe(false)
  })

  test('an agent that does not make room is killed', async () => {
    pod.boot()
    const old = await deliver(fakeAgent({ version: 'hung', retire: 'ignore' }))
    const fresh = await deliver(two)
    expect(fresh.greeting).toMatchObject({ version: 'two' })
    expect(isAlive(old.greeting.pid)).toBe(false)
  })

  test('an agent that is just ending, and takes nobody, is waited for', async () => {
    pod.boot()
    await deliver(fakeAgent({ version: 'ending', retire: 'refuse-and-end' }))
    expect((await deliver(two)).greeting).toMatchObject({ version: 'two' })
  })

  test('an agent that says why it does not make room is left alone', async () => {
    pod.boot()
    const old = await deliver(fakeAgent({ version: 'held', retire: 'refuse' }))
    const attached = pod.attach()
    attached.stdin.write(header(two))
    expect(await attached.line()).toBe('NEED')
    attached.stdin.write(two.content)
    expect(await attached.line()).toBe(
      'ERROR the agent does not make room for another version: a newer session holds it',
    )
    expect(await attached.ended).toBe(1)
    expect(isAlive(old.greeting.pid)).toBe(true)
  })

  test('an agent that refuses the attachment', async () => {
    pod.boot()
    const bundle = fakeAgent({ version: 'one', mode: 'refuse' })
    const attached = pod.attach()
    attached.stdin.write(header(bundle))
    await attached.line()
    attached.stdin.write(bundle.content)
    expect(await attached.line()).toBe('READY')
    expect(await attached.ended).toBe(1)
    expect(attached.stderr).toBe('podswap: the agent refused: not you\n')
  })

  test('a bundle that arrives damaged is refused and not kept', async () => {
    pod.boot()
    const attached = pod.attach()
    attached.stdin.write(header(one))
    expect(await attached.line()).toBe('NEED')
    const damaged = Buffer.from(one.content)
    damaged[500_000]! ^= 1
    attached.stdin.write(damaged)
    expect(await attached.line()).toBe('ERROR the bundle arrived damaged')
    expect(await attached.ended).toBe(1)
    expect(existsSync(pod.files.bundle(one.sha256))).toBe(false)
  })

  test('a bundle that was damaged in the pod is sent again', async () => {
    const boot = pod.boot()
    const first = await deliver(one)
    writeFileSync(pod.files.bundle(one.sha256), one.content.subarray(0, 600_000))
    process.kill(first.greeting.pid, 'SIGKILL')
    const second = await deliver(one)
    expect(second.needed).toBe(true)
    expect(second.greeting.version).toBe('one')
    expect(boot.exitCode).toBe(null)
  })

  test('the connection ends in the middle of the bundle', async () => {
    pod.boot()
    const attached = pod.attach()
    attached.stdin.write(header(one))
    expect(await attached.line()).toBe('NEED')
    attached.stdin.end(one.content.subarray(0, 300_000))
    expect(await attached.line()).toBe('ERROR the laptop ended the attachment')
    expect(await attached.ended).toBe(1)
    expect(readdirSync(pod.files.private)).toEqual([])
  })

  test.each([
    ['not JSON\n', /not a JSON object/],
    ['7\n', /not a JSON object/],
    [header(one, { v: 2 }), /version 2/],
    [header(one, { bundle: '../../etc/passwd' }), /names no bundle/],
    [header(one, { bundle: one.sha256.toUpperCase() }), /names no bundle/],
    [header(one, { size: 0 }), /gives no size/],
    [header(one, { size: 33 * 1024 * 1024 }), /gives no size/],
    [header(one, { size: 1.5 }), /gives no size/],
    ['x'.repeat(64 * 1024), /longer than 65536 bytes/],
  ])('refuses the header %.40s', async (bytes, said) => {
    const attached = pod.attach()
    attached.stdin.write(bytes)
    expect(await attached.line()).toMatch(said)
    expect(await attached.ended).toBe(1)
    expect(existsSync(pod.files.private)).toBe(false)
  })

  test('says so when no agent comes', async () => {
    const attached = pod.attach()
    attached.stdin.write(header(two))
    expect(await attached.line()).toBe('NEED')
    attached.stdin.write(two.content)
    expect(await attached.line()).toMatch(/^ERROR the agent did not start within 10 s/)
    expect(await attached.ended).toBe(1)
  })

  test('the token is shown, so another process of the pod gets nothing', async () => {
    pod.boot()
    await deliver(two)
    expect(statSync(pod.files.token).mode & 0o777).toBe(0o600)
    writeFileSync(pod.files.token, 'f'.repeat(64))
    const attached = pod.attach()
    attached.stdin.write(header(two))
    expect(await attached.line()).toBe('READY')
    expect(await attached.ended).toBe(1)
    expect(attached.stderr).toMatch(/wrong token/)
    expect(readFileSync(pod.files.current, 'utf8')).toBe(two.sha256)
  })
})
