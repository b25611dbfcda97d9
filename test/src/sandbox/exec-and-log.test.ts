import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { Cluster } from '../../../src/cluster/cluster.ts'
import { readKubeAccess } from '../../../src/cluster/kubeconfig.ts'
import { deployment } from '../cluster/cluster-contract.ts'
import { ready } from '../swap/trial.ts'
import { SandboxWorld } from './sandbox-world.ts'

const MiB = 1024 * 1024

describe('exec and logs in the sandbox', { timeout: 120_000 }, () => {
  let world: SandboxWorld
  let cluster: Cluster
  let pod: string
  beforeAll(async () => {
    world = await SandboxWorld.make()
    world.runtime.script = () => ({ log: 'one\ntwo\nthree\n' })
    cluster = await world.connect('ann')
    world.sandbox.apply([deployment('shell', 1)])
    await ready(cluster, 'Deployment', 'shell')
    pod = (await cluster.list('Pod'))[0]!.metadata.name!
  }, 120_000)
  afterAll(() => world?.close())

  const run = (...command: string[]) => cluster.exec({ pod, container: 'app', command })

  it('gives output, errors and exit codes', async () => {
    const stream = await run('echo', 'a', 'b')
    let text = ''
    for await (const data of stream.io) text += data
    expect([text, await stream.exit]).toEqual(['a b\n', { code: 0 }])
    const failed = await run('exit', '7', 'oh')
    failed.io.resume()
    expect(await failed.exit).toEqual({ code: 7 })
    expect(failed.stderr()).toBe('oh')
    const missing = await run('no-such-program')
    missing.io.resume()
    expect(await missing.exit).toMatchObject({ code: null, message: expect.stringContaining('no-such-program') })
  })

  it('takes a command as long as a real API server does: a program of hundreds of kilobytes', async () => {
    const long = 'x'.repeat(400_000)
    const { io, exit } = await run('echo', long)
    let text = ''
    for await (const data of io) text += data
    expect(text.length).toBe(long.length + 1)
    expect(await exit).toEqual({ code: 0 })
  })

  it('carries 20 MiB there and back, unchanged, and ends with its stdin', async () => {
    const { io, exit, protocol } = await run('cat')
    expect(protocol).toBe('v5.channel.k8s.io')
    const sent = createHash('sha256')
    const got = createHash('sha256')
    const reading = (async () => {
      for await (const data of io) got.update(data)
    })()
    for (let count = 0; count < 20; count += 1) {
      const chunk = randomBytes(MiB)
      sent.update(chunk)
      if (!io.write(chunk)) await new Promise(resolve => io.once('drain', resolve))
    }
    io.end()
    await reading
    expect(got.digest('hex')).toBe(sent.digest('hex'))
    expect(await exit).toEqual({ code: 0 })
  })

  it('holds a command back that prints more than is read', async () => {
    let printed = 0
    world.runtime.programs.flood = async (_command, { stdout }) => {
      for (; printed < 100 * MiB; printed += MiB) {
        if (!stdout.write(Buffer.alloc(MiB))) await new Promise(resolve => stdout.once('drain', resolve))
      }
      return 0
    }
    const { io, exit } = await run('flood')
    await new Promise(resolve => io.once('readable', resolve))
    // it has come to stand still when it prints nothing between two looks
    let before = -1
    await expect
      .poll(
        () => {
          const isStill = before === printed
          before = printed
          return isStill
        },
        { timeout: 30_000, interval: 300 },
      )
      .toBe(true)
    expect(printed).toBeLessThan(100 * MiB)
    let sizeBytes = 0
    for await (const data of io) sizeBytes += data.length
    expect(sizeBytes).toBe(100 * MiB)
    expect(await exit).toEqual({ code: 0 })
  })

  it('lets a command that reads see the end of a connection that was cut', async () => {
    const ended = new Promise<string>(resolve => {
      world.runtime.programs.wait = async (_command, { stdin }) => {
        for await (const _ of stdin!) {
          // dropped
        }
        resolve('ended')
        return 0
      }
    })
    const { io } = await run('wait')
    io.write('x')
    io.destroy()
    expect(await ended).toBe('ended')
  })

  it('speaks v4, where stdin cannot be half-closed', async () => {
    const { user, cluster: place } = await readKubeAccess({ kubeconfig: world.kubeconfig('ann'), env: {} })
    const path = `/api/v1/namespaces/team/pods/${pod}/exec?container=app&stdout=true&command=echo&command=hi`
    const socket = new WebSocket(world.sandbox.url.replace('https', 'wss') + path, ['v4.channel.k8s.io'], {
      ca: Buffer.from(place.caData ?? '', 'base64'),
      headers: { Authorization: `Bearer ${user.token}` },
    })
    const messages: string[] = []
    socket.on('message', (data: Buffer) => messages.push(`${data[0]} ${data.subarray(1)}`))
    const code = await new Promise(resolve => socket.once('close', resolve))
    expect([socket.protocol, code, messages]).toEqual([
      'v4.channel.k8s.io',
      1000,
      ['1 ', '1 hi\n', '3 {"metadata":{},"status":"Success"}'],
    ])
  })

  it('is refused in words', async () => {
    const request = { pod: 'none', container: 'app', command: ['true'] }
    await expect(cluster.exec(request)).rejects.toMatchObject({ code: 'not-found', message: 'pods "none" not found' })
    await expect(cluster.exec({ ...request, pod, container: 'none' })).rejects.toMatchObject({ code: 'rejected' })
    const eve = await world.connect('eve')
    await expect(eve.exec({ ...request, pod })).rejects.toMatchObject({
      code: 'forbidden',
      hint: expect.stringContaining('pods/exec'),
    })
  })

  it('gives a log, its tail, and says what there is none of', async () => {
    expect(await cluster.logs(pod, { container: 'app' })).toBe('one\ntwo\nthree\n')
    expect(await cluster.logs(pod, { container: 'app', tailLines: 2 })).toBe('two\nthree\n')
    await expect(cluster.logs(pod, { container: 'app', previous: true })).rejects.toMatchObject({ code: 'rejected' })
  })
})
