import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Cluster, KubeObject } from '../../../src/cluster/cluster.ts'
import { RuntimeRefusal } from '../../../src/sandbox/pod-runtime.ts'
import { SandboxWorld } from './sandbox-world.ts'
import { ranOnce } from './scripted-runtime.ts'

const patience = { timeout: 30_000, interval: 20 }

describe('a pod’s life in the sandbox', { timeout: 120_000 }, () => {
  let world: SandboxWorld
  let cluster: Cluster
  let count = 0
  let name: string
  beforeAll(async () => {
    world = await SandboxWorld.make({ times: { backoffMsMin: 50, backoffMsMax: 200, retryMs: 50 } })
    cluster = await world.connect('admin')
  })
  afterAll(() => world?.close())
  beforeEach(() => {
    count += 1
    name = `pod-${count}`
    world.runtime.script = ranOnce
  })

  const make = (spec: object, container: object = {}) =>
    cluster.create('Pod', {
      metadata: { name, labels: { app: name } },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'app', image: 'app:1', command: ['run'], ...container }],
        ...spec,
      },
    })
  const status = async () => (await cluster.get('Pod', name)).status
  const app = async () => (await status()).containerStatuses?.[0]
  const condition = async (type: string) =>
    (await status()).conditions.find((each: { type: string }) => each.type === type)
  const reasons = async () => {
    const events = await cluster.list('Event', { fieldSelector: `involvedObject.name=${name}` })
    return (events as (KubeObject & { reason: string; message: string })[]).map(
      ({ reason, message }) => `${reason}: ${message}`,
    )
  }

  it('goes from Pending over its init containers to Running and Ready', async () => {
    const phases: string[] = []
    const stop = new AbortController()
    const watching = cluster.watch(
      'Pod',
      { fieldSelector: `metadata.name=${name}`, signal: stop.signal },
      ({ object }) => phases.push(object.status.phase),
    )
    await make({ initContainers: [{ name: 'first', image: 'init:1' }] })
    await expect.poll(async () => (await condition('Ready'))?.status, patience).toBe('True')
    expect(await status()).toMatchObject({
      phase: 'Running',
      podIP: expect.stringMatching(/^10\.244\.0\.\d+$/),
      initContainerStatuses: [
        { name: 'first', ready: true, state: { terminated: { exitCode: 0, reason: 'Completed' } } },
      ],
      containerStatuses: [{ name: 'app', ready: true, started: true, restartCount: 0, state: { running: {} } }],
    })
    expect((await status()).conditions.map(({ type }: { type: string }) => type)).toEqual([
      'PodReadyToStartContainers',
      'Initialized',
      'Ready',
      'ContainersReady',
      'PodScheduled',
    ])
    await expect.poll(() => new Set(phases), patience).toEqual(new Set(['Pending', 'Running']))
    expect(await reasons()).toEqual(
      expect.arrayContaining([
        `Scheduled: Successfully assigned team/${name} to sandbox`,
        'Started: Started container app',
      ]),
    )
    stop.abort()
    await watching
  })

  it('ends as Succeeded or Failed where nothing is restarted', async () => {
    world.runtime.script = () => ({ exitCode: 0 })
    await make({ restartPolicy: 'Never' })
    await expect.poll(async () => (await status()).phase, patience).toBe('Succeeded')
    name = `${name}-bad`
    world.runtime.script = () => ({ exitCode: 3 })
    await make({ restartPolicy: 'OnFailure', initContainers: [] }, {})
    await expect.poll(async () => (await app())?.restartCount, patience).toBeGreaterThan(0)
    name = `${name}-never`
    await make({ restartPolicy: 'Never' })
    await expect.poll(async () => (await status()).phase, patience).toBe('Failed')
    expect(await condition('Ready')).toMatchObject({ status: 'False', reason: 'PodFailed' })
    expect((await app()).state.terminated).toMatchObject({ exitCode: 3, reason: 'Error' })
  })

  it('restarts a container that ends, ever later, and keeps the log of the run before', async () => {
    let starts = 0
    world.runtime.script = (_container, pod) => {
      if (pod.metadata.name === name) starts += 1
      return { exitCode: 1, log: `run ${starts}\n` }
    }
    await make({})
    await expect.poll(async () => (await app())?.state?.waiting?.reason, patience).toBe('CrashLoopBackOff')
    await expect.poll(async () => (await app()).restartCount, patience).toBeGreaterThan(2)
    expect((await app()).lastState.terminated).toMatchObject({ exitCode: 1, reason: 'Error' })
    expect((await reasons()).find(reason => reason.startsWith('BackOff'))).toContain(
      'Back-off restarting failed container app',
    )
    const current = Number((await cluster.logs(name, { container: 'app' })).slice(4))
    const previous = Number((await cluster.logs(name, { container: 'app', previous: true })).slice(4))
    expect(previous).toBeGreaterThanOrEqual(current - 1)
    await cluster.delete('Pod', name)
  })

  it('is Pending with the reason while an image cannot be had', async () => {
    world.runtime.script = () => {
      throw new RuntimeRefusal('ErrImagePull', 'there is no such image')
    }
    await make({})
    await expect.poll(async () => (await app())?.state?.waiting?.reason, patience).toBe('ImagePullBackOff')
    expect((await status()).phase).toBe('Pending')
    expect(await reasons()).toEqual(
      expect.arrayContaining([
        'Failed: Failed to pull image "app:1": there is no such image',
        'Failed: Error: ErrImagePull',
      ]),
    )
    world.runtime.script = ranOnce
    await expect.poll(async () => (await status()).phase, patience).toBe('Running')
  })

  it('counts a program that cannot be started as a run that failed', async () => {
    world.runtime.script = () => {
      throw new RuntimeRefusal('RunContainerError', 'exec: "run": executable file not found in $PATH')
    }
    await make({ restartPolicy: 'Never' })
    await expect.poll(async () => (await status()).phase, patience).toBe('Failed')
    expect((await app()).state.terminated).toMatchObject({ exitCode: 128, reason: 'StartError' })
  })

  it('waits for what its environment and its volumes name', async () => {
    const env = [
      { name: 'COLOR', valueFrom: { configMapKeyRef: { name: `${name}-env`, key: 'color' } } },
      { name: 'SAID', value: '$(COLOR) $$(COLOR) $(NOTHING)' },
      { name: 'ADDRESS', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    ]
    const volumes = [{ name: 'files', secret: { secretName: `${name}-files` } }]
    await make({ volumes }, { env, args: ['$(COLOR)'], volumeMounts: [{ name: 'files', mountPath: '/files' }] })
    await expect.poll(reasons, patience).toContain(`FailedMount: secret "${name}-files" not found`)
    world.sandbox.apply([
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: `${name}-files` }, stringData: { a: 'secret' } } as never,
    ])
    await expect
      .poll(async () => (await app())?.state?.waiting, patience)
      .toEqual({
        reason: 'CreateContainerConfigError',
        message: `configmap "${name}-env" not found`,
      })
    world.sandbox.apply([
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `${name}-env` }, data: { color: 'red' } } as never,
    ])
    await expect.poll(async () => (await status()).phase, patience).toBe('Running')
    const { request } = world.runtime.started.find(({ pod }) => pod === name)!
    expect(request).toMatchObject({
      args: ['red'],
      env: { COLOR: 'red', SAID: 'red $(COLOR) $(NOTHING)', HOSTNAME: name },
    })
    expect(request.env.ADDRESS).toBe((await status()).podIP)
    const opened = world.runtime.opened.find(({ pod }) => pod.metadata.name === name)!
    expect(opened.volumes).toEqual([
      { name: 'files', source: { type: 'files', files: [{ path: 'a', content: Buffer.from('secret'), mode: 0o644 }] } },
    ])
  })

  it('waits for its claim, which is bound, protected and then freed', async () => {
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: name } }]
    await make({ volumes }, { volumeMounts: [{ name: 'data', mountPath: '/data' }] })
    await expect.poll(async () => (await condition('PodScheduled'))?.reason, patience).toBe('Unschedulable')
    const claim = await cluster.create('PersistentVolumeClaim', {
      metadata: { name },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
    })
    await expect.poll(async () => (await status()).phase, patience).toBe('Running')
    await cluster.delete('PersistentVolumeClaim', name)
    expect((await cluster.get('PersistentVolumeClaim', name)).metadata.deletionTimestamp).toBeTruthy()
    await cluster.delete('Pod', name)
    await expect.poll(() => cluster.find('PersistentVolumeClaim', name), patience).toBeNull()
    await expect.poll(() => world.runtime.removedClaims, patience).toContain(claim.object.metadata.uid)
  })

  it('has its grace period, and less where somebody says so', async () => {
    world.runtime.script = () => ({ stopMs: 60_000 })
    await make({ terminationGracePeriodSeconds: 60 })
    await expect.poll(async () => (await status()).phase, patience).toBe('Running')
    await cluster.delete('Pod', name)
    const { metadata } = await cluster.get('Pod', name)
    expect(metadata).toMatchObject({ deletionGracePeriodSeconds: 60, generation: 2 })
    await world.request('admin', 'DELETE', `/api/v1/namespaces/team/pods/${name}`, { gracePeriodSeconds: 1 })
    await expect.poll(() => cluster.find('Pod', name), patience).toBeNull()
  })

  describe('with probes', () => {
    let server: Server
    let port: number
    let code = 500
    beforeAll(async () => {
      server = createServer((_request, response) => response.writeHead(code).end())
      await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
      port = (server.address() as AddressInfo).port
      world.runtime.dial = wanted =>
        new Promise((resolve, reject) => {
          const socket = connect(wanted, '127.0.0.1', () => resolve(socket))
          socket.once('error', reject)
        })
    })
    afterAll(() => server?.close())

    it('is ready when it answers, and an endpoint then', async () => {
      world.sandbox.apply([service(name, port)])
      const endpoints = async () => {
        const [slice] = (await cluster.list('EndpointSlice', {
          labelSelector: `kubernetes.io/service-name=${name}`,
        })) as (KubeObject & {
          endpoints: { conditions: { ready: boolean } }[]
        })[]
        return slice?.endpoints.map(({ conditions }) => conditions.ready)
      }
      await make({}, { readinessProbe: { httpGet: { port, path: '/health' }, periodSeconds: 1 } })
      await expect.poll(endpoints, patience).toEqual([false])
      expect((await status()).phase).toBe('Running')
      await expect
        .poll(reasons, patience)
        .toContain('Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 500')
      code = 204
      await expect.poll(endpoints, patience).toEqual([true])
      expect(await condition('Ready')).toMatchObject({ status: 'True' })
      code = 500
      await expect.poll(endpoints, patience).toEqual([false])
    })

    it('is restarted when it is not alive', async () => {
      await make({}, { livenessProbe: { tcpSocket: { port: 1 }, periodSeconds: 1, failureThreshold: 1 } })
      await expect.poll(async () => (await app())?.restartCount, patience).toBeGreaterThan(0)
      expect(await reasons()).toContain('Killing: Container app failed liveness probe, will be restarted')
      await cluster.delete('Pod', name)
    })
  })
})

function service(name: string, port: number): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: port }] },
  }
}
