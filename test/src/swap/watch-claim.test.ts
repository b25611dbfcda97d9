import { expect, it } from 'vitest'
import type { Cluster, Kind, KubeObject } from '../../../src/cluster/cluster.ts'
import { watchClaim } from '../../../src/swap/watch-claim.ts'
import { FakeTime, settle } from '../../syncer/wire/fake-time.ts'

it('tells once why a claim is not bound, in the cluster’s words, until it is', async () => {
  const claim: KubeObject = { metadata: { name: 'c', uid: 'u' }, status: { phase: 'Pending' } }
  const events = [{ metadata: {}, reason: 'WaitForFirstConsumer', message: 'waiting for first consumer' }]
  const cluster = {
    find: async () => claim,
    list: async (_: Kind, { fieldSelector }: { fieldSelector: string }) =>
      fieldSelector === 'involvedObject.uid=u' ? events : [],
  } as unknown as Cluster
  const time = new FakeTime()
  const told: unknown[] = []
  const { signal } = new AbortController()
  const watching = watchClaim(cluster, 'c', { signal, on: news => told.push(news), timers: time })
  const look = async () => {
    await settle()
    time.advance(2_000)
    await settle()
  }
  await look()
  expect(told).toEqual([])
  events.push({
    metadata: {},
    reason: 'FailedBinding',
    message: 'no persistent volumes available\nand no class is set',
  })
  await look()
  await look()
  expect(told).toEqual([
    expect.objectContaining({
      state: 'warning',
      name: 'the volume c',
      message: expect.stringMatching(/^FailedBinding: no persistent volumes available.*no class is set$/),
    }),
  ])
  claim.status = { phase: 'Bound' }
  await look()
  await watching
  expect(time.pendingTimers).toBe(0)
})

it('ends with a claim that is gone', async () => {
  let looks = 0
  const find = async () => {
    looks += 1
    return looks === 1 ? { metadata: { name: 'c', uid: 'u' }, status: { phase: 'Pending' } } : null
  }
  const cluster = { find, list: async () => [] } as unknown as Cluster
  const time = new FakeTime()
  const { signal } = new AbortController()
  const watching = watchClaim(cluster, 'c', { signal, on: () => {}, timers: time })
  await settle()
  time.advance(2_000)
  await settle()
  await watching
  expect(looks).toBe(2)
  expect(time.pendingTimers).toBe(0)
})
