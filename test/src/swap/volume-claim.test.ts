import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Dev } from '../../../src/manifest/manifest.ts'
import { marks } from '../../../src/swap/record.ts'
import { findSwapped } from '../../../src/swap/swapped.ts'
import { deleteClaim, listClaims } from '../../../src/swap/volume-claim.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { FaultyCluster } from './faulty-cluster.ts'
import { dev, webDeployment } from './shapes.ts'
import { expectUntouched, ready, Trial } from './trial.ts'

const at = { file: '/code/dev.yml', line: 4, column: 7 }
const volumes = [{ path: '/cache', at }]
const wanted = (more: Partial<NonNullable<Dev['persistentVolume']>> = {}): Dev =>
  dev({ volumes, persistentVolume: { size: '1Gi', accessMode: 'ReadWriteOnce', at, ...more } })

let cluster: MemoryCluster
let trial: Trial
beforeEach(async () => {
  cluster = new MemoryCluster()
  trial = new Trial(cluster)
  const { uid, resourceVersion, ...metadata } = webDeployment().metadata
  cluster.applyServerSide({ ...webDeployment(), metadata })
  await ready(cluster, 'Deployment', 'web')
})
afterEach(() => cluster.close())

const claims = () => cluster.all('PersistentVolumeClaim')
const signal = AbortSignal.timeout(60_000)

describe('the claim of a dev', () => {
  it('is made before its pod, bears our marks, and outlives the swap', async () => {
    const before = await cluster.get('Deployment', 'web')
    const swap = await trial.up({ dev: wanted({ labels: { team: 'a' }, storageClass: 'fast' }) })
    const [claim] = claims()
    expect(claim).toMatchObject({
      metadata: {
        labels: { team: 'a', [marks.volume]: 'k3f9' },
        annotations: { [marks.dev]: 'web', [marks.workload]: 'deployment/web', [marks.owner]: 'ann@laptop' },
      },
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage: '1Gi' } },
        storageClassName: 'fast',
      },
    })
    expect(claim?.metadata.ownerReferences).toBeUndefined()
    expect(trial.types().indexOf('volume-created')).toBeLessThan(trial.types().indexOf('clone-created'))
    const [swapped] = await findSwapped(cluster, { signal })
    expect(swapped?.claim).toBe(claim?.metadata.name)
    await ready(cluster, 'Deployment', swap.clone)
    await trial.down()
    await expectUntouched(cluster, before)
    expect(claims().map(({ metadata }) => metadata.uid)).toEqual([claim?.metadata.uid])
    await trial.up({ dev: wanted({ storageClass: 'fast' }) })
    expect(claims().map(({ metadata }) => metadata.uid)).toEqual([claim?.metadata.uid])
    expect(trial.types().filter(type => type === 'volume-created')).toHaveLength(1)
    await trial.down()
    const [kept] = await listClaims(cluster, signal)
    expect(kept).toMatchObject({ owner: 'ann@laptop', workload: 'deployment/web', size: '1Gi', dev: 'web' })
    await deleteClaim(cluster, kept!, signal)
    expect(claims()).toEqual([])
  })

  it('is each session’s own', async () => {
    await trial.up({ dev: wanted() })
    await trial.down()
    await trial.up({ dev: wanted(), options: { sessionId: 'ben', owner: 'ben@desk' } })
    expect(new Set(claims().map(({ metadata }) => metadata.name)).size).toBe(2)
    await trial.down()
  })

  it('grows, and refuses what a claim cannot do, before anything is touched', async () => {
    await trial.up({ dev: wanted() })
    await trial.up({ dev: wanted({ size: '2Gi' }) })
    expect(claims()[0]?.spec.resources.requests.storage).toBe('2Gi')
    await trial.down()
    const before = await cluster.get('Deployment', 'web')
    await expect(trial.up({ dev: wanted({ size: '1Gi' }) })).rejects.toThrow('cannot shrink to 1Gi')
    await expect(trial.up({ dev: wanted({ size: '2Gi', storageClass: 'fast' }) })).rejects.toThrow('storage class')
    await expect(trial.up({ dev: wanted({ size: '2Gi', accessMode: 'ReadWriteMany' }) })).rejects.toThrow(
      'is ReadWriteOnce, which cannot be changed',
    )
    await expectUntouched(cluster, before)
  })

  it('goes without where the person has no right to claims, with the rule', async () => {
    const refused = new FaultyCluster(cluster, ({ kind }) =>
      kind === 'PersistentVolumeClaim'
        ? { refuse: new UserError('forbidden', 'persistentvolumeclaims is forbidden') }
        : undefined,
    )
    const swap = await trial.up({ dev: wanted() }, refused)
    const [warning] = trial.events.filter(event => event.type === 'warning')
    expect(warning).toMatchObject({ hint: expect.stringContaining('resources: ["persistentvolumeclaims"]') })
    const clone = await cluster.get('Deployment', swap.clone)
    expect(clone.spec.template.spec.volumes).toContainEqual({ name: 'podswap-volumes', emptyDir: {} })
    expect(swap.record.claim).toBeUndefined()
    await trial.down()
  })

  it('is there once after an answer that was lost', async () => {
    let lost = 0
    const flaky = new FaultyCluster(cluster, ({ kind, verb, dryRun }) =>
      kind === 'PersistentVolumeClaim' && verb === 'create' && !dryRun && lost++ === 0
        ? { lose: new UserError('timeout', 'no answer') }
        : undefined,
    )
    await trial.up({ dev: wanted() }, flaky)
    expect(lost).toBe(1)
    expect(claims()).toHaveLength(1)
    await trial.down()
  })
})
