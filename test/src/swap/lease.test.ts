import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../src/cluster/cluster.ts'
import { claimSwap, type SwapClaim } from '../../../src/swap/claim.ts'
import { dropLease, findLease, leaseName, readLease, takeLease } from '../../../src/swap/lease.ts'
import { marks, readRecord } from '../../../src/swap/record.ts'
import { findSwapped } from '../../../src/swap/swapped.ts'
import { FakeTime, settle } from '../../syncer/wire/fake-time.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { FaultyCluster } from './faulty-cluster.ts'
import { dev, planOptions, webDeployment } from './shapes.ts'
import { expectUntouched, ready, Trial } from './trial.ts'

let cluster: MemoryCluster
let trial: Trial
let before: KubeObject
const { signal } = new AbortController()
const web = { kind: 'Deployment', name: 'web' } as const
const ben = { options: { owner: 'ben@desk', sessionId: 'b1' } }
beforeEach(async () => {
  cluster = new MemoryCluster()
  trial = new Trial(cluster)
  const { uid, resourceVersion, ...metadata } = webDeployment().metadata
  cluster.applyServerSide({ ...webDeployment(), metadata })
  before = await ready(cluster, 'Deployment', 'web')
})
afterEach(() => cluster.close())

const lease = () => cluster.peek('Lease', leaseName('Deployment', 'web'))
/** Nobody renews it for so long. */
const pass = (seconds: number) => {
  cluster.aheadMs += seconds * 1000
}
const warnings = () => trial.events.flatMap(event => (event.type === 'warning' ? [event.message] : []))

describe('a Lease', () => {
  it('says who is at the workload, since when, and goes with it', async () => {
    await trial.up()
    const state = readLease(lease()!, cluster.serverTimeMs())
    expect(state).toMatchObject({ owner: 'ann@laptop', session: 'k3f9', dev: 'web', isExpired: false })
    expect(Math.abs(Date.parse(state.since) - Date.now())).toBeLessThan(30_000)
    expect(lease()).toMatchObject({
      metadata: {
        labels: { [marks.lease]: 'k3f9' },
        ownerReferences: [{ kind: 'Deployment', name: 'web', uid: before.metadata.uid }],
      },
      spec: { leaseDurationSeconds: 45, leaseTransitions: 0 },
    })
    await trial.down()
    expect(lease()).toBeUndefined()
    await expectUntouched(cluster, before)
  })

  it('of a user whose name has a blank is theirs all the same', async () => {
    const john = { options: { owner: 'John Doe@box' } }
    await trial.up(john)
    expect(readLease(lease()!, cluster.serverTimeMs())).toMatchObject({ owner: 'John Doe@box', session: 'k3f9' })
    expect(await trial.up(john)).toMatchObject({ resumed: true })
    await trial.down()
    expect(lease()).toBeUndefined()
    await expectUntouched(cluster, before)
  })

  it('decides, too, where somebody else swaps between the look and the try of the clone', async () => {
    const slow = new FaultyCluster(cluster, () => undefined)
    const create = slow.create.bind(slow)
    let isFirst = true
    slow.create = async (kind, object, options) => {
      if (isFirst && options?.dryRun) {
        isFirst = false
        await trial.up(ben)
      }
      return create(kind, object, options)
    }
    await expect(trial.up({}, slow)).rejects.toMatchObject({
      code: 'held',
      message: expect.stringContaining('ben@desk'),
    })
    expect(isFirst).toBe(false)
    await trial.down()
    await expectUntouched(cluster, before)
  })

  it('is taken before anything is touched, and given back where nothing comes of it', async () => {
    const claim = await claimSwap(cluster, request())
    expect(readLease(lease()!, cluster.serverTimeMs())).toMatchObject({ session: 'k3f9' })
    expect(cluster.peek('Deployment', 'web')).toEqual(before)
    await expect(trial.up(ben)).rejects.toMatchObject({ code: 'held' })
    await claim.keeper!.drop(signal)
    expect(lease()).toBeUndefined()
    expect(await trial.up(ben)).toMatchObject({ replicas: 2 })
  })

  it('that was not renewed is taken, with a line that says so', async () => {
    await trial.up()
    pass(44)
    await expect(trial.up(ben)).rejects.toMatchObject({ code: 'held', message: expect.stringContaining('(seen 4') })
    pass(56 * 60)
    trial.events.length = 0
    await trial.up(ben)
    expect(warnings()).toContainEqual(
      expect.stringMatching(
        /^deployment\/web is held by ann@laptop since .* and was last there 57 min ago: taken over$/,
      ),
    )
    expect(lease()!.spec).toMatchObject({ holderIdentity: 'ben@desk b1', leaseTransitions: 1 })
    expect(readRecord(cluster.peek('Deployment', 'web-podswap')!)).toMatchObject({ owner: 'ben@desk', replicas: 2 })
    await trial.down()
    await expectUntouched(cluster, before)
  })

  it('is judged by the API server’s clock, whatever the laptops’ say', async () => {
    pass(-3_600)
    await trial.up()
    const { spec } = lease()!
    // the holder's clock is an hour slow
    cluster.store('Lease', { ...lease()!, spec: { ...spec, renewTime: '2020-01-01T00:00:00.000000Z' } })
    await expect(trial.up(ben)).rejects.toMatchObject({ code: 'held' })
  })

  it('that is gone while the workload is swapped tells nothing: only --take-over takes it', async () => {
    await trial.up()
    cluster.remove('Lease', leaseName('Deployment', 'web'))
    await expect(trial.up(ben)).rejects.toMatchObject({
      code: 'held',
      hint: expect.stringContaining('cannot be told'),
    })
    await trial.up({ ...ben, takeOver: true })
    expect(readLease(lease()!, cluster.serverTimeMs())).toMatchObject({ session: 'b1' })
  })

  it('of a third who lapsed says nothing of who swapped it', async () => {
    cluster.denies = (_verb, kind) => kind === 'Lease'
    await trial.up()
    cluster.denies = () => false
    const cat = { owner: 'cat@hut', session: 'c1', dev: 'web' }
    await takeLease(cluster, { workload: before, holder: cat, takeOver: false, signal }, null)
    pass(100)
    await expect(trial.up(ben)).rejects.toMatchObject({ code: 'held', message: expect.stringContaining('ann@laptop') })
  })

  it('has one winner of all who try at the same instant: to make it, or to take it over', async () => {
    const people = ['ann', 'ben', 'cat'].map(session => ({ owner: `${session}@hut`, session, dev: 'web' }))
    const dan = { owner: 'dan@hut', session: 'dan', dev: 'web' }
    for (let round = 0; round < 100; round += 1) {
      const takeOver = round % 2 === 1
      if (takeOver) await takeLease(cluster, { workload: before, holder: dan, takeOver, signal }, null)
      const found = await findLease(cluster, web, signal)
      const takings = people.map(holder => takeLease(cluster, { workload: before, holder, takeOver, signal }, found))
      const results = await Promise.allSettled(takings)
      const [winner, ...others] = people.filter((_, index) => results[index]!.status === 'fulfilled')
      expect(others).toEqual([])
      expect(readLease(lease()!, cluster.serverTimeMs()).session).toBe(winner!.session)
      for (const result of results) {
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'held' })
      }
      await dropLease(cluster, web, winner!.session, signal)
    }
  })

  it('without the right to it: up works, says so with the rules, and the labels decide', async () => {
    cluster.denies = (_verb, kind) => kind === 'Lease'
    await trial.up()
    const told = trial.events.find(event => event.type === 'warning' && event.message.includes('Leases'))
    expect(told).toMatchObject({ hint: expect.stringContaining('coordination.k8s.io') })
    await expect(trial.up(ben)).rejects.toMatchObject({ code: 'held' })
    expect(await findSwapped(cluster, { signal })).toMatchObject([{ name: 'web', state: 'swapped' }])
    expect(await trial.down()).toMatchObject({ state: 'reverted', leftovers: [] })
    cluster.denies = () => false
    await expectUntouched(cluster, before)
  })

  it('with only the right to read: likewise', async () => {
    cluster.denies = (verb, kind) => kind === 'Lease' && verb !== 'get' && verb !== 'list'
    expect(await trial.up()).toMatchObject({ replicas: 2 })
    expect(await trial.down()).toMatchObject({ state: 'reverted', leftovers: [] })
  })

  it('alone, left by a crash, is found and taken away', async () => {
    await claimSwap(cluster, request())
    expect(await findSwapped(cluster, { signal })).toMatchObject([
      { name: 'web', state: 'claimed', owner: 'ann@laptop', dev: 'web' },
    ])
    expect(await trial.down()).toMatchObject({ state: 'nothing' })
    await expectUntouched(cluster, before)
  })
})

describe('a session keeps its Lease', () => {
  const time = () => new FakeTime()
  async function kept(): Promise<{ clock: FakeTime; claim: SwapClaim; ended: Promise<void>; stop: AbortController }> {
    const clock = time()
    const claim = await claimSwap(cluster, { ...request(), timers: clock })
    const stop = new AbortController()
    const ended = claim.keeper!.keep(stop.signal)
    ended.catch(() => {})
    return { clock, claim, ended, stop }
  }
  const version = () => Number(lease()?.metadata.resourceVersion)
  const beat = async (clock: FakeTime, ms = 15_000) => {
    pass(ms / 1000)
    await clock.advance(ms)
    await settle()
  }

  it('with one write every 15 s, until it ends', async () => {
    const { clock, ended, stop } = await kept()
    for (let round = 0; round < 10; round += 1) {
      const was = version()
      await beat(clock)
      await expect.poll(version).toBe(was + 1)
    }
    await expect(trial.up(ben)).rejects.toMatchObject({ code: 'held' })
    stop.abort()
    await ended
    expect(clock.pendingTimers).toBe(0)
  })

  it('through an API server that is away for less than it lasts', async () => {
    const { clock, stop, ended } = await kept()
    const was = version()
    cluster.denies = verb => verb === 'update'
    await beat(clock)
    await beat(clock, 5_000)
    expect(version()).toBe(was)
    cluster.denies = () => false
    await beat(clock, 5_000)
    await expect.poll(version).toBe(was + 1)
    stop.abort()
    await ended
  })

  it('and is told when somebody else takes it', async () => {
    const { clock, ended } = await kept()
    await trial.up({ ...ben, takeOver: true })
    await beat(clock)
    await expect(ended).rejects.toMatchObject({ code: 'held', message: 'deployment/web was taken over by ben@desk' })
  })

  it('and after sleep at once', async () => {
    const { claim, ended } = await kept()
    pass(3_600)
    await trial.up(ben)
    claim.keeper!.renewNow()
    await expect(ended).rejects.toMatchObject({ code: 'held' })
  })

  it('and makes it anew where it was deleted under it, unless the swap is over', async () => {
    const { clock, stop, ended } = await kept()
    cluster.remove('Lease', leaseName('Deployment', 'web'))
    await beat(clock)
    expect(lease()).toBeUndefined()
    await trial.up()
    cluster.remove('Lease', leaseName('Deployment', 'web'))
    await beat(clock)
    await expect.poll(lease).toMatchObject({ spec: { holderIdentity: 'ann@laptop k3f9' } })
    stop.abort()
    await ended
  })

  it('is told who puts the workload back, and nobody swaps it meanwhile', async () => {
    const { clock, ended } = await kept()
    await trial.up()
    await ready(cluster, 'Deployment', 'web-podswap')
    const volumes = [{ name: 'd', persistentVolumeClaim: { claimName: 'd' } }]
    cluster.edit('Deployment', 'web', { spec: { template: { spec: { volumes } } } })
    cluster.controllers.holds = pod => pod.metadata.labels?.[marks.clone] !== undefined
    const down = trial.down()
    await expect.poll(trial.types.bind(trial)).toContain('waiting-clone-pod')
    await expect(trial.up(ben)).rejects.toMatchObject({ code: 'held', message: expect.stringContaining('cara@desk') })
    await beat(clock)
    await expect(ended).rejects.toMatchObject({ code: 'held', message: 'cara@desk is putting deployment/web back' })
    cluster.controllers.holds = () => false
    cluster.controllers.changed()
    expect(await down).toMatchObject({ state: 'reverted' })
    expect(lease()).toBeUndefined()
  })
})

function request() {
  return { dev: dev(), options: planOptions, signal, on: () => {} }
}
