import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cluster } from '../../../src/cluster/cluster.ts'
import { deployment } from '../cluster/cluster-contract.ts'
import { SandboxWorld } from './sandbox-world.ts'

const patience = { timeout: 30_000, interval: 20 }

describe('watches of the sandbox', { timeout: 120_000 }, () => {
  let world: SandboxWorld
  let cluster: Cluster
  beforeAll(async () => {
    world = await SandboxWorld.make({ times: { bookmarkMs: 20 } })
    cluster = await world.connect('ann')
  })
  afterAll(() => world?.close())

  const watches = () => world.requests.filter(({ url }) => url.includes('watch=true'))

  it('are listed again after a 410, and tell what vanished meanwhile', async () => {
    world.sandbox.apply([deployment('first', 0), deployment('second', 0)])
    const events: string[] = []
    const stop = new AbortController()
    let lists = 0
    const listed = () => {
      lists += 1
    }
    const watching = cluster.watch('Lease', { signal: stop.signal, listed }, ({ type, object }) =>
      events.push(`${type} ${object.metadata.name}`),
    )
    await cluster.create('Lease', { metadata: { name: 'one' }, spec: {} })
    await expect.poll(() => events, patience).toContain('ADDED one')
    // the versions that a cut connection would come back with are gone
    world.sandbox.forgetHistory()
    world.sandbox.cutConnections()
    // over a connection of its own
    const ben = await world.connect('ben')
    await ben.delete('Lease', 'one')
    await expect.poll(() => events, { timeout: 30_000 }).toContain('DELETED one')
    expect(lists).toBeGreaterThan(0)
    stop.abort()
    await watching
  })

  it('go on after a cut from the last bookmark', async () => {
    const stop = new AbortController()
    const events: string[] = []
    const watching = cluster.watch('Lease', { signal: stop.signal }, ({ object }) =>
      events.push(object.metadata.name ?? ''),
    )
    const before = watches().length
    await expect.poll(() => watches().length, patience).toBeGreaterThan(before)
    // something else moves the version on, which only a bookmark tells
    world.sandbox.apply([deployment('third', 0)])
    const version = Number((await cluster.get('Deployment', 'third')).metadata.resourceVersion)
    const versionOf = (url: string) => Number(new URL(url, world.sandbox.url).searchParams.get('resourceVersion'))
    await expect
      .poll(
        () => {
          world.sandbox.cutConnections()
          return versionOf(watches().at(-1)!.url)
        },
        { timeout: 30_000, interval: 500 },
      )
      .toBeGreaterThanOrEqual(version)
    expect(events).toEqual([])
    stop.abort()
    await watching
  })
})
