import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClusterError } from '../../../src/cluster/cluster.ts'
import { refusalOf } from '../../../src/cluster/refusal.ts'
import { plannedWrites } from '../../../src/commands/dry-run.ts'
import type { Dev } from '../../../src/manifest/manifest.ts'
import { claimSwap, releaseClaim } from '../../../src/swap/claim.ts'
import { leftoversOf } from '../../../src/swap/leftovers.ts'
import { marks } from '../../../src/swap/record.ts'
import { findSwapped } from '../../../src/swap/swapped.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { Died, type Fault, FaultyCluster } from './faulty-cluster.ts'
import { dev, planOptions, webDeployment } from './shapes.ts'
import { expectUntouched, ready, Trial } from './trial.ts'

let cluster: MemoryCluster
let trial: Trial
beforeEach(() => begin())
afterEach(() => cluster.close())

function begin(): void {
  cluster = new MemoryCluster()
  trial = new Trial(cluster)
}

const at = { file: '/code/dev.yml', line: 3, column: 5 }
const forward = (localPort: number, remotePort: number, host?: string) => ({
  localPort,
  remotePort,
  at,
  ...(host && { host }),
})
const wanted = (fields: Partial<Dev> = {}): Dev =>
  dev({ image: 'node:22', autocreate: true, forward: [forward(80, 8080), forward(5432, 5432, 'db')], ...fields })
const up = (fields: Partial<Dev> = {}, on = cluster as MemoryCluster | FaultyCluster) =>
  trial.up({ dev: wanted(fields) }, on as never)

/** Nothing at all is in the namespace. */
async function expectEmpty(): Promise<void> {
  const kinds = ['Deployment', 'ReplicaSet', 'Pod', 'Service', 'Lease'] as const
  const left = () => kinds.flatMap(kind => cluster.all(kind).map(({ metadata }) => `${kind} ${metadata.name}`))
  await expect.poll(left).toEqual([])
}

const service = () => cluster.peek('Service', 'web')

describe('where there is no workload', () => {
  it('one is made, with a Service for what is forwarded, and down removes both', async () => {
    expect(await up()).toMatchObject({ workload: 'deployment/web', clone: 'web-podswap', replicas: 0, resumed: false })
    await ready(cluster, 'Deployment', 'web-podswap')
    expect(cluster.peek('Deployment', 'web')).toMatchObject({
      metadata: { labels: { app: 'web', [marks.created]: 'true', [marks.undo]: 'r0' } },
      spec: { replicas: 0, template: { spec: { containers: [{ name: 'dev', image: 'node:22' }] } } },
    })
    expect(service()!.spec).toMatchObject({
      selector: { app: 'web' },
      ports: [{ name: 'p-8080', port: 8080, targetPort: 8080 }],
    })
    const [pod] = cluster.all('Pod')
    expect(pod!.metadata.labels).toMatchObject({ app: 'web', [marks.clone]: 'web-podswap' })
    expect(trial.events.flatMap(event => (event.type === 'created' ? event.object : []))).toEqual([
      'deployment/web',
      'service/web',
    ])
    expect(await trial.down()).toEqual({
      state: 'removed',
      workload: 'deployment/web',
      replicas: 0,
      isReady: true,
      leftovers: [],
    })
    await expectEmpty()
    expect(await trial.down()).toMatchObject({ state: 'nothing' })
  })

  it('a second up takes it up, with the ports that are forwarded now', async () => {
    await up()
    const { uid } = cluster.peek('Deployment', 'web')!.metadata
    const clusterIP = { ...service()!, spec: { ...service()!.spec, clusterIP: '10.0.0.9' } }
    cluster.store('Service', clusterIP)
    expect(await up({ forward: [forward(80, 3000)] })).toMatchObject({ resumed: true })
    expect(cluster.peek('Deployment', 'web')!.metadata.uid).toBe(uid)
    expect(service()!.spec).toMatchObject({ clusterIP: '10.0.0.9', ports: [{ port: 3000 }] })
    await trial.down()
    await expectEmpty()
  })

  it('nothing is forwarded: then there is no Service', async () => {
    await up({ forward: [forward(5432, 5432, 'db')] })
    expect(service()).toBeUndefined()
    await trial.down()
    await expectEmpty()
  })

  it('a selector names the labels that it gets', async () => {
    await up({ selector: { tier: 'front' } })
    expect(await up({ selector: { tier: 'front' } })).toMatchObject({ resumed: true, name: 'web' })
    await trial.down()
    await expectEmpty()
  })

  it('an image is needed', async () => {
    const refused = trial.up({ dev: dev({ autocreate: true }) })
    await expect(refused).rejects.toMatchObject({ code: 'unsupported', at: { line: 2 }, hint: expect.any(String) })
    await expectEmpty()
  })

  it('what cannot be swapped is not one to be made beside it', async () => {
    cluster.put('CronJob', { metadata: { name: 'web' }, spec: {} }, 'x')
    await expect(up()).rejects.toMatchObject({ code: 'unsupported' })
  })

  it('one that somebody makes at that moment is theirs', async () => {
    const create = cluster.create.bind(cluster)
    cluster.create = async (kind, object, options) => {
      cluster.create = create
      const { uid: _, resourceVersion: __, ...metadata } = webDeployment().metadata
      cluster.applyServerSide({ ...webDeployment(), metadata })
      return create(kind, object, options)
    }
    expect(await up()).toMatchObject({ replicas: 2 })
    expect(service()).toBeUndefined()
    const before = structuredClone(cluster.peek('Deployment', 'web')!)
    expect(await trial.down()).toMatchObject({ state: 'reverted', replicas: 2 })
    expect(cluster.peek('Deployment', 'web')!.metadata.uid).toBe(before.metadata.uid)
  })
})

describe('where there is one', () => {
  it('autocreate changes nothing', async () => {
    const { uid: _, resourceVersion: __, ...metadata } = webDeployment().metadata
    cluster.applyServerSide({ ...webDeployment(), metadata })
    const before = await ready(cluster, 'Deployment', 'web')
    await up()
    expect(service()).toBeUndefined()
    expect(await trial.down()).toMatchObject({ state: 'reverted', replicas: 2 })
    await expectUntouched(cluster, before)
  })
})

describe('what somebody does meanwhile', () => {
  it('a release to the workload that was made makes it theirs, and its Service', async () => {
    await up()
    const made = cluster.peek('Deployment', 'web')!
    const applied = {
      manager: 'kubectl-client-side-apply',
      operation: 'Update',
      fieldsV1: { 'f:spec': { 'f:replicas': {}, 'f:template': {} } },
    }
    cluster.store('Deployment', {
      ...made,
      metadata: { ...made.metadata, managedFields: [...made.metadata.managedFields!, applied] },
      spec: { ...made.spec, replicas: 3 },
    })
    expect(await trial.down()).toMatchObject({ state: 'reverted', replicas: 3 })
    const { labels = {} } = cluster.peek('Deployment', 'web')!.metadata
    expect(Object.keys(labels).filter(label => label.startsWith('podswap.dev/'))).toEqual([])
    expect(service()!.metadata.labels).not.toHaveProperty([marks.created])
    expect(service()!.metadata.ownerReferences ?? []).toEqual([])
  })

  it('a release that comes while down waits for the dev pod makes it theirs too', async () => {
    await up()
    let releases = 0
    const late = new FaultyCluster(cluster, ({ verb, kind }) => {
      const made = cluster.peek('Deployment', 'web')!
      if (verb !== 'delete' || kind !== 'Deployment' || releases > 0) return undefined
      releases += 1
      const applied = { manager: 'helm', operation: 'Update', fieldsV1: { 'f:spec': { 'f:template': {} } } }
      const managedFields = [...made.metadata.managedFields!, applied]
      const spec = { ...made.spec, replicas: 3 }
      cluster.store('Deployment', { ...made, metadata: { ...made.metadata, managedFields }, spec })
      return undefined
    })
    const { uid } = cluster.peek('Deployment', 'web')!.metadata
    expect(await trial.down({}, late as never)).toEqual({
      state: 'reverted',
      workload: 'deployment/web',
      replicas: 3,
      isReady: true,
      leftovers: [],
    })
    expect(releases).toBe(1)
    const theirs = cluster.peek('Deployment', 'web')!
    expect(theirs.metadata.uid).toBe(uid)
    expect(Object.keys(theirs.metadata.labels ?? {}).filter(label => label.startsWith('podswap.dev/'))).toEqual([])
    expect(service()!.metadata.labels).not.toHaveProperty([marks.created])
    expect(cluster.peek('Deployment', 'web-podswap')).toBeUndefined()
    expect(cluster.all('Lease')).toEqual([])
  })

  it('a release between the last look and the deletion is not lost', async () => {
    await up()
    let releases = 0
    const late = new FaultyCluster(cluster, ({ verb, kind }) => {
      if (verb !== 'delete' || kind !== 'Deployment' || cluster.peek('Deployment', 'web-podswap')) return undefined
      if (releases > 0) return undefined
      releases += 1
      const made = cluster.peek('Deployment', 'web')!
      const applied = { manager: 'helm', operation: 'Update', fieldsV1: { 'f:spec': { 'f:template': {} } } }
      const managedFields = [...made.metadata.managedFields!, applied]
      cluster.store('Deployment', { ...made, metadata: { ...made.metadata, managedFields } })
      return undefined
    })
    expect(await trial.down({}, late as never)).toMatchObject({ state: 'reverted' })
    expect(releases).toBe(1)
    expect(cluster.peek('Deployment', 'web')).toBeDefined()
  })

  it('a Service that somebody else owns too keeps that owner', async () => {
    await up()
    const other = { apiVersion: 'v1', kind: 'ConfigMap', name: 'release', uid: 'uid-release' }
    const made = service()!
    const theirs = { manager: 'helm', operation: 'Update', fieldsV1: { 'f:spec': { 'f:ports': {} } } }
    cluster.store('Service', {
      ...made,
      metadata: {
        ...made.metadata,
        ownerReferences: [...made.metadata.ownerReferences!, other],
        managedFields: [...(made.metadata.managedFields ?? []), theirs],
      },
    })
    expect(await trial.down()).toMatchObject({ state: 'removed' })
    expect(service()!.metadata.labels).not.toHaveProperty([marks.created])
    expect(service()!.metadata.ownerReferences).toEqual([other])
  })

  it('scaling it does not', async () => {
    await up()
    await cluster.patch('Deployment', 'web', { spec: { replicas: 1 } })
    expect(await trial.down()).toMatchObject({ state: 'removed' })
    await expectEmpty()
  })

  it('a Service of that name that is not ours is left alone', async () => {
    cluster.put('Service', { metadata: { name: 'web' }, spec: { ports: [{ name: 'x', port: 1 }] } }, 'theirs')
    await up()
    expect(service()!.spec.ports).toEqual([{ name: 'x', port: 1 }])
    await trial.down()
    expect(service()).toBeDefined()
  })
})

describe('what goes wrong', () => {
  const forbidden = new UserError('forbidden', 'you may not')

  it('without the right to Services there is none, and the rules are said', async () => {
    const refuse = new FaultyCluster(cluster, ({ kind }) => (kind === 'Service' ? { refuse: forbidden } : undefined))
    expect(await up({}, refuse)).toMatchObject({ workload: 'deployment/web' })
    expect(trial.events).toContainEqual({
      type: 'warning',
      message: 'there is no Service web: you may not',
      hint: expect.stringContaining('resources: ["services"]'),
    })
    expect(await trial.down({}, refuse as never)).toMatchObject({ state: 'removed' })
    await expectEmpty()
  })

  it('a claim that is given back leaves nothing, and so does one that is refused', async () => {
    const request = { dev: wanted(), options: planOptions, signal: AbortSignal.timeout(60_000), on: () => {} }
    const claim = await claimSwap(cluster, request)
    expect(claim.created).toBe(true)
    await releaseClaim(cluster, claim)
    await expectEmpty()
    cluster.warn = (kind, { metadata }) =>
      kind === 'Deployment' && metadata.labels?.[marks.clone] ? ['would violate PodSecurity "restricted"'] : []
    await expect(claimSwap(cluster, request)).rejects.toMatchObject({ code: 'rejected' })
    await expectEmpty()
  })

  it('what a crash leaves is found, told and mended', async () => {
    const request = { dev: wanted(), options: planOptions, signal: AbortSignal.timeout(60_000), on: () => {} }
    await claimSwap(cluster, request)
    for (const lease of cluster.all('Lease')) cluster.remove('Lease', lease.metadata.name!)
    const found = await findSwapped(cluster, { signal: AbortSignal.timeout(60_000) })
    expect(found).toMatchObject([{ name: 'web', made: true, state: 'no-clone' }])
    const [left] = leftoversOf(found, {
      viewer: 'cara@desk',
      heldHere: [],
      endedHere: [],
      fetchable: [],
      nowMs: Date.now(),
    })
    expect(left!.fix).toBe('delete deployment/web, which podswap had made')
    expect(await trial.down()).toMatchObject({ state: 'removed' })
    await expectEmpty()
  })

  it.each(['before', 'after'] as const)(
    'down ends whatever up dies at: %s the call',
    { timeout: 120_000 },
    async die => {
      let deaths = 0
      for (let at = 1; ; at += 1) {
        cluster.close()
        begin()
        const faulty = new FaultyCluster(cluster, ({ index }) => (index === at ? { die } : undefined))
        const isWhole = await up({}, faulty).then(
          () => true,
          error => {
            expect(error).toBeInstanceOf(Died)
            return false
          },
        )
        await trial.down()
        await expectEmpty()
        if (isWhole) break
        deaths += 1
      }
      expect(deaths).toBeGreaterThan(8)
    },
  )

  it.each(['before', 'after'] as const)(
    'the next down ends what one dies at: %s the call',
    { timeout: 120_000 },
    async die => {
      let deaths = 0
      for (let at = 1; ; at += 1) {
        cluster.close()
        begin()
        await up()
        const faulty = new FaultyCluster(cluster, ({ index }) => (index === at ? { die } : undefined))
        const isWhole = await trial.down({}, faulty as never).then(
          () => true,
          () => false,
        )
        await trial.down()
        await expectEmpty()
        if (isWhole) break
        deaths += 1
      }
      expect(deaths).toBeGreaterThan(6)
    },
  )

  const where = { server: 's', context: 'c', namespace: 'test' }
  const conflict = refusalOf(409, '{"reason":"Conflict"}', { verb: '', group: '', resource: '' }, where)
  const lost = new UserError('timeout', 'no answer', { cause: new ClusterError(0, 'Network', 'no answer') })
  it.each<[string, Fault]>([
    ['a conflict', { refuse: conflict }],
    ['a lost answer', { lose: lost }],
  ])('goes through %s at each write', { timeout: 120_000 }, async (_name, fault) => {
    for (let at = 1; ; at += 1) {
      cluster.close()
      begin()
      let writes = 0
      const faulty = new FaultyCluster(cluster, ({ verb, dryRun }) => {
        if (!['create', 'patch', 'replace', 'delete'].includes(verb) || dryRun) return undefined
        writes += 1
        return writes === at ? fault : undefined
      })
      expect(await up({}, faulty)).toMatchObject({ workload: 'deployment/web' })
      expect(service()).toBeDefined()
      expect(await trial.down({}, faulty as never)).toMatchObject({ state: 'removed' })
      await expectEmpty()
      if (writes < at) break
    }
  })
})

it('a dry run shows all that would be made, and makes nothing', async () => {
  const writes = await plannedWrites(cluster, recording => trial.up({ dev: wanted() }, recording))
  expect(writes.map(({ verb, kind, name }) => `${verb} ${kind} ${name}`)).toEqual([
    'create Deployment web',
    'create Lease podswap.deployment.web',
    'create Service web',
    'create Deployment web-podswap',
  ])
  await expectEmpty()
})
