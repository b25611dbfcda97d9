import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cluster } from '../../src/cluster/cluster.ts'
import { deployment } from '../src/cluster/cluster-contract.ts'
import { ready } from '../src/swap/trial.ts'
import { RealNamespace, realCluster } from './real-namespace.ts'

const real = realCluster()
const MiB = 1024 * 1024
const port = 7321

/** Sends back what it gets. */
const echo = `require('net').createServer(s => s.on('error', () => {}).pipe(s)).listen(${port}, '127.0.0.1')`

describe.skipIf(!real)('port-forward on a real cluster', () => {
  let namespace: RealNamespace
  let cluster: Cluster
  let pod: string
  beforeAll(async () => {
    namespace = await RealNamespace.make(real!, 'port')
    cluster = await namespace.connect()
    const server = deployment('echo', 1)
    Object.assign(server.spec.template.spec.containers[0], {
      image: 'podswap.test/node:1',
      command: ['node', '-e', echo],
    })
    await namespace.apply(JSON.stringify(server))
    await ready(cluster, 'Deployment', 'echo')
    pod = (await cluster.list('Pod'))[0]!.metadata.name!
  })
  afterAll(() => namespace?.dispose())

  /** When the echo stands. */
  async function open(): Promise<Duplex> {
    let stream: Duplex | undefined
    await expect
      .poll(
        async () => {
          stream?.destroy()
          stream = await cluster.portForward({ pod, port })
          stream.on('error', () => {}).write('x')
          return await firstOf(stream)
        },
        { timeout: 30_000 },
      )
      .toBe('x')
    return stream!
  }

  it('carries 50 MiB there and back, unchanged', { timeout: 120_000 }, async () => {
    const stream = await open()
    const sent = randomBytes(50 * MiB)
    const got: Buffer[] = []
    let gotBytes = 0
    const reading = new Promise<void>((resolve, reject) => {
      stream.once('close', () => reject(stream.errored ?? new Error('closed early')))
      stream.on('data', (part: Buffer) => {
        got.push(part)
        gotBytes += part.length
        if (gotBytes === sent.length) resolve()
      })
    })
    for (let at = 0; at < sent.length; at += MiB) {
      if (!stream.write(sent.subarray(at, at + MiB))) await new Promise(resolve => stream.once('drain', resolve))
    }
    await reading
    expect(Buffer.concat(got).equals(sent)).toBe(true)
    stream.destroy()
  })

  it('ends where nothing listens, in the node’s words', async () => {
    const stream = await cluster.portForward({ pod, port: 1 })
    const error = await new Promise(resolve => stream.once('error', resolve))
    expect(error).toMatchObject({ code: 'unreachable', message: expect.stringContaining('refused') })
  })

  it('is refused in words', async () => {
    await expect(cluster.portForward({ pod: 'none', port })).rejects.toMatchObject({ code: 'not-found' })
    await namespace.kubectl(['delete', 'rolebinding', 'podswap'])
    const refused = cluster.portForward({ pod, port })
    await expect(refused).rejects.toMatchObject({
      code: 'forbidden',
      hint: expect.stringContaining('pods/portforward'),
    })
  })
})

function firstOf(stream: Duplex): Promise<string> {
  return new Promise(resolve => {
    stream.once('data', part => resolve(String(part)))
    stream.once('close', () => resolve(''))
  })
}
