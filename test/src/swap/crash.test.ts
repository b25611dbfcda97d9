import { afterEach, describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../src/cluster/cluster.ts'
import { ClusterError } from '../../../src/cluster/cluster.ts'
import { refusalOf } from '../../../src/cluster/refusal.ts'
import { marks } from '../../../src/swap/record.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { Died, type Fault, FaultyCluster } from './faulty-cluster.ts'
import { dbStatefulSet, dev, webDeployment } from './shapes.ts'
import { expectUntouched, ready, Trial } from './trial.ts'

const clusters: MemoryCluster[] = []
afterEach(() => {
  for (const cluster of clusters.splice(0)) cluster.close()
})

const written = (workload: KubeObject) => {
  const { uid, resourceVersion, ...metadata } = workload.metadata
  return { ...workload, metadata }
}
const shapes: [string, KubeObject][] = [
  ['a Deployment', written(webDeployment())],
  [
    'a Deployment with a claim',
    written(webDeployment({ pod: { volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'd' } }] } })),
  ],
  [
    'a StatefulSet that deletes claims',
    written(
      dbStatefulSet({
        spec: { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Delete' } },
      }),
    ),
  ],
]

async function start(workload: KubeObject) {
  const cluster = new MemoryCluster()
  clusters.push(cluster)
  cluster.applyServerSide(workload)
  const { kind, metadata } = workload
  const before = await ready(cluster, kind as 'Deployment', metadata.name!)
  const name = metadata.name!
  const trial = new Trial(cluster)
  const up = (faulty: FaultyCluster) => trial.up({ dev: dev({ name }) }, faulty)
  const down = (faulty?: FaultyCluster) => trial.down({ kind: kind as 'Deployment', name }, faulty ?? cluster)
  return { cluster, before, up, down, claims: cluster.all('PersistentVolumeClaim') }
}

describe.each(shapes)('%s', { timeout: 300_000 }, (_name, workload) => {
  it.each(['before', 'after'] as const)('comes back whichever call up dies at: %s it', async die => {
    let deaths = 0
    for (let at = 1; ; at += 1) {
      const { cluster, before, up, down, claims } = await start(workload)
      const faulty = new FaultyCluster(cluster, ({ index }) => (index === at ? { die } : undefined))
      const isWhole = await up(faulty).then(
        () => true,
        error => {
          expect(error).toBeInstanceOf(Died)
          return false
        },
      )
      expect(await down()).toMatchObject({ isReady: true, leftovers: [] })
      const cloneWasMade = faulty.calls.some(
        ({ verb, kind, dryRun }) => verb === 'create' && kind === 'Deployment' && !dryRun,
      )
      const last = faulty.calls.at(-1)
      const cloneWasLost = !cloneWasMade || (die === 'before' && last?.verb === 'create' && last.kind === 'Deployment')
      await expectUntouched(cluster, before, { cloneWasLost })
      expect(cluster.all('PersistentVolumeClaim')).toEqual(claims)
      cluster.close()
      if (isWhole) break
      deaths += 1
    }
    expect(deaths).toBeGreaterThan(6)
  })

  it.each(['before', 'after'] as const)('comes back whichever call down dies at: %s it', async die => {
    let deaths = 0
    for (let at = 1; ; at += 1) {
      const { cluster, before, up, down, claims } = await start(workload)
      await up(new FaultyCluster(cluster, () => undefined))
      const faulty = new FaultyCluster(cluster, ({ index }) => (index === at ? { die } : undefined))
      const isWhole = await down(faulty).then(
        () => true,
        error => {
          expect(error).toBeInstanceOf(Died)
          return false
        },
      )
      await down()
      await ready(cluster, workload.kind as 'Deployment', workload.metadata.name!)
      await expectUntouched(cluster, before)
      expect(cluster.all('PersistentVolumeClaim')).toEqual(claims)
      cluster.close()
      if (isWhole) break
      deaths += 1
    }
    expect(deaths).toBeGreaterThan(5)
  })

  const where = { server: 's', context: 'c', namespace: 'test' }
  const refused = (status: number, reason: string) =>
    refusalOf(status, JSON.stringify({ reason, message: reason }), { verb: '', group: '', resource: '' }, where)
  const lost = new UserError('timeout', 'no answer', { cause: new ClusterError(0, 'Network', 'no answer') })
  it.each<[string, Fault]>([
    ['a conflict', { refuse: refused(409, 'Conflict') }],
    ['a lost answer', { lose: lost }],
    ['a dropped connection', { refuse: new UserError('unreachable', 'reset', { cause: lost.cause }) }],
  ])('goes through %s at each write', async (_name, fault) => {
    for (let at = 1; ; at += 1) {
      const { cluster, before, up, down } = await start(workload)
      let writes = 0
      const once = (call: { verb: string; dryRun: boolean }) => {
        if (!['create', 'patch', 'replace', 'delete'].includes(call.verb) || call.dryRun) return undefined
        writes += 1
        return writes === at ? fault : undefined
      }
      const faulty = new FaultyCluster(cluster, once)
      expect(await up(faulty)).toMatchObject({ replicas: 2 })
      expect(cluster.peek(workload.kind as 'Deployment', workload.metadata.name!)).toMatchObject({
        spec: { replicas: 0 },
        metadata: { labels: { [marks.undo]: expect.stringMatching(/^r2/) } },
      })
      expect(await down(faulty)).toMatchObject({ state: 'reverted', leftovers: [] })
      await expectUntouched(cluster, before)
      cluster.close()
      if (writes < at) break
    }
  })

  const network = new ClusterError(0, 'Network', 'no answer')
  const timedOut = new UserError('timeout', 'no answer', { cause: network })
  const dropped = new UserError('unreachable', 'reset', { cause: network })
  it.each<[string, Fault]>([
    ['409', { refuse: refused(409, 'Conflict') }],
    ['429', { refuse: refused(429, 'TooManyRequests') }],
    ['500', { refuse: refused(500, 'InternalError') }],
    ['a timeout before it was done', { refuse: timedOut }],
    ['a timeout after it was done', { lose: timedOut }],
    ['a connection dropped before it was done', { refuse: dropped }],
    ['a connection dropped after it was done', { lose: dropped }],
  ])('comes back with the next down after %s at every call of up and of down', async (_name, fault) => {
    let faults = 0
    for (let at = 1; ; at += 1) {
      const { cluster, before, up, down, claims } = await start(workload)
      // a watch mends its own faults below this port
      const faulty = new FaultyCluster(cluster, ({ index, verb }) =>
        index === at && verb !== 'watch' ? fault : undefined,
      )
      const failures: unknown[] = []
      for (const work of [up, down]) await work(faulty).catch(error => failures.push(error))
      for (const failure of failures) expect(failure).toBeInstanceOf(UserError)
      expect(await down()).toMatchObject({ leftovers: [] })
      await ready(cluster, workload.kind as 'Deployment', workload.metadata.name!)
      const owners = faulty.calls.some(
        ({ verb, kind, dryRun }) => verb === 'create' && kind === 'Deployment' && !dryRun,
      )
      await expectUntouched(cluster, before, { cloneWasLost: !owners || failures.length > 0 })
      expect(cluster.all('PersistentVolumeClaim')).toEqual(claims)
      cluster.close()
      if (faulty.calls.length < at) break
      faults += 1
    }
    expect(faults).toBeGreaterThan(15)
  })

  it('fails and comes back after an error at each call of up', async () => {
    for (let at = 1; ; at += 1) {
      const { cluster, before, up, down } = await start(workload)
      const faulty = new FaultyCluster(cluster, ({ index }) =>
        index === at ? { refuse: refused(500, 'InternalError') } : undefined,
      )
      const error = await up(faulty).then(
        () => undefined,
        error => error,
      )
      if (error) expect(error).toMatchObject({ code: 'unreachable' })
      expect(await down()).toMatchObject({ leftovers: [] })
      await expectUntouched(cluster, before, { cloneWasLost: error !== undefined })
      cluster.close()
      if (faulty.calls.length < at) break
    }
  })
})
