import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningCommand } from './support/command.ts'
import { DevSession } from './support/dev-session.ts'
import type { Hand } from './support/hand.ts'
import { noiseBytes } from './support/noise.ts'
import { freePort } from './support/ports.ts'
import { TcpProxy } from './support/tcp-proxy.ts'
import { expectRestored } from './support/traces.ts'
import { until } from './support/until.ts'

/** The network between the laptop and the API server is cut, refused, silent or slow. */
describe('when the network goes', () => {
  let session: DevSession
  let proxy: TcpProxy
  let up: RunningCommand
  let inPod: Hand
  let port: number

  beforeAll(async () => {
    port = await freePort()
    session = await DevSession.create({
      purpose: 'network',
      dev: {
        command: ['node', '-e', `require('node:http').createServer((q, r) => r.end('alive')).listen(8080)`],
        image: 'podswap.test/node:1',
        imagePullPolicy: 'IfNotPresent',
        forward: [`${port}:8080`],
      },
    })
    const kubeconfig = join(session.laptop.root, 'proxied.kubeconfig')
    proxy = await TcpProxy.before(session.laptop.kubeconfig, kubeconfig)
    session.defer(() => proxy[Symbol.asyncDispose]())
    session.laptop.kubeconfig = kubeconfig
    up = session.laptop.start(['up', ...session.target])
    await session.laptop.untilState('ready', session.target)
    inPod = await session.handInPod()
  })

  afterAll(() => session[Symbol.asyncDispose]())

  const arrives = async (path: string, text: string, deadlineMs = 30_000) => {
    await until(`${path} is in the pod`, async () => (await inPod.read(`/app/${path}`)) === text, { deadlineMs })
  }

  it('a connection cut and restored at once costs nothing', async () => {
    proxy.cut()
    session.save('after-cut.txt', 'saved right after the cut')
    await arrives('after-cut.txt', 'saved right after the cut')
  })

  it('case 60: edits at both ends while it is away meet when it is back', async () => {
    proxy.refuse()
    await session.laptop.untilState('reconnecting', session.target)
    session.save('a.txt', 'edited on the laptop, offline')
    await inPod.write('/app/b.txt', 'written in the pod, offline')
    proxy.restore()
    await arrives('a.txt', 'edited on the laptop, offline')
    await until('the pod’s file is on the laptop', async () => {
      return (await session.onLaptop.read(`${session.folder}/b.txt`)) === 'written in the pod, offline'
    })
    await session.laptop.untilState('ready', session.target)
    await session.expectSame(inPod)
  })

  it('case 50: silence is noticed, and ends', async () => {
    proxy.silence()
    await session.laptop.untilState('reconnecting', session.target)
    session.save('a.txt', 'edited in the silence')
    proxy.restore()
    await arrives('a.txt', 'edited in the silence')
    await session.laptop.untilState('ready', session.target)
  })

  it('the forward answers again, on the same port', async () => {
    expect(await (await fetch(`http://localhost:${port}/`)).text()).toBe('alive')
  })

  it('case 48: a cut in mid-transfer resumes; nothing half-written is ever at its place', async () => {
    const bytes = noiseBytes('cut', 48 * 1024 * 1024)
    proxy.limit(4 * 1024 * 1024)
    await inPod.call('watchFiles', { files: ['/app/a.txt'] })
    await session.onLaptop.write(join(session.folder, 'large.bin'), bytes)
    const volume = async () => (await inPod.call<{ bytes: number }>('volume', { dir: '/app' })).bytes
    for (const megabytes of [6, 12]) {
      await until(`${megabytes} MB arrived`, async () => (await volume()) > megabytes * 1024 * 1024, { everyMs: 20 })
      expect(await inPod.tree('/app')).not.toHaveProperty(['large.bin'])
      proxy.cut()
    }
    proxy.restore()
    await until('the file is in the pod', async () => (await inPod.tree('/app'))['large.bin'] !== undefined, {
      deadlineMs: 90_000,
    })
    await session.flush()
    await session.expectSame(inPod)
    const { looks, seen } = await inPod.call<{ looks: number; seen: object }>('unwatch')
    expect(looks).toBeGreaterThan(100)
    expect(seen).toEqual({})
  })

  it('a large file that goes on being written while it is sent arrives whole, without being asked for', async () => {
    proxy.limit(4 * 1024 * 1024)
    const bytes = noiseBytes('growing', 12 * 1024 * 1024)
    const volume = async () => (await inPod.call<{ bytes: number }>('volume', { dir: '/app' })).bytes
    const before = await volume()
    session.save('growing.bin', bytes.subarray(0, 4 * 1024 * 1024))
    await until('its first part is under way', async () => (await volume()) > before + 512 * 1024, { everyMs: 10 })
    session.save('growing.bin', bytes)
    const whole = (await session.onLaptop.tree(session.folder))['growing.bin']
    proxy.restore()
    await until('the whole is in the pod', async () => (await inPod.tree('/app'))['growing.bin'] === whole, {
      deadlineMs: 60_000,
    })
  })

  it('case 63: a small edit overtakes a large file on a slow line', async () => {
    proxy.limit(2 * 1024 * 1024)
    await session.onLaptop.write(join(session.folder, 'larger.bin'), noiseBytes('overtake', 32 * 1024 * 1024))
    const volume = async () => (await inPod.call<{ bytes: number }>('volume', { dir: '/app' })).bytes
    const before = await volume()
    await until('the large file is under way', async () => (await volume()) > before + 1024 * 1024, { everyMs: 20 })
    session.save('a.txt', 'overtaking')
    await arrives('a.txt', 'overtaking')
    expect(await inPod.tree('/app')).not.toHaveProperty(['larger.bin'])
    proxy.restore()
    await session.flush()
    await session.expectSame(inPod)
  })

  it('up lived through all of it, and down puts everything back', async () => {
    expect(up.running, `up said last: ${up.stdout.slice(-1000)}${up.stderr.slice(-1000)}`).toBe(true)
    await session.down()
    await up.finished()
    await expectRestored(session.namespace.admin, session.was)
  })
})
