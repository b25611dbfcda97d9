import { afterEach, beforeEach, expect, it } from 'vitest'
import { leaseName } from '../../../src/swap/lease.ts'
import { type LeftoverView, leftoversOf } from '../../../src/swap/leftovers.ts'
import { marks } from '../../../src/swap/record.ts'
import { findSwapped } from '../../../src/swap/swapped.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { dbStatefulSet, dev, planOptions, webDeployment } from './shapes.ts'
import { expectUntouched, ready, Trial } from './trial.ts'

let cluster: MemoryCluster
let trial: Trial
const { signal } = new AbortController()
beforeEach(async () => {
  cluster = new MemoryCluster()
  trial = new Trial(cluster)
  const { uid, resourceVersion, ...metadata } = webDeployment().metadata
  cluster.applyServerSide({ ...webDeployment(), metadata })
  await ready(cluster, 'Deployment', 'web')
})
afterEach(() => cluster.close())

const found = async (more: Partial<LeftoverView> = {}) => {
  const view = {
    viewer: 'cara@desk',
    heldHere: [],
    endedHere: [],
    fetchable: [],
    nowMs: cluster.serverTimeMs(),
    ...more,
  }
  return leftoversOf(await findSwapped(cluster, { signal }), view)
}
const pass = (minutes: number) => {
  cluster.aheadMs += minutes * 60_000
}
const loseLease = () => cluster.remove('Lease', leaseName('Deployment', 'web'))

it('is nothing while somebody is at it', async () => {
  expect(await found()).toEqual([])
  await trial.up()
  expect(await found()).toEqual([])
  pass(5)
  expect(await found({ heldHere: ['deployment/web'] })).toEqual([])
})

it('is a swap that nobody is at, until it is put back', async () => {
  const before = cluster.peek('Deployment', 'web')!
  await trial.up()
  pass(5)
  expect(await found()).toMatchObject([
    {
      kind: 'no-session',
      message: expect.stringMatching(
        /^deployment\/web is swapped by ann@laptop, last seen 5 min ago, and nobody is at it$/,
      ),
      fix: 'put deployment/web back to 2 replicas; what was edited in its pod alone is lost',
    },
  ])
  await trial.down()
  expect(await found()).toEqual([])
  await expectUntouched(cluster, before)
})

it('is mended after what its pod wrote was fetched, where this laptop has its folders', async () => {
  await trial.up()
  pass(5)
  expect(await found({ fetchable: [planOptions.sessionId] })).toMatchObject([
    { kind: 'no-session', fix: 'fetch what was written in its pod, and put deployment/web back to 2 replicas' },
  ])
})

it('is at once what a process of this laptop held that is gone', async () => {
  const endedHere = [planOptions.sessionId]
  await trial.up()
  expect(await found({ endedHere: ['another'] })).toEqual([])
  expect(await found({ endedHere })).toMatchObject([{ kind: 'no-session' }])
  await cluster.delete('Deployment', 'web-podswap')
  expect(await found({ endedHere })).toMatchObject([{ kind: 'half-swapped' }])
  const labels = { [marks.undo]: null, [marks.session]: null }
  cluster.edit('Deployment', 'web', { metadata: { labels }, spec: { replicas: 2 } })
  expect(await found({ endedHere })).toMatchObject([
    { kind: 'lease', message: 'a Lease of deployment/web is of a process that is gone' },
  ])
  expect(await found()).toEqual([])
})

it('may be a swap without a Lease: mended for its owner, told to others', async () => {
  await trial.up()
  loseLease()
  const [others] = await found()
  expect(others).toMatchObject({ kind: 'no-session', message: expect.stringContaining('no Lease tells') })
  expect(others?.fix).toBeUndefined()
  expect(await found({ viewer: 'ann@laptop' })).toMatchObject([
    { fix: expect.stringContaining('put deployment/web back') },
  ])
})

it('is an original at 0 without a clone', async () => {
  await trial.up()
  pass(5)
  await cluster.delete('Deployment', 'web-podswap')
  expect(await found()).toMatchObject([
    { kind: 'half-swapped', message: 'deployment/web is at 0 with its undo record, and has no clone' },
  ])
  await trial.down()
  expect(cluster.peek('Deployment', 'web')!.spec.replicas).toBe(2)
  expect(await found()).toEqual([])
})

it('is a clone whose original is back, and a Lease of nothing', async () => {
  await trial.up()
  pass(5)
  const labels = { [marks.undo]: null, [marks.session]: null }
  cluster.edit('Deployment', 'web', { metadata: { labels }, spec: { replicas: 2 } })
  cluster.edit('Deployment', 'web-podswap', { spec: { replicas: 0 } })
  expect(await found()).toMatchObject([{ kind: 'clone', fix: 'delete web-podswap' }])
  cluster.remove('Deployment', 'web-podswap')
  expect(await found()).toMatchObject([{ kind: 'lease', fix: 'delete the Lease' }])
  await trial.down()
  expect(await found()).toEqual([])
  expect(cluster.all('Lease')).toEqual([])
})

it('is a workload that is scaled up, and whose pods the namespace refuses', async () => {
  const before = cluster.peek('Deployment', 'web')!
  await trial.up()
  await ready(cluster, 'Deployment', 'web-podswap')
  cluster.controllers.admit = pod => (pod.metadata.labels?.[marks.clone] ? pod : new Error('exceeded quota: pods=0'))
  await expect(trial.down({ readyMs: 500 })).rejects.toMatchObject({ code: 'rejected' })
  expect(await cluster.list('Lease', { labelSelector: marks.lease })).toEqual([])
  expect(await found()).toMatchObject([
    {
      kind: 'refused',
      message:
        'deployment/web is scaled up again and has 0 of 2 replicas: the namespace refuses its pods: exceeded quota: pods=0',
      fix: 'ask for its pods anew, and put deployment/web back when it gets them',
    },
  ])
  cluster.controllers.admit = pod => pod
  await trial.down()
  expect(await found()).toEqual([])
  await expectUntouched(cluster, before)
})

it('is a StatefulSet of that kind, of which events alone tell', async () => {
  const { uid, resourceVersion, ...metadata } = dbStatefulSet().metadata
  cluster.applyServerSide({ ...dbStatefulSet(), metadata })
  await ready(cluster, 'StatefulSet', 'db')
  await trial.up({ dev: dev({ name: 'db' }) })
  cluster.controllers.admit = pod => (pod.metadata.labels?.[marks.clone] ? pod : new Error('exceeded quota: pods=0'))
  await expect(trial.down({ kind: 'StatefulSet', name: 'db', readyMs: 3_000 })).rejects.toMatchObject({
    code: 'rejected',
  })
  expect(await found()).toMatchObject([
    {
      kind: 'refused',
      message: expect.stringMatching(/^statefulset\/db .* has 0 of 2 replicas: .*exceeded quota: pods=0$/),
    },
  ])
})
