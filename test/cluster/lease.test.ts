import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cluster, KubeObject } from '../../src/cluster/cluster.ts'
import { claimSwap } from '../../src/swap/claim.ts'
import { dropLease, findLease } from '../../src/swap/lease.ts'
import { FaultyCluster } from '../src/swap/faulty-cluster.ts'
import { dev, planOptions } from '../src/swap/shapes.ts'
import { RealNamespace, realCluster } from './real-namespace.ts'

const real = realCluster()
const rounds = 100

describe.skipIf(!real)('two who claim a workload at the same instant', () => {
  let namespace: RealNamespace
  let people: Cluster[]
  beforeAll(async () => {
    namespace = await RealNamespace.make(real!, 'claims')
    people = [await namespace.connect(), await namespace.connect()]
    await namespace.apply(JSON.stringify(workload))
  })
  afterAll(() => namespace?.dispose())

  const { signal } = new AbortController()
  const workload: KubeObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 0,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'app', image: 'podswap.test/busybox:1' }] },
      },
    },
  }
  const web = { kind: 'Deployment', name: 'web' } as const
  const claim = (cluster: Cluster, session: string, takeOver = false) => {
    const options = { ...planOptions, sessionId: session, owner: `${session}@host` }
    return claimSwap(cluster, { dev: dev(), options, takeOver, signal, on: () => {} })
  }

  it(`have one winner, ${rounds} times of ${rounds}`, { timeout: 300_000 }, async () => {
    const wins = [0, 0]
    for (let round = 0; round < rounds; round += 1) {
      const claims = await Promise.allSettled(people.map((cluster, index) => claim(cluster, `s${index}`)))
      const [winner, ...others] = [0, 1].filter(index => claims[index]!.status === 'fulfilled')
      expect(others).toEqual([])
      wins[winner!]! += 1
      const [loss] = claims.filter(each => each.status === 'rejected')
      expect(loss?.reason).toMatchObject({ code: 'held', message: expect.stringContaining(`held by s${winner}@host`) })
      expect((await findLease(people[0]!, web, signal))?.session).toBe(`s${winner}`)
      await dropLease(people[0]!, web, `s${winner}`, signal)
    }
    expect(wins[0]! + wins[1]!).toBe(rounds)
  })

  it('have one winner, too, where both take it over', { timeout: 300_000 }, async () => {
    for (let round = 0; round < 20; round += 1) {
      await claim(people[0]!, 'first')
      const claims = await Promise.allSettled(people.map((cluster, index) => claim(cluster, `s${index}`, true)))
      const [winner, ...others] = [0, 1].filter(index => claims[index]!.status === 'fulfilled')
      // one that looked after the other had it has taken it from that one
      const last = (await findLease(people[0]!, web, signal))!.session
      expect([winner, ...others].map(index => `s${index}`)).toContain(last)
      if (others.length === 0) expect(last).toBe(`s${winner}`)
      await dropLease(people[0]!, web, last, signal)
    }
  })

  it('renew with one call, which the API server stamps', async () => {
    const counting = new FaultyCluster(people[0]!, () => undefined)
    const beats: (() => void)[] = []
    const timers = {
      after(_ms: number, action: () => void) {
        beats.push(action)
        return () => {}
      },
    }
    const options = { ...planOptions, sessionId: 's0', owner: 's0@host' }
    const { keeper } = await claimSwap(counting, { dev: dev(), options, signal, on: () => {}, timers })
    const stop = new AbortController()
    const kept = keeper!.keep(stop.signal)
    const first = (await findLease(people[1]!, web, signal))!
    counting.calls.length = 0
    beats.shift()!()
    await expect.poll(() => beats.length).toBe(1)
    expect(counting.calls.map(({ verb, kind }) => `${verb} ${kind}`)).toEqual(['replace Lease'])
    const second = (await findLease(people[1]!, web, signal))!
    expect(second.object.metadata.resourceVersion).not.toBe(first.object.metadata.resourceVersion)
    expect(second.since).toBe(first.since)
    expect(second.ageMs).toBeLessThan(15_000)
    await claim(people[1]!, 's1', true)
    beats.shift()!()
    await expect(kept).rejects.toMatchObject({ code: 'held', message: 'deployment/web was taken over by s1@host' })
    stop.abort()
    await dropLease(people[0]!, web, 's1', signal)
  })
})
