import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { refusalOf } from '../../../src/cluster/refusal.ts'
import { claimSwap } from '../../../src/swap/claim.ts'
import { marks } from '../../../src/swap/record.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { FaultyCluster } from './faulty-cluster.ts'
import { dev, planOptions, webDeployment } from './shapes.ts'
import { ready, Trial } from './trial.ts'

let cluster: MemoryCluster
let trial: Trial
beforeEach(() => {
  cluster = new MemoryCluster()
  trial = new Trial(cluster)
})
afterEach(() => cluster.close())

const where = { server: 's', context: 'c', namespace: 'test' }
const forbidden = () => refusalOf(403, '{"reason":"Forbidden"}', { verb: 'get', group: '', resource: 'leases' }, where)

describe('an up while a down waits for the original, without the right to Leases', () => {
  it('does not leave the workload at 0 with nobody who knows', async () => {
    cluster.store('Deployment', webDeployment())
    const before = await ready(cluster, 'Deployment', 'web')
    const refuse = forbidden()
    const noLease = () => new FaultyCluster(cluster, call => (call.kind === 'Lease' ? { refuse } : undefined))
    await trial.up({}, noLease())
    await ready(cluster, 'Deployment', 'web-podswap')
    // the up comes after the original is scaled up, before the clone is stopped
    let raced = false
    const down = new FaultyCluster(cluster, call => (call.kind === 'Lease' ? { refuse } : undefined))
    const patch = down.patch.bind(down)
    down.patch = async (kind, name, body, options) => {
      if (kind === 'Deployment' && name === 'web-podswap' && !raced) {
        raced = true
        await trial.up({}, noLease())
      }
      return patch(kind, name, body, options)
    }
    const result = await trial.down({ readyMs: 2000 }, down as never).catch(error => error)
    const web = cluster.peek('Deployment', 'web')!
    const clone = cluster.peek('Deployment', 'web-podswap')
    expect(raced).toBe(true)
    expect(result).toMatchObject({ code: 'held' })
    expect(clone?.spec.replicas).toBeDefined()
    expect(web.spec.replicas === before.spec.replicas || web.metadata.labels?.[marks.undo] !== undefined).toBe(true)
  })
})

describe('autocreate', () => {
  it('does not take a workload that the selector does not mean', async () => {
    cluster.store('Deployment', webDeployment())
    await ready(cluster, 'Deployment', 'web')
    const wanted = dev({ image: 'node:22', autocreate: true, selector: { component: 'mine' } })
    await expect(trial.up({ dev: wanted })).rejects.toMatchObject({ code: 'unsupported', at: wanted.at })
    expect(cluster.peek('Deployment', 'web')!.spec.replicas).not.toBe(0)
  })

  it('finds what it made by the selector again', async () => {
    const wanted = dev({ image: 'node:22', autocreate: true, selector: { app: 'mine' } })
    await trial.up({ dev: wanted })
    expect(cluster.peek('Deployment', 'web')!.metadata.labels).toMatchObject({ app: 'mine' })
  })

  it('leaves the ports that somebody gave to the Service', async () => {
    const at = { file: '/code/dev.yml', line: 3, column: 5 }
    const wanted = dev({ image: 'node:22', autocreate: true, forward: [{ localPort: 80, remotePort: 8080, at }] })
    await trial.up({ dev: wanted })
    const ports = [{ name: 'mine', port: 9, targetPort: 9, protocol: 'TCP' }]
    await cluster.patch('Service', 'web', { spec: { ports } }, {
      signal: AbortSignal.timeout(5000),
      fieldManager: 'kubectl-edit',
    } as never)
    const now = cluster.peek('Service', 'web')!
    now.metadata.managedFields = [
      ...(now.metadata.managedFields ?? []).map(entry => ({ ...entry, manager: 'kubectl-edit' })),
    ]
    cluster.store('Service', now)
    await trial.up({ dev: wanted })
    expect(cluster.peek('Service', 'web')!.spec.ports).toMatchObject([{ port: 9 }])
  })

  it('does not delete what another session has taken meanwhile', async () => {
    const wanted = dev({ image: 'node:22', autocreate: true })
    const other = { sessionId: 'ben1', owner: 'ben@desk' }
    let raced = false
    const mine = new FaultyCluster(cluster, () => undefined)
    const create = mine.create.bind(mine)
    mine.create = async (kind, object, options) => {
      const result = await create(kind, object, options)
      if (kind === 'Deployment' && !options?.dryRun && !raced) {
        raced = true
        await trial.up({ dev: wanted, options: other, takeOver: true })
      }
      return result
    }
    const claiming = claimSwap(mine as never, {
      dev: wanted,
      options: planOptions,
      signal: AbortSignal.timeout(20_000),
      on: () => {},
    })
    await expect(claiming).rejects.toMatchObject({ code: 'held' })
    expect(cluster.peek('Deployment', 'web')).toBeDefined()
  })
})
