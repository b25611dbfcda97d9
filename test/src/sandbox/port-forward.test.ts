import { createHash, randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cluster } from '../../../src/cluster/cluster.ts'
import { deployment } from '../cluster/cluster-contract.ts'
import { ready } from '../swap/trial.ts'
import { SandboxWorld } from './sandbox-world.ts'

const MiB = 1024 * 1024

describe('port-forward in the sandbox', { timeout: 120_000 }, () => {
  let world: SandboxWorld
  let cluster: Cluster
  let pod: string
  let server: Server
  let port: number
  beforeAll(async () => {
    server = createServer({ allowHalfOpen: true }, socket => socket.pipe(socket))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    port = (server.address() as AddressInfo).port
    world = await SandboxWorld.make()
    world.runtime.dial = wanted =>
      new Promise((resolve, reject) => {
        const socket = connect({ port: wanted, host: '127.0.0.1', allowHalfOpen: true }, () => resolve(socket))
        socket.once('error', reject)
      })
    cluster = await world.connect('ann')
    world.sandbox.apply([deployment('web', 1)])
    await ready(cluster, 'Deployment', 'web')
    pod = (await cluster.list('Pod'))[0]!.metadata.name!
  }, 120_000)
  afterAll(async () => {
    await world?.close()
    server?.close()
  })

  it('carries 20 MiB there and back, unchanged, and the end of both', async () => {
    const stream = await cluster.portForward({ pod, port })
    const sent = createHash('sha256')
    const got = buffer(stream)
    for (let count = 0; count < 20; count += 1) {
      const chunk = randomBytes(MiB)
      sent.update(chunk)
      if (!stream.write(chunk)) await new Promise(resolve => stream.once('drain', resolve))
    }
    stream.end()
    const whole = await got
    expect(whole.length).toBe(20 * MiB)
    expect(createHash('sha256').update(whole).digest('hex')).toBe(sent.digest('hex'))
  })

  it('holds back what nobody reads', async () => {
    const stream = await cluster.portForward({ pod, port })
    let taken = 0
    let isHeld = false
    // nothing of the echo is read: at last nothing more is taken
    while (!isHeld && taken < 200 * MiB) {
      taken += MiB
      if (stream.write(Buffer.alloc(MiB))) continue
      isHeld = await Promise.race([
        new Promise<boolean>(resolve => stream.once('drain', () => resolve(false))),
        new Promise<boolean>(resolve => setTimeout(() => resolve(true), 2_000)),
      ])
    }
    expect(taken).toBeLessThan(200 * MiB)
    stream.destroy()
  })

  it('says why a port cannot be reached, and what is not allowed', async () => {
    const closed = createServer()
    await new Promise<void>(resolve => closed.listen(0, '127.0.0.1', resolve))
    const free = (closed.address() as AddressInfo).port
    await new Promise(resolve => closed.close(resolve))
    const stream = await cluster.portForward({ pod, port: free })
    await expect(buffer(stream)).rejects.toThrow('ECONNREFUSED')
    await expect(cluster.portForward({ pod: 'none', port })).rejects.toMatchObject({ code: 'not-found' })
    const eve = await world.connect('eve')
    await expect(eve.portForward({ pod, port })).rejects.toMatchObject({ code: 'forbidden' })
  })
})
