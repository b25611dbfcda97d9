import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cluster, KubeObject } from '../../src/cluster/cluster.ts'
import { connectCluster } from '../../src/cluster/connect.ts'
import { until } from '../../src/swap/follow.ts'
import { planSwap } from '../../src/swap/plan.ts'
import { podTemplate } from '../../src/swap/pod-template.ts'
import { marks } from '../../src/swap/record.ts'
import { awaitDevPod } from '../../src/swap/watch-dev-pod.ts'
import { RealNamespace, realCluster } from '../cluster/real-namespace.ts'
import { dev, planOptions } from '../src/swap/shapes.ts'
import { expectUntouched, ready, Trial } from '../src/swap/trial.ts'

const real = realCluster()
const minutes = 60_000
const stays = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
const busybox = { image: 'podswap.test/busybox:1', imagePullPolicy: 'IfNotPresent' }
const waits = { ...busybox, command: ['sh', '-c', stays] }

/** As much of Argo Rollouts as is asked for here. */
const rolloutKind = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'rollouts.argoproj.io' },
  spec: {
    group: 'argoproj.io',
    names: { kind: 'Rollout', plural: 'rollouts' },
    scope: 'Namespaced',
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
}

/** What the cluster makes of the shapes that workloads and manifests have, as a person with our Role. */
describe.skipIf(!real)('shapes', () => {
  let namespace: RealNamespace
  let cluster: Cluster
  let startScript: string
  const priorityClass = `podswap-shapes-${process.pid}`

  beforeAll(async () => {
    startScript = await readFile('dist/start.cjs', 'utf8')
    namespace = await RealNamespace.make(real!, 'shapes')
    cluster = await namespace.connect()
    await apply({
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: priorityClass },
      value: 77,
    })
  })
  afterAll(async () => {
    await namespace?.kubectl(['delete', 'priorityclass', priorityClass, '--ignore-not-found'])
    await namespace?.dispose()
  })

  const apply = (...objects: object[]) =>
    namespace.apply(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }), ['--server-side'])

  const up = async (trial: Trial, fields: Parameters<typeof dev>[0]) => {
    const signal = AbortSignal.timeout(2 * minutes)
    const options = { agentImage: 'podswap.test/node:1', startScript }
    const swap = await trial.up({ dev: dev(fields), options, signal })
    const { name } = await awaitDevPod(cluster, swap, { signal })
    return cluster.get('Pod', name)
  }

  const exec = async (pod: KubeObject, container: string, ...command: string[]) => {
    const { io, exit } = await cluster.exec({ pod: pod.metadata.name!, container, command })
    io.end()
    let text = ''
    for await (const data of io) text += data
    expect(await exit).toEqual({ code: 0 })
    return text
  }

  it('of one pod: where it runs, as whom, and beside what', { timeout: 5 * minutes }, async () => {
    const labels = { app: 'web' }
    const mount = { volumeMounts: [{ name: 'shared', mountPath: '/shared' }] }
    await apply(
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'builder' } },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web' },
        spec: { selector: labels, ports: [{ port: 80 }] },
      },
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web', labels },
        spec: {
          replicas: 1,
          selector: { matchLabels: labels },
          template: {
            metadata: { labels, annotations: { note: 'theirs' } },
            spec: {
              terminationGracePeriodSeconds: 1,
              nodeSelector: { 'kubernetes.io/arch': (await nodeLabels())['kubernetes.io/arch'] },
              tolerations: [{ key: 'theirs', operator: 'Exists' }],
              initContainers: [
                { name: 'first', ...busybox, command: ['sh', '-c', 'echo once >> /shared/log'], ...mount },
                { name: 'mesh', ...waits, restartPolicy: 'Always', ...mount },
              ],
              containers: [
                { name: 'side', ...waits, ...mount },
                { name: 'app', ...waits, ...mount },
              ],
              volumes: [{ name: 'shared', emptyDir: {} }],
            },
          },
        },
      },
    )
    const before = await ready(cluster, 'Deployment', 'web')
    await expectRightsAsWritten(before)
    const trial = new Trial(cluster)
    const expression = { key: 'kubernetes.io/os', operator: 'In', values: ['linux'] }
    const pod = await up(trial, {
      container: 'app',
      scheduling: {
        nodeSelector: { 'kubernetes.io/os': 'linux' },
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [expression] }] },
          },
        },
        tolerations: [{ key: 'ours', operator: 'Equal', value: 'x', effect: 'NoExecute', tolerationSeconds: 5 }],
        serviceAccount: 'builder',
        priorityClassName: priorityClass,
      },
      metadata: { labels: { team: 'shop', app: 'other' }, annotations: { note: 'ours', more: 'text, 1' } },
      securityContext: { runAsUser: 1234, seccompProfile: { type: 'RuntimeDefault' }, fsGroup: 4321 },
    })
    expect(pod.metadata).toMatchObject({
      labels: { app: 'web', team: 'shop', [marks.clone]: 'web-podswap' },
      annotations: { note: 'ours', more: 'text, 1' },
    })
    expect(pod.spec).toMatchObject({
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      affinity: { nodeAffinity: expect.any(Object) },
      serviceAccountName: 'builder',
      priorityClassName: priorityClass,
      priority: 77,
    })
    const tolerated = pod.spec.tolerations.map(({ key }: { key: string }) => key)
    expect(tolerated).toEqual(expect.arrayContaining(['theirs', 'ours']))
    // all of the original's beside the dev container, and its init container ran once, after ours
    expect(await exec(pod, 'app', 'sh', '-c', 'cat /shared/log; id -u; grep Seccomp: /proc/self/status')).toMatch(
      /^once\n1234\nSeccomp:\s2\n$/,
    )
    expect(await exec(pod, 'mesh', 'id', '-u')).toBe('0\n')
    expect(pod.spec.initContainers.map(({ name }: { name: string }) => name)).toEqual([
      'podswap-agent',
      'first',
      'mesh',
    ])
    expect(await addressesOf('web')).toEqual([pod.status.podIP])
    expect(await trial.down()).toMatchObject({ state: 'reverted', isReady: true, leftovers: [] })
    await expectUntouched(cluster, before)
  })

  it('of a workload that is not there yet: it is made with a Service, and goes with the swap', {
    timeout: 5 * minutes,
  }, async () => {
    const trial = new Trial(cluster)
    const forward = [{ localPort: 80, remotePort: 8080, at: dev().at }]
    const pod = await up(trial, { name: 'fresh', image: busybox.image, autocreate: true, forward })
    expect(pod.metadata.labels).toMatchObject({ app: 'fresh', [marks.clone]: 'fresh-podswap' })
    expect(await addressesOf('fresh')).toEqual([pod.status.podIP])
    // from elsewhere, knowing nothing but the name
    expect(await new Trial(cluster).down({ name: 'fresh' })).toMatchObject({ state: 'removed', leftovers: [] })
    for (const kind of ['Deployment', 'Service'] as const) expect(await cluster.find(kind, 'fresh')).toBeNull()
    expect(await cluster.list('Deployment', { labelSelector: marks.clone })).toEqual([])
    expect(await cluster.list('Pod', { labelSelector: marks.clone })).toEqual([])
    expect(await cluster.list('Lease', { labelSelector: marks.lease })).toEqual([])
  })

  /** Rights that this node could not give: the API server's word for them is enough. */
  async function expectRightsAsWritten(workload: KubeObject): Promise<void> {
    const securityContext = { privileged: true, seLinuxOptions: { level: 's0:c1,c2', type: 'spc_t' } }
    const options = { ...planOptions, startScript }
    const { clone } = planSwap({ workload, dev: dev({ securityContext, container: 'app' }), options })
    const { object } = await cluster.create('Deployment', clone, { dryRun: true })
    expect(podTemplate(object).spec.containers[1]!.securityContext).toEqual(securityContext)
  }

  async function nodeLabels(): Promise<Record<string, string>> {
    const { items } = JSON.parse(await namespace.kubectl(['get', 'nodes', '-o', 'json']))
    return items[0].metadata.labels
  }

  /** Whom the Service sends requests to, as soon as that is one. */
  async function addressesOf(service: string): Promise<string[]> {
    const read = async (): Promise<string[]> => {
      const selector = `kubernetes.io/service-name=${service}`
      const { items } = JSON.parse(await namespace.kubectl(['get', 'endpointslices', '-l', selector, '-o', 'json']))
      type Endpoint = { addresses: string[]; conditions: { ready?: boolean } }
      const endpoints: Endpoint[] = items.flatMap(({ endpoints }: { endpoints?: Endpoint[] }) => endpoints ?? [])
      return endpoints.filter(({ conditions }) => conditions.ready).flatMap(({ addresses }) => addresses)
    }
    await expect.poll(async () => (await read()).length).toBe(1)
    return read()
  }

  describe('that cannot be swapped', () => {
    const pod = { metadata: { labels: { of: 'others' } }, spec: { containers: [{ name: 'app', ...waits }] } }
    const jobPod = { ...pod, spec: { ...pod.spec, restartPolicy: 'Never' } }
    const spec = { selector: { matchLabels: { of: 'others' } }, template: pod }
    let admin: Cluster

    beforeAll(async () => {
      admin = await connectCluster({ kubeconfig: real!.admin, namespace: namespace.name, env: process.env })
      await apply(
        { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: { name: 'logs' }, spec },
        { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'migrate' }, spec: { template: jobPod } },
        {
          apiVersion: 'batch/v1',
          kind: 'CronJob',
          metadata: { name: 'nightly' },
          spec: { schedule: '0 0 1 1 *', suspend: true, jobTemplate: { spec: { template: jobPod } } },
        },
        { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'bare' }, spec: pod.spec },
      )
      const topic = { kind: 'Pod', labelSelector: 'of=others' } as const
      await until(cluster, [topic], { signal: AbortSignal.timeout(minutes), timeoutMs: minutes }, ([pods = []]) => {
        const owners = pods.flatMap(({ metadata }) => metadata.ownerReferences?.map(({ name }) => name) ?? [])
        return owners.includes('logs') && owners.includes('migrate') ? true : undefined
      })
    }, 2 * minutes)
    afterAll(() => admin?.close())

    it.each([
      ['DaemonSet', 'logs'],
      ['Job', 'migrate'],
      ['Pod', 'bare'],
    ])('a %s is known by its pods', async (kind, name) => {
      await expect(new Trial(cluster).up({ dev: dev({ name }) })).rejects.toMatchObject({
        code: 'unsupported',
        message: `${kind} ${name} cannot be swapped: it is not a Deployment or StatefulSet`,
        hint: expect.stringContaining('Deployment'),
      })
    })

    it('a CronJob that has never run is known to who may read it', async () => {
      await expect(new Trial(admin).up({ dev: dev({ name: 'nightly' }) })).rejects.toMatchObject({
        code: 'unsupported',
        message: expect.stringContaining('CronJob nightly'),
      })
      await expect(new Trial(cluster).up({ dev: dev({ name: 'nightly' }) })).rejects.toMatchObject({
        code: 'not-found',
        hint: expect.stringMatching(/whether it is a DaemonSet, Job, CronJob or Rollout you have no right to see/),
      })
    })

    it('a Rollout is nothing where there is no Argo', async () => {
      const refused = new Trial(admin).up({ dev: dev({ name: 'no-rollout' }) })
      await expect(refused).rejects.toMatchObject({ code: 'not-found' })
      await expect(refused).rejects.not.toMatchObject({ hint: expect.stringContaining('no right') })
    })

    it('an Argo Rollout is known by its ReplicaSet, and to who may read it', { timeout: 2 * minutes }, async () => {
      await namespace.apply(JSON.stringify(rolloutKind))
      try {
        await namespace.kubectl(['wait', '--for=condition=Established', `crd/${rolloutKind.metadata.name}`])
        await apply({ apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', metadata: { name: 'canary' }, spec: {} })
        const { uid } = JSON.parse(await namespace.kubectl(['get', 'rollouts/canary', '-o', 'json'])).metadata
        const owner = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', name: 'canary', uid, controller: true }
        const metadata = { name: 'canary-5d4f', ownerReferences: [owner] }
        const labels = { of: 'canary' }
        const template = { ...pod, metadata: { labels } }
        await apply({
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          metadata,
          spec: { selector: { matchLabels: labels }, template },
        })
        const topic = { kind: 'Pod', labelSelector: 'of=canary' } as const
        await until(cluster, [topic], { signal: AbortSignal.timeout(minutes), timeoutMs: minutes }, ([pods = []]) =>
          pods.length > 0 ? true : undefined,
        )
        for (const each of [cluster, admin]) {
          await expect(new Trial(each).up({ dev: dev({ name: 'canary' }) })).rejects.toMatchObject({
            code: 'unsupported',
            message: 'Rollout canary cannot be swapped: it is not a Deployment or StatefulSet',
            hint: expect.stringContaining('develop in a Deployment'),
          })
        }
      } finally {
        await namespace.kubectl(['delete', 'crd', rolloutKind.metadata.name])
      }
    })
  })
})
