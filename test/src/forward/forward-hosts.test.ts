import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { KubeObject } from '../../../src/cluster/cluster.ts'
import { ForwardHosts } from '../../../src/forward/forward-hosts.ts'
import type { Forward } from '../../../src/manifest/manifest.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { FakeTime } from '../../syncer/wire/fake-time.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { FaultyCluster } from '../swap/faulty-cluster.ts'
import { webDeployment } from '../swap/shapes.ts'

const at = { file: '/code/dev.yml', line: 7, column: 9 }
const to = (target: Pick<Forward, 'host' | 'labels'>): Forward => ({ localPort: 5432, remotePort: 80, at, ...target })
const signal = AbortSignal.timeout(60_000)

let cluster: MemoryCluster
let hosts: ForwardHosts
let time: FakeTime
beforeEach(() => {
  cluster = new MemoryCluster()
  cluster.controllers.behave = pod => pod.status
  time = new FakeTime()
  hosts = new ForwardHosts(cluster, time)
})
afterEach(() => cluster.close())

function service(name: string, labels: Record<string, string> = {}): void {
  cluster.put('Service', { metadata: { name, labels }, spec: { ports: [{ name: 'x', port: 80 }] } }, 'theirs')
}

function pod(name: string, podIP: string, { app = 'db', ready = 'True', terminating = false } = {}): void {
  const metadata: KubeObject['metadata'] = { name, labels: { app } }
  if (terminating) metadata.deletionTimestamp = '2026-11-21T08:00:00Z'
  const status = { podIP, conditions: [{ type: 'Ready', status: ready }] }
  cluster.put('Pod', { metadata, spec: { containers: [] }, status } as never, 'theirs')
}

describe('labels', () => {
  test('mean the one Service that bears them', async () => {
    service('db', { app: 'db', tier: 'back' })
    service('web', { app: 'web' })
    expect(await hosts.find(to({ labels: { app: 'db', tier: 'back' } }), signal)).toBe('db')
  })

  test('mean another Service half a minute after they moved to it', async () => {
    service('blue', { app: 'db' })
    const forward = to({ labels: { app: 'db' } })
    expect(await hosts.find(forward, signal)).toBe('blue')
    cluster.remove('Service', 'blue')
    service('green', { app: 'db' })
    expect(await hosts.find(forward, signal)).toBe('blue')
    await time.advance(30_000)
    expect(await hosts.find(forward, signal)).toBe('green')
  })

  test('that several Services bear are an error with its place', async () => {
    for (const name of ['db', 'db-read']) service(name, { app: 'db' })
    const several = { code: 'unsupported', message: 'several Services bear app=db: db, db-read', at }
    await expect(hosts.find(to({ labels: { app: 'db' } }), signal)).rejects.toMatchObject(several)
    await expect(hosts.check([to({ labels: { app: 'db' } })], { signal, warn: () => {} })).rejects.toMatchObject(
      several,
    )
  })

  test('that no Service bears mean a ready pod, whichever it is by then', async () => {
    pod('db-1', '10.0.0.1', { ready: 'False' })
    pod('db-2', '10.0.0.2', { terminating: true })
    pod('db-3', '10.0.0.3')
    const forward = to({ labels: { app: 'db' } })
    expect(await hosts.find(forward, signal)).toBe('10.0.0.3')
    cluster.remove('Pod', 'db-3')
    await time.advance(2_000)
    await expect(hosts.find(forward, signal)).rejects.toMatchObject({ code: 'unreachable' })
    pod('db-4', '10.0.0.4')
    expect(await hosts.find(forward, signal)).toBe('10.0.0.4')
  })

  test('that nothing bears are told before anything is touched', async () => {
    const warnings: string[] = []
    await hosts.check([to({ host: 'db' }), to({ labels: { app: 'no' } })], {
      signal,
      warn: ({ message, hint }) => warnings.push(`${message}; ${hint}`),
    })
    expect(warnings).toEqual([
      'the forward of 5432 leads nowhere: no Service and no ready pod bears app=no; ' +
        '/code/dev.yml:7:9: what comes to bear them later is found then',
    ])
  })
})

test('without the right to Services the forward by labels is left out, with the rules', async () => {
  const refusal = new UserError('forbidden', 'you may not list services', { hint: 'a Role must hold …' })
  const refusing = new FaultyCluster(cluster, ({ kind }) => (kind === 'Service' ? { refuse: refusal } : undefined))
  const warnings: string[] = []
  await new ForwardHosts(refusing).check([to({ labels: { app: 'db' } })], {
    signal,
    warn: ({ message, hint }) => warnings.push(`${message}; ${hint}`),
  })
  expect(warnings).toEqual([
    'the forward of 5432 leads nowhere: you may not list services; /code/dev.yml:7:9: a Role must hold …',
  ])
  // a name is the pod's to resolve
  expect(await new ForwardHosts(refusing).find(to({ host: 'db' }), signal)).toBe('db')
})

describe('a name', () => {
  test('is a Service’s, which the pod finds itself', async () => {
    service('db')
    expect(await hosts.find(to({ host: 'db' }), signal)).toBe('db')
  })

  test('or a workload’s that has no Service: then one of its ready pods', async () => {
    const workload = webDeployment({ metadata: { name: 'db' } })
    workload.spec = { ...workload.spec, replicas: 0, selector: { matchLabels: { app: 'db' } } }
    cluster.store('Deployment', workload)
    pod('db-1', '10.0.0.1')
    expect(await hosts.find(to({ host: 'db' }), signal)).toBe('10.0.0.1')
  })

  test('of neither is left to the pod', async () => {
    expect(await hosts.find(to({ host: 'example' }), signal)).toBe('example')
  })
})
