import { createHash, randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cluster } from '../../src/cluster/cluster.ts'
import { deployment } from '../src/cluster/cluster-contract.ts'
import { ready } from '../src/swap/trial.ts'
import { RealNamespace, realCluster } from './real-namespace.ts'

const real = realCluster()
const MiB = 1024 * 1024

describe.skipIf(!real)('exec on a real cluster', () => {
  let namespace: RealNamespace
  let cluster: Cluster
  let pod: string
  beforeAll(async () => {
    namespace = await RealNamespace.make(real!, 'exec')
    cluster = await namespace.connect()
    await namespace.apply(JSON.stringify(deployment('shell', 1)))
    await ready(cluster, 'Deployment', 'shell')
    pod = (await cluster.list('Pod'))[0]!.metadata.name!
  })
  afterAll(() => namespace?.dispose())

  const run = (...command: string[]) => cluster.exec({ pod, container: 'app', command })

  it('gives output, errors and exit codes', async () => {
    const stream = await run('sh', '-c', 'echo out; echo err >&2; exit 7')
    let text = ''
    for await (const data of stream.io) text += data
    expect([text, stream.stderr(), await stream.exit]).toEqual(['out\n', 'err\n', { code: 7 }])
    const missing = await run('no-such-program')
    missing.io.resume()
    expect(await missing.exit).toMatchObject({ code: null, message: expect.stringContaining('no-such-program') })
  })

  it('carries 100 MiB there and back, unchanged, and ends with its stdin', { timeout: 120_000 }, async () => {
    const { io, exit, protocol } = await run('cat')
    expect(protocol).toBe('v5.channel.k8s.io')
    const sent = createHash('sha256')
    const got = createHash('sha256')
    const reading = (async () => {
      for await (const data of io) got.update(data)
    })()
    for (let count = 0; count < 100; count += 1) {
      const chunk = randomBytes(MiB)
      sent.update(chunk)
      if (!io.write(chunk)) await new Promise(resolve => io.once('drain', resolve))
    }
    io.end()
    await reading
    expect(got.digest('hex')).toBe(sent.digest('hex'))
    expect(await exit).toEqual({ code: 0 })
  })

  it('holds a command back that prints more than is read', { timeout: 120_000 }, async () => {
    const { io, exit } = await run('sh', '-c', 'dd if=/dev/zero bs=1M count=200 2> /tmp/dd; echo done >> /tmp/dd')
    await new Promise(resolve => io.once('readable', resolve))
    const peek = async () => {
      const other = await run('cat', '/tmp/dd')
      let text = ''
      for await (const data of other.io) text += data
      return text
    }
    expect(await peek()).toBe('')
    expect(io.readableLength).toBeLessThan(MiB)
    let sizeBytes = 0
    for await (const data of io) sizeBytes += data.length
    expect(sizeBytes).toBe(200 * MiB)
    expect(await exit).toEqual({ code: 0 })
    expect(await peek()).toContain('done')
  })

  it('ends what reads from a connection that was cut', async () => {
    const { io } = await run('sh', '-c', 'cat > /dev/null; echo ended > /tmp/end')
    io.write('x')
    io.destroy()
    const ended = async () => {
      const stream = await run('cat', '/tmp/end')
      let text = ''
      for await (const data of stream.io) text += data
      return text
    }
    await expect.poll(ended, { timeout: 30_000 }).toBe('ended\n')
  })

  it('is refused in words', async () => {
    const request = { pod: 'none', container: 'app', command: ['true'] }
    await expect(cluster.exec(request)).rejects.toMatchObject({ code: 'not-found', message: 'pods "none" not found' })
    await expect(cluster.exec({ ...request, pod, container: 'none' })).rejects.toMatchObject({ code: 'rejected' })
    await namespace.kubectl(['delete', 'rolebinding', 'podswap'])
    await expect(run('true')).rejects.toMatchObject({ code: 'forbidden', hint: expect.stringContaining('pods/exec') })
  })
})
