import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Cluster, KubeObject } from '../../../src/cluster/cluster.ts'
import { deployment } from '../cluster/cluster-contract.ts'
import { ready } from '../swap/trial.ts'
import { SandboxWorld } from './sandbox-world.ts'
import { ranOnce } from './scripted-runtime.ts'

const patience = { timeout: 30_000, interval: 20 }

describe('workloads in the sandbox', { timeout: 120_000 }, () => {
  let world: SandboxWorld
  let cluster: Cluster
  let count = 0
  let name: string
  beforeAll(async () => {
    world = await SandboxWorld.make()
    cluster = await world.connect('admin')
  })
  afterAll(() => world?.close())
  beforeEach(() => {
    count += 1
    name = `app-${count}`
    world.runtime.script = ranOnce
    world.runtime.refuses = () => []
  })

  const pods = () => cluster.list('Pod', { labelSelector: `app=${name}` })
  const imagesOf = (list: KubeObject[]) => list.map(({ spec }) => spec.containers[0].image).sort()
  const isReady = ({ status }: KubeObject) =>
    status.conditions?.some(({ type, status: value }: Record<string, string>) => type === 'Ready' && value === 'True')

  /** How many pods were there, and ready, at each change. */
  async function observed(work: () => Promise<void>) {
    const seen: { all: number; ready: number; images: string[] }[] = []
    const known = new Map<string, KubeObject>()
    const stop = new AbortController()
    const options = { labelSelector: `app=${name}`, signal: stop.signal, listed: () => {} }
    const watching = cluster.watch('Pod', options, ({ type, object }) => {
      if (type === 'DELETED') known.delete(object.metadata.uid!)
      else known.set(object.metadata.uid!, object)
      const alive = [...known.values()]
      const staying = alive.filter(({ metadata }) => !metadata.deletionTimestamp)
      seen.push({ all: alive.length, ready: staying.filter(isReady).length, images: [...new Set(imagesOf(alive))] })
    })
    await expect.poll(() => seen.length, patience).toBeGreaterThan(0)
    await work()
    stop.abort()
    await watching
    return seen
  }
  const release = (image: string) => ({ spec: { template: { spec: { containers: [{ name: 'app', image }] } } } })

  it('replace pods one by one, and never have fewer than they may', async () => {
    world.sandbox.apply([deployment(name, 4)])
    await ready(cluster, 'Deployment', name)
    await expect.poll(async () => (await pods()).length, patience).toBe(4)
    const seen = await observed(async () => {
      await cluster.patch('Deployment', name, release('app:2'))
      await expect.poll(async () => imagesOf(await pods()), patience).toEqual(Array(4).fill('app:2'))
      await expect.poll(async () => (await pods()).filter(isReady).length, patience).toBe(4)
    })
    const later = seen.slice(4)
    expect(Math.min(...later.map(each => each.ready))).toBeGreaterThanOrEqual(3)
    const sets = await cluster.list('ReplicaSet', { labelSelector: `app=${name}` })
    expect(sets.map(({ spec }) => spec.replicas).sort()).toEqual([0, 4])
    expect((await cluster.get('Deployment', name)).metadata.annotations).toEqual({
      'deployment.kubernetes.io/revision': '2',
    })
  })

  it('are taken down first where the strategy is Recreate', async () => {
    world.runtime.script = () => ({ stopMs: 100 })
    const object = deployment(name, 2)
    world.sandbox.apply([{ ...object, spec: { ...object.spec, strategy: { type: 'Recreate' } } }])
    await ready(cluster, 'Deployment', name)
    const seen = await observed(async () => {
      await cluster.patch('Deployment', name, release('app:2'))
      await expect.poll(async () => imagesOf(await pods()), patience).toEqual(['app:2', 'app:2'])
    })
    // both kinds were never there at once
    expect(Math.max(...seen.map(({ images }) => images.length))).toBe(1)
    expect(seen.some(({ all }) => all === 0)).toBe(true)
  })

  it('make a pod anew that somebody deleted', async () => {
    world.sandbox.apply([deployment(name, 1)])
    await ready(cluster, 'Deployment', name)
    const [first] = await pods()
    await cluster.delete('Pod', first!.metadata.name!)
    await expect
      .poll(
        async () =>
          (await pods()).filter(({ metadata }) => !metadata.deletionTimestamp).map(({ metadata }) => metadata.uid),
        patience,
      )
      .not.toContain(first!.metadata.uid)
    await ready(cluster, 'Deployment', name)
    expect(await pods()).toHaveLength(1)
  })

  it('say why a pod cannot be made', async () => {
    world.sandbox.apply([deployment(name, 0)])
    await ready(cluster, 'Deployment', name)
    world.runtime.refuses = () => ['hostNetwork: no']
    await cluster.patch('Deployment', name, { spec: { replicas: 1 } })
    const failure = async () =>
      (await cluster.get('Deployment', name)).status.conditions.find(
        ({ type }: { type: string }) => type === 'ReplicaFailure',
      )
    await expect
      .poll(failure, patience)
      .toMatchObject({ reason: 'FailedCreate', message: expect.stringContaining('hostNetwork: no') })
    await expect(cluster.patch('Deployment', name, release('app:2'))).rejects.toMatchObject({
      cause: { status: 501, reason: 'NotImplemented', message: expect.stringContaining('hostNetwork: no') },
    })
    world.runtime.refuses = () => []
    await expect.poll(failure, patience).toBeUndefined()
    await ready(cluster, 'Deployment', name)
  })

  const statefulSet = (replicas: number, more: object = {}): KubeObject => ({
    ...deployment(name, replicas),
    kind: 'StatefulSet',
    spec: {
      ...deployment(name, replicas).spec,
      serviceName: name,
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
        },
      ],
      ...more,
    },
  })
  const names = async () => (await pods()).map(({ metadata }) => metadata.name)
  const claims = async () =>
    (await cluster.list('PersistentVolumeClaim', { labelSelector: `app=${name}` })).map(({ metadata }) => metadata.name)

  it('of fixed names come and go in their order, and keep their claims', async () => {
    world.sandbox.apply([statefulSet(3)])
    await ready(cluster, 'StatefulSet', name)
    expect(await names()).toEqual([0, 1, 2].map(ordinal => `${name}-${ordinal}`))
    const born = (await pods()).map(({ metadata }) => Number(metadata.resourceVersion))
    expect(born.length).toBe(3)
    const seen = await observed(async () => {
      await cluster.patch('StatefulSet', name, { spec: { replicas: 1 } })
      await expect.poll(names, patience).toEqual([`${name}-0`])
    })
    expect(seen.map(({ all }) => all)).toContain(2)
    expect(await claims()).toEqual([0, 1, 2].map(ordinal => `data-${name}-${ordinal}`))
    await cluster.patch('StatefulSet', name, release('app:2'))
    await expect.poll(async () => imagesOf(await pods()), patience).toEqual(['app:2'])
    await ready(cluster, 'StatefulSet', name)
  })

  it('lose their claims with `whenScaled: Delete`', async () => {
    world.sandbox.apply([statefulSet(2, { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete' } })])
    await ready(cluster, 'StatefulSet', name)
    await cluster.patch('StatefulSet', name, { spec: { replicas: 1 } })
    await expect.poll(claims, patience).toEqual([`data-${name}-0`])
  })

  it('go with their namespace', async () => {
    const namespace = `place-${count}`
    await world.request('admin', 'POST', '/api/v1/namespaces', { metadata: { name: namespace } })
    world.sandbox.apply([{ ...deployment(name, 2), metadata: { name, namespace, labels: { app: name } } }])
    const there = await world.connect('admin', namespace)
    await ready(there, 'Deployment', name)
    await world.request('admin', 'DELETE', `/api/v1/namespaces/${namespace}`)
    const place = async () => (await world.request('admin', 'GET', `/api/v1/namespaces/${namespace}`)).status
    await expect.poll(place, patience).toBe(404)
    expect(await there.list('Pod')).toEqual([])
    await expect(there.create('Deployment', deployment('late', 1))).rejects.toMatchObject({ code: 'not-found' })
  })
})
