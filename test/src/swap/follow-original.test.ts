import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClusterError, type KubeObject } from '../../../src/cluster/cluster.ts'
import type { AppliedSwap } from '../../../src/swap/apply.ts'
import { scalerOf } from '../../../src/swap/field-owners.ts'
import { followOriginal } from '../../../src/swap/follow-original.ts'
import { podTemplate } from '../../../src/swap/pod-template.ts'
import { marks, readRecord } from '../../../src/swap/record.ts'
import type { SwapEvent } from '../../../src/swap/swap-event.ts'
import { templateChanges } from '../../../src/swap/template-changes.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { running } from '../cluster/memory-controllers.ts'
import { type Fault, FaultyCluster } from './faulty-cluster.ts'
import { dev, webDeployment } from './shapes.ts'
import { expectUntouched, ready, Trial } from './trial.ts'

let cluster: MemoryCluster
let trial: Trial
let stop: AbortController
let told: SwapEvent[]
beforeEach(async () => {
  cluster = new MemoryCluster()
  trial = new Trial(cluster)
  stop = new AbortController()
  told = []
  const { uid, resourceVersion, ...metadata } = webDeployment().metadata
  cluster.applyServerSide({ ...webDeployment(), metadata })
  await ready(cluster, 'Deployment', 'web')
})
afterEach(() => {
  stop.abort()
  cluster.close()
})

function follow(swap: AppliedSwap): Promise<void> {
  const following = followOriginal(cluster, swap, { signal: stop.signal, on: event => told.push(event) })
  following.catch(() => {})
  return following
}
const web = () => cluster.peek('Deployment', 'web')!
const clone = () => cluster.peek('Deployment', 'web-podswap')!
const scale = (replicas: number, manager = 'argocd-controller') =>
  cluster.edit('Deployment', 'web', { spec: { replicas } }, manager)
/** A new release; its app container has this environment. */
const release = (value: string) => {
  const template = structuredClone(web().spec.template)
  template.spec.containers[0].env = [{ name: 'RELEASE', value }]
  template.spec.containers[1].image = `proxy:${value}`
  return cluster.edit('Deployment', 'web', { spec: { template } })
}
const types = () => told.map(({ type }) => type)

describe('while a workload is swapped', () => {
  it('a down from elsewhere, which lets the dev pod run until the original answers, is not fought', async () => {
    const swap = await trial.up()
    await ready(cluster, 'Deployment', 'web-podswap')
    void follow(swap)
    let isHeld = true
    cluster.controllers.behave = pod =>
      isHeld && !pod.metadata.labels?.[marks.clone] ? { phase: 'Pending' } : running(pod)
    const down = trial.down()
    await expect.poll(() => trial.types()).toContain('waiting-original')
    release('2')
    expect(web().spec.replicas).toBe(2)
    isHeld = false
    cluster.controllers.changed()
    expect(await down).toMatchObject({ isReady: true, replicas: 2, leftovers: [] })
    expect(types()).toEqual([])
  })

  it('a new pod template goes to the clone, and one line says what is new', async () => {
    const swap = await trial.up({ dev: dev({ image: 'dev:1' }) })
    await ready(cluster, 'Deployment', 'web-podswap')
    void follow(swap)
    const after = release('2')
    await expect.poll(types).toEqual(['template-followed'])
    expect(told).toEqual([
      {
        type: 'template-followed',
        workload: 'deployment/web',
        changes: ['env RELEASE of app', 'image of side'],
        restarts: true,
      },
    ])
    expect(podTemplate(clone()).spec.containers).toMatchObject([
      { image: 'dev:1', env: [{ name: 'RELEASE', value: '2' }] },
      { image: 'proxy:2' },
    ])
    await expect.poll(() => cluster.all('Pod').map(({ spec }) => spec.containers[1].image)).toEqual(['proxy:2'])
    await trial.down()
    expect(web().spec).toEqual({ ...after.spec, replicas: 2 })
  })

  it('a change of what the dev replaces restarts nothing', async () => {
    const swap = await trial.up({ dev: dev({ image: 'dev:1' }) })
    void follow(swap)
    const { generation } = clone().metadata
    const template = structuredClone(web().spec.template)
    template.spec.containers[0].image = 'shop/web:8'
    cluster.edit('Deployment', 'web', { spec: { template } })
    await expect.poll(() => told).toMatchObject([{ changes: ['image of app'], restarts: false }])
    expect(clone().metadata.generation).toBe(generation)
  })

  it('what is scaled up is scaled down again, three times; down restores what was wanted last', async () => {
    const swap = await trial.up()
    void follow(swap)
    for (const times of [1, 2, 3]) {
      scale(2 + times)
      await expect.poll(() => told.length).toBe(times)
      expect(web().spec.replicas).toBe(0)
      expect(web().metadata.labels).toMatchObject({ [marks.undo]: `r${2 + times}` })
      expect(readRecord(clone())).toMatchObject({ replicas: 2 + times })
    }
    scale(7)
    await expect.poll(() => told.length).toBe(4)
    expect(web().spec.replicas).toBe(7)
    const by = { manager: 'argocd-controller', scales: false }
    expect(told).toMatchObject([
      { type: 'scaled-up', replicas: 3, by, times: 1, gaveUp: false },
      { times: 2, gaveUp: false },
      { times: 3, gaveUp: false },
      { type: 'scaled-up', replicas: 7, by, gaveUp: true },
    ])
    await trial.down()
    expect(web().spec.replicas).toBe(7)
    expect(JSON.stringify(web())).not.toContain('podswap')
  })

  it('both at once are one change', async () => {
    const swap = await trial.up()
    void follow(swap)
    const template = structuredClone(web().spec.template)
    template.spec.containers[0].env = [{ name: 'A', value: '1' }]
    cluster.edit('Deployment', 'web', { spec: { template, replicas: 5 } })
    await expect.poll(types).toEqual(['template-followed', 'scaled-up'])
    expect(web().spec.replicas).toBe(0)
    await trial.down()
    expect(web().spec.replicas).toBe(5)
  })

  it('somebody who puts it back is not fought', async () => {
    const before = web()
    const swap = await trial.up()
    await ready(cluster, 'Deployment', 'web-podswap')
    void follow(swap)
    expect(await trial.down()).toMatchObject({ state: 'reverted', isReady: true, leftovers: [] })
    expect(told).toEqual([])
    await expectUntouched(cluster, before)
  })

  it('a refusal that passes is tried again, from the newest version', async () => {
    const swap = await trial.up()
    const network = new ClusterError(0, 'Network', 'reset')
    const faults: Fault[] = [
      { refuse: new UserError('conflict', 'moved', { cause: new ClusterError(409, 'Conflict', 'moved') }) },
      { refuse: new UserError('unreachable', 'reset', { cause: network }) },
      { lose: new UserError('timeout', 'no answer', { cause: network }) },
    ]
    // the swap writes through the cluster that it was made with: that one has to be the faulty one
    const faulty = new FaultyCluster(cluster, ({ verb }) => (verb === 'patch' ? faults.shift() : undefined))
    const resumed = await trial.up({}, faulty)
    expect(resumed.session).toBe(swap.session)
    void follow(resumed)
    scale(3)
    await expect.poll(types, { timeout: 10_000 }).toContain('scaled-up')
    await expect.poll(() => faults.length).toBeLessThanOrEqual(1)
    expect(web().spec.replicas).toBe(0)
    expect(web().metadata.labels).toMatchObject({ [marks.undo]: 'r3' })
  })

  it('a template that the dev pod cannot have is said once', async () => {
    const swap = await trial.up()
    void follow(swap)
    const template = structuredClone(web().spec.template)
    template.spec.containers[0].volumeMounts = [{ name: 'mine', mountPath: '/podswap' }]
    cluster.edit('Deployment', 'web', { spec: { template } })
    await expect.poll(types, { timeout: 5_000 }).toEqual(['warning'])
    expect(told).toMatchObject([{ message: expect.stringContaining('the dev pod cannot follow') }])
    cluster.edit('Deployment', 'web', { spec: { template: podTemplate(webDeployment()) } })
    await expect.poll(types, { timeout: 5_000 }).toEqual(['warning', 'template-followed'])
  })
})

describe('who scales', () => {
  const owned = (manager: string, subresource?: string): KubeObject => ({
    metadata: {
      managedFields: [
        { manager: 'kubectl', fieldsV1: { 'f:spec': { 'f:template': {} } } },
        { manager, ...(subresource && { subresource }), fieldsV1: { 'f:spec': { 'f:replicas': {} } } },
      ],
    },
  })
  it.each([
    ['argocd-controller', undefined, { manager: 'argocd-controller', scales: false }],
    ['kubectl', 'scale', { manager: 'kubectl', scales: true }],
    ['controllers', 'scale', { scales: true }],
    ['podswap', undefined, { scales: false }],
  ])('%s %s', (manager, subresource, expected) => {
    expect(scalerOf(owned(manager, subresource))).toEqual(expected)
  })
})

it('what is new in a template is named', () => {
  const template = podTemplate(webDeployment())
  const next = structuredClone(template)
  next.spec.containers = [
    { ...next.spec.containers[0]!, args: ['x'] },
    { name: 'new', image: 'n:1' },
  ]
  next.spec.initContainers = []
  next.spec.volumes = []
  next.metadata!.labels = { app: 'web' }
  expect(templateChanges(template, next)).toEqual([
    'args of app',
    'no container side any more',
    'a new container new',
    'no init container migrate any more',
    'volumes',
    'label tier',
  ])
  expect(templateChanges(template, template)).toEqual([])
})
