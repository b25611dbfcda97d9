import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Cluster } from '../../../src/cluster/cluster.ts'
import { deployment } from '../cluster/cluster-contract.ts'
import { dev } from '../swap/shapes.ts'
import { expectUntouched, ready, Trial } from '../swap/trial.ts'
import { SandboxWorld } from './sandbox-world.ts'

describe('a swap in the sandbox, as a person with our Role', { timeout: 120_000 }, () => {
  let world: SandboxWorld
  let cluster: Cluster
  let count = 0
  let name: string
  beforeAll(async () => {
    world = await SandboxWorld.make()
    cluster = await world.connect('ann')
  })
  afterAll(() => world?.close())
  beforeEach(() => {
    count += 1
    name = `web-${count}`
  })

  const target = () => ({ dev: dev({ name }) })

  it('leaves no trace after down', async () => {
    world.sandbox.apply([deployment(name, 2)])
    const before = await ready(cluster, 'Deployment', name)
    const trial = new Trial(cluster)
    await trial.up(target())
    const clone = await ready(cluster, 'Deployment', `${name}-podswap`)
    expect(clone.status.readyReplicas).toBe(1)
    expect((await cluster.get('Deployment', name)).spec.replicas).toBe(0)
    await trial.down({ name })
    await expectUntouched(cluster, before)
    // who applied it can apply it again
    world.sandbox.apply([deployment(name, 3)])
    await ready(cluster, 'Deployment', name)
  })

  it('takes the place of a StatefulSet’s first pod, with its claim', async () => {
    const labels = { app: name }
    world.sandbox.apply([
      {
        ...deployment(name, 1),
        kind: 'StatefulSet',
        spec: {
          ...deployment(name, 1).spec,
          serviceName: name,
          volumeClaimTemplates: [
            {
              metadata: { name: 'data' },
              spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
            },
          ],
        },
      },
    ])
    const before = await ready(cluster, 'StatefulSet', name)
    const admin = await world.connect('admin')
    const claim = await admin.get('PersistentVolumeClaim', `data-${name}-0`)
    const trial = new Trial(cluster)
    await trial.up(target())
    await ready(cluster, 'Deployment', `${name}-podswap`)
    const pods = await cluster.list('Pod', { labelSelector: `app=${labels.app}` })
    expect(pods.map(({ spec }) => [spec.hostname, spec.volumes[0].persistentVolumeClaim?.claimName])).toEqual([
      [`${name}-0`, `data-${name}-0`],
    ])
    await trial.down({ kind: 'StatefulSet', name })
    await expectUntouched(cluster, before)
    expect((await admin.get('PersistentVolumeClaim', `data-${name}-0`)).metadata.uid).toBe(claim.metadata.uid)
  })
})
