import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Cluster, KubeObject } from '../../src/cluster/cluster.ts'
import { ClusterError } from '../../src/cluster/cluster.ts'
import { refusalOf } from '../../src/cluster/refusal.ts'
import { podTemplate } from '../../src/swap/pod-template.ts'
import { marks, type WorkloadKind } from '../../src/swap/record.ts'
import { findSwapped } from '../../src/swap/swapped.ts'
import { awaitDevPod } from '../../src/swap/watch-dev-pod.ts'
import { UserError } from '../../syncer/base/errors.ts'
import { RealNamespace, realCluster } from '../cluster/real-namespace.ts'
import { Died, type Fault, FaultyCluster } from '../src/swap/faulty-cluster.ts'
import { dev } from '../src/swap/shapes.ts'
import { expectUntouched, ready, Trial } from '../src/swap/trial.ts'

const real = realCluster()
const minutes = 60_000
let startScript: string
beforeAll(async () => {
  if (real) startScript = await readFile('dist/start.cjs', 'utf8')
})

const stays = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
const busybox = { image: 'podswap.test/busybox:1', imagePullPolicy: 'IfNotPresent' }

/** A workload as a team has it: two containers, a config map, probes, limits, a selector with an expression. */
function web(
  more: { replicas?: number; env?: object[]; spec?: object; pod?: object; container?: object } = {},
): object {
  const labels = { app: 'web', tier: 'front' }
  const app = {
    name: 'app',
    ...busybox,
    command: ['sh', '-c', stays],
    env: more.env ?? [],
    readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
    resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '64Mi' } },
    volumeMounts: [{ name: 'code', mountPath: '/code' }],
    ...more.container,
  }
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', labels: { app: 'web', team: 'shop' }, annotations: { note: 'keep' } },
    spec: {
      replicas: more.replicas ?? 2,
      ...more.spec,
      selector: { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'tier', operator: 'In', values: ['front'] }] },
      template: {
        metadata: { labels, annotations: { 'a/b': 'c' } },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [app, { name: 'side', ...busybox, command: ['sh', '-c', stays] }],
          volumes: [{ name: 'code', configMap: { name: 'code' } }],
          ...more.pod,
        },
      },
    },
  }
}

const code = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'code' },
  data: { 'app.js': 'hello from the map' },
}

/** A namespace with one workload in it, and a person who swaps it. */
class Stage {
  readonly namespace: RealNamespace
  readonly cluster: Cluster
  readonly trial: Trial

  private constructor(namespace: RealNamespace, cluster: Cluster) {
    this.namespace = namespace
    this.cluster = cluster
    this.trial = new Trial(cluster)
  }

  static async make(purpose: string, labels: string[] = []): Promise<Stage> {
    const namespace = await RealNamespace.make(real!, purpose, labels)
    const stage = new Stage(namespace, await namespace.connect())
    await stage.apply(code)
    return stage
  }

  async apply(object: object): Promise<void> {
    await this.namespace.apply(JSON.stringify(object), ['--server-side'])
  }

  async seed(object: object): Promise<KubeObject> {
    await this.apply(object)
    const { kind, metadata } = object as KubeObject
    return ready(this.cluster, kind as WorkloadKind, metadata.name!)
  }

  up(fields: Parameters<typeof dev>[0] = {}, cluster = this.cluster) {
    return this.trial.up(
      {
        dev: dev({ ...fields }),
        options: { agentImage: 'podswap.test/node:1', startScript },
        signal: AbortSignal.timeout(2 * minutes),
      },
      cluster,
    )
  }

  async upAndRunning(fields: Parameters<typeof dev>[0] = {}) {
    const swap = await this.up(fields)
    return { swap, pod: await awaitDevPod(this.cluster, swap, { signal: AbortSignal.timeout(2 * minutes) }) }
  }

  async exec(pod: string, container: string, ...command: string[]): Promise<string> {
    const { io, exit } = await this.cluster.exec({ pod, container, command })
    io.end()
    let text = ''
    for await (const data of io) text += data
    expect(await exit).toEqual({ code: 0 })
    return text
  }
}

describe.skipIf(!real)('a swap on a real cluster', () => {
  let stage: Stage
  beforeAll(async () => {
    stage = await Stage.make('swap')
  })
  afterAll(() => stage?.namespace.dispose())

  it('puts a dev container in the workload’s place, and leaves no trace of it', { timeout: 3 * minutes }, async () => {
    await stage.seed(web())
    const before = await stage.seed(web({ env: [{ name: 'RELEASE', value: '2' }] }))
    const counting = new FaultyCluster(stage.cluster, () => undefined)
    const swap = await stage.up(
      { image: 'podswap.test/busybox:1', environment: [{ name: 'MODE', value: 'dev' }] },
      counting,
    )
    const pod = await awaitDevPod(counting, swap, { signal: AbortSignal.timeout(minutes) })
    // a watch is a list and a stream
    const calls = counting.calls.length + counting.calls.filter(({ verb }) => verb === 'watch').length
    expect(calls).toBeLessThanOrEqual(25)
    expect(await stage.exec(pod.name, 'app', 'cat', '/code/app.js')).toBe('hello from the map')
    expect(
      await stage.exec(pod.name, 'app', 'sh', '-c', 'echo $RELEASE $MODE; tr "\\0" " " < /proc/1/cmdline'),
    ).toMatch(/^2 dev\n\/podswap\/init boot /)
    expect(await stage.exec(pod.name, 'side', 'cat', '/proc/1/cmdline')).toContain('sleep')
    const { metadata, spec } = await stage.cluster.get('Pod', pod.name)
    expect(metadata.labels).toMatchObject({ app: 'web', tier: 'front' })
    expect(metadata.annotations).toMatchObject({ 'a/b': 'c' })
    expect(spec.containers[0].resources).toMatchObject({ requests: { memory: '16Mi' }, limits: { memory: '320Mi' } })
    expect(await stage.cluster.get('Deployment', 'web')).toMatchObject({ spec: { replicas: 0 } })
    const found = await findSwapped(stage.cluster, { signal: AbortSignal.timeout(minutes) })
    expect(found).toMatchObject([
      { name: 'web', clone: 'web-podswap', replicas: 2, pod: { name: pod.name, phase: 'Running' } },
    ])

    expect(await stage.trial.down()).toEqual({
      state: 'reverted',
      workload: 'deployment/web',
      replicas: 2,
      isReady: true,
      leftovers: [],
    })
    await expectUntouched(stage.cluster, before)
    expect(await stage.trial.down()).toMatchObject({ state: 'nothing' })
    expect(await findSwapped(stage.cluster, { signal: AbortSignal.timeout(minutes) })).toEqual([])
  })

  it('is unknown to the next release and to a rollback', { timeout: 3 * minutes }, async () => {
    await stage.seed(web())
    await stage.seed(web({ env: [{ name: 'RELEASE', value: '3' }] }))
    await stage.upAndRunning()
    await stage.trial.down()
    const after = await stage.seed(web({ replicas: 3, env: [{ name: 'RELEASE', value: '4' }] }))
    expect(after.spec.replicas).toBe(3)
    await stage.namespace.kubectl(['rollout', 'undo', 'deployment/web'])
    await stage.namespace.kubectl(['rollout', 'status', 'deployment/web', '--timeout=60s'])
    const sets = await stage.cluster.list('ReplicaSet')
    const all = JSON.stringify([await stage.cluster.get('Deployment', 'web'), ...sets])
    expect(all).not.toContain('podswap.dev')
    expect(all).not.toContain('"manager":"podswap"')
  })

  it('comes back with the pods that a Service finds', { timeout: 3 * minutes }, async () => {
    await stage.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    })
    await stage.seed(web())
    const targets = async () => {
      const slices = JSON.parse(
        await stage.namespace.kubectl(['get', 'endpointslices', '-l', 'kubernetes.io/service-name=web', '-o', 'json']),
      )
      const endpoints = slices.items.flatMap(({ endpoints = [] }: { endpoints?: object[] }) => endpoints)
      return endpoints
        .filter(({ conditions }: { conditions: { ready: boolean } }) => conditions.ready)
        .map(({ targetRef }: { targetRef: { name: string } }) => targetRef.name)
    }
    const { pod } = await stage.upAndRunning()
    await expect.poll(targets, { timeout: minutes }).toEqual([pod.name])
    await stage.trial.down()
    await expect
      .poll(targets, { timeout: minutes })
      .toEqual([expect.stringMatching(/^web-[0-9a-f]+-/), expect.stringMatching(/^web-[0-9a-f]+-/)])
  })

  it('survives a rollback and a replace while it is on', { timeout: 3 * minutes }, async () => {
    await stage.seed(web())
    await stage.seed(web({ env: [{ name: 'RELEASE', value: '5' }] }))
    await stage.upAndRunning()
    await stage.namespace.kubectl(['rollout', 'undo', 'deployment/web'])
    expect(await stage.trial.down()).toMatchObject({ state: 'reverted', replicas: 2, isReady: true })
    const before = await stage.seed(web())
    await stage.upAndRunning()
    const unlabelled = {
      ...before,
      metadata: { name: 'web', labels: before.metadata.labels, annotations: before.metadata.annotations },
    }
    await stage.namespace.kubectl(
      ['replace', '-f', '-'],
      JSON.stringify({ ...unlabelled, spec: { ...before.spec, replicas: 0 } }),
    )
    expect(await stage.trial.down()).toMatchObject({ state: 'reverted', replicas: 2, isReady: true })
    const after = await stage.cluster.get('Deployment', 'web')
    expect(JSON.stringify(after.spec)).toBe(JSON.stringify(before.spec))
    expect(JSON.stringify(after)).not.toMatch(/podswap\.dev|"manager":"podswap"/)
  })
})

/** Of the calls every other one, by turns from day to day: all of them are tried on a cluster in memory (test/src/swap/crash.test.ts). */
const firstCall = 1 + (new Date().getUTCDate() % 2)
const callStep = 2
/** Each in a namespace of its own. */
const laneStep = 2 * callStep
const lanes = [firstCall, firstCall + callStep]
/** Several pods start at once. */
const readyMs = minutes

/** Side by side: each has a namespace of its own, and waits for its pods most of the time. */
describe.skipIf(!real).concurrent('a swap that is broken off', () => {
  const stages: Stage[] = []
  const staged = async (purpose: string) => {
    const stage = await Stage.make(purpose)
    stages.push(stage)
    return { stage, before: await stage.seed(web({ replicas: 1 })) }
  }
  afterAll(() => Promise.all(stages.map(({ namespace }) => namespace.dispose())))

  const dying = (stage: Stage, at: number) =>
    new FaultyCluster(stage.cluster, ({ index }) => (index === at ? { die: 'after' } : undefined))
  const isWhole = async (work: Promise<unknown>) => {
    const error = await work.then(
      () => undefined,
      error => error,
    )
    if (error) expect(error).toBeInstanceOf(Died)
    return error === undefined
  }

  it('during up comes back, whichever call was the last', { timeout: 10 * minutes }, async () => {
    const { stage, before } = await staged('crash-up')
    let deaths = 0
    for (let at = firstCall; !(await isWhole(stage.up({}, dying(stage, at)))); at += callStep) {
      expect(await stage.trial.down({ readyMs })).toMatchObject({ isReady: true, leftovers: [] })
      const now = await stage.cluster.get('Deployment', 'web')
      expect(JSON.stringify(now.spec)).toBe(JSON.stringify(before.spec))
      await expectUntouched(stage.cluster, before, { cloneWasLost: true })
      deaths += 1
    }
    expect(deaths).toBeGreaterThan(3)
  })

  it('during down comes back, whichever call was the last', { timeout: 10 * minutes }, async () => {
    const deaths = await Promise.all(lanes.map(first => deathsFrom(first)))
    expect(deaths.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(3)
  })
  /** How many there were. */
  const deathsFrom = async (first: number) => {
    const { stage, before } = await staged(`crash-down-${first}`)
    let deaths = 0
    for (let at = first; ; at += laneStep) {
      await stage.up()
      const whole = await isWhole(stage.trial.down({ readyMs }, dying(stage, at)))
      await stage.trial.down({ readyMs })
      await ready(stage.cluster, 'Deployment', 'web')
      await expectUntouched(stage.cluster, before)
      if (whole) return deaths
      deaths += 1
    }
  }

  const conflict = new UserError('conflict', 'moved', { cause: new ClusterError(409, 'Conflict', 'moved') })
  const lost = new UserError('timeout', 'no answer', { cause: new ClusterError(0, 'Network', 'no answer') })
  const answered = (status: number, reason: string) => {
    const where = { server: 's', context: 'c', namespace: 'n' }
    return refusalOf(status, JSON.stringify({ reason, message: reason }), { verb: '', group: '', resource: '' }, where)
  }
  const dropped = new UserError('unreachable', 'reset', { cause: new ClusterError(0, 'Network', 'reset') })
  const faults: Fault[] = [
    { refuse: answered(429, 'TooManyRequests') },
    { refuse: answered(500, 'InternalError') },
    { refuse: dropped },
    { lose: dropped },
    { lose: lost },
  ]
  it('comes back with the next down after a fault at any call', { timeout: 10 * minutes }, async () => {
    const injected = await Promise.all(lanes.map(first => faultsFrom(first)))
    expect(injected.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(10)
  })
  /** How many there were. */
  const faultsFrom = async (first: number) => {
    const { stage, before } = await staged(`fault-${first}`)
    let injected = 0
    for (let at = first; ; at += laneStep) {
      const faulty = new FaultyCluster(stage.cluster, ({ index, verb }) =>
        index === at && verb !== 'watch' ? faults[Math.floor(at / callStep) % faults.length] : undefined,
      )
      const failures: unknown[] = []
      await stage.up({}, faulty).catch(error => failures.push(error))
      await stage.trial.down({ readyMs }, faulty).catch(error => failures.push(error))
      for (const failure of failures) expect(failure).toBeInstanceOf(UserError)
      expect(await stage.trial.down({ readyMs })).toMatchObject({ leftovers: [] })
      await ready(stage.cluster, 'Deployment', 'web')
      await expectUntouched(stage.cluster, before, { cloneWasLost: true })
      if (faulty.calls.length < at) return injected
      injected += 1
    }
  }

  it('goes through a conflict or a lost answer at each write, in turns', { timeout: 10 * minutes }, async () => {
    await Promise.all(lanes.map(first => writesFrom(first)))
  })
  const writesFrom = async (first: number) => {
    const today = new Date().getUTCDate()
    const { stage, before } = await staged(`writes-${first}`)
    for (let at = first; ; at += laneStep) {
      let writes = 0
      const faulty = new FaultyCluster(stage.cluster, ({ verb, dryRun }) => {
        if (!['create', 'patch', 'replace', 'delete'].includes(verb) || dryRun) return undefined
        writes += 1
        const fault = ((at >> 1) + (today >> 1)) % 2 === 0 ? { refuse: conflict } : { lose: lost }
        return writes === at ? fault : undefined
      })
      const swap = await stage.up({}, faulty)
      await awaitDevPod(faulty, swap, { signal: AbortSignal.timeout(minutes) })
      expect(await stage.trial.down({ readyMs }, faulty)).toMatchObject({
        state: 'reverted',
        isReady: true,
        leftovers: [],
      })
      await expectUntouched(stage.cluster, before)
      if (writes < at) return
    }
  }
})

describe.skipIf(!real).concurrent('volumes', () => {
  const stages: Stage[] = []
  const staged = async (purpose: string) => {
    const stage = await Stage.make(purpose)
    stages.push(stage)
    return stage
  }
  afterAll(() => Promise.all(stages.map(({ namespace }) => namespace.dispose())))

  const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Mi' } } }
  const mounted = { volumes: [{ name: 'code', persistentVolumeClaim: { claimName: 'data' } }] }

  it.each([
    ['a volume', 'writers', {}, mounted],
    [
      'what Recreate keeps from overlapping',
      'recreate',
      { strategy: { type: 'Recreate' } },
      { volumes: [{ name: 'code', emptyDir: {} }] },
    ],
  ])('never have two writers of %s', { timeout: 5 * minutes }, async (_name, purpose, spec, pod) => {
    const stage = await staged(purpose)
    await stage.apply({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' }, spec: claim })
    // ends only when its grace period is over
    const stubborn = { command: ['sh', '-c', "trap '' TERM; while :; do sleep 0.1; done"] }
    const before = await stage.seed(
      web({ replicas: 1, spec, container: stubborn, pod: { ...pod, terminationGracePeriodSeconds: 3 } }),
    )
    const stop = new AbortController()
    const there = new Set<string>()
    const overlaps: string[] = []
    const watching = stage.cluster.watch(
      'Pod',
      { labelSelector: 'app=web', signal: stop.signal },
      ({ type, object }) => {
        const name = object.metadata.name ?? ''
        if (type === 'DELETED') there.delete(name)
        else there.add(name)
        if (there.size > 1) overlaps.push([...there].join())
      },
    )
    await stage.upAndRunning()
    expect(await stage.trial.down({ readyMs })).toMatchObject({ state: 'reverted', isReady: true, leftovers: [] })
    stop.abort()
    await watching
    expect(overlaps).toEqual([])
    expect(stage.trial.types()).toEqual(expect.arrayContaining(['waiting-old-pod', 'waiting-clone-pod']))
    await expectUntouched(stage.cluster, before)
  })

  it('of a StatefulSet stay, with whatever was to be deleted at 0', { timeout: 5 * minutes }, async () => {
    const stage = await staged('stateful')
    const labels = { app: 'db' }
    const container = {
      name: 'db',
      ...busybox,
      command: ['sh', '-c', `hostname >> /data/log; ${stays}`],
      volumeMounts: [{ name: 'data', mountPath: '/data' }],
    }
    const before = await stage.seed({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'db', labels },
      spec: {
        replicas: 2,
        serviceName: 'db',
        persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Retain' },
        selector: { matchLabels: labels },
        volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: claim }],
        template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers: [container] } },
      },
    })
    const claims = async () => {
      const { items } = JSON.parse(await stage.namespace.kubectl(['get', 'pvc', '-l', 'app=db', '-o', 'json']))
      return items.map(({ metadata }: KubeObject) => [metadata.name, metadata.uid, metadata.deletionTimestamp])
    }
    const claimsBefore = await claims()
    expect(claimsBefore).toHaveLength(2)
    // the first claim's writers: the original's first pod, and the clone's
    const stop = new AbortController()
    const writers = new Set<string>()
    const overlaps: string[] = []
    const watching = stage.cluster.watch(
      'Pod',
      { labelSelector: 'statefulset.kubernetes.io/pod-name=db-0', signal: stop.signal },
      ({ type, object }) => {
        const uid = object.metadata.uid ?? ''
        if (type === 'DELETED') writers.delete(uid)
        else writers.add(uid)
        if (writers.size > 1) overlaps.push([...writers].join())
      },
    )
    const { pod } = await stage.upAndRunning({ name: 'db' })
    expect(await stage.exec(pod.name, 'db', 'sh', '-c', 'cat /data/log; hostname')).toBe('db-0\ndb-0\n')
    expect((await stage.cluster.get('Pod', pod.name)).metadata.labels).toMatchObject({
      'statefulset.kubernetes.io/pod-name': 'db-0',
      'apps.kubernetes.io/pod-index': '0',
    })
    expect(await claims()).toEqual(claimsBefore)
    expect(await stage.trial.down({ kind: 'StatefulSet', name: 'db', readyMs })).toMatchObject({
      state: 'reverted',
      replicas: 2,
      isReady: true,
    })
    stop.abort()
    await watching
    expect(overlaps).toEqual([])
    expect(await claims()).toEqual(claimsBefore)
    await expectUntouched(stage.cluster, before)
  })
})

describe.skipIf(!real).concurrent('a namespace with rules', () => {
  const stages: Stage[] = []
  const staged = async (purpose: string, labels: string[] = []) => {
    const stage = await Stage.make(purpose, labels)
    stages.push(stage)
    return stage
  }
  afterAll(() => Promise.all(stages.map(({ namespace }) => namespace.dispose())))

  it('that wants pods restricted: runs as a user, and refuses before anything is touched', {
    timeout: 3 * minutes,
  }, async () => {
    const stage = await staged('restricted', ['pod-security.kubernetes.io/enforce=restricted'])
    const restricted = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } }
    const securityContext = { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } }
    const both = [
      { name: 'app', ...busybox, command: ['sh', '-c', stays], securityContext: restricted },
      { name: 'side', ...busybox, command: ['sh', '-c', stays], securityContext: restricted },
    ]
    const before = await stage.seed(web({ replicas: 1, pod: { containers: both, securityContext } }))
    const { pod } = await stage.upAndRunning({ image: 'podswap.test/busybox:1' })
    expect(await stage.exec(pod.name, 'app', 'id', '-u')).toBe('1000\n')
    expect(await stage.trial.down()).toMatchObject({ state: 'reverted', isReady: true })
    const refused = stage.up({ securityContext: { runAsNonRoot: false, runAsUser: 0 } })
    await expect(refused).rejects.toMatchObject({ code: 'rejected', message: expect.stringContaining('PodSecurity') })
    await expectUntouched(stage.cluster, before)
  })

  it('that limits what is not limited: the clone gets the limit and room for the agent', {
    timeout: 3 * minutes,
  }, async () => {
    const stage = await staged('limits')
    const limits = [{ type: 'Container', default: { 'ephemeral-storage': '50Mi', memory: '128Mi' } }]
    await stage.apply({ apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'small' }, spec: { limits } })
    const before = await stage.seed(web({ replicas: 1 }))
    const effective = async (pod: string) => (await stage.cluster.get('Pod', pod)).spec.containers[0].resources.limits
    const known = await stage.upAndRunning()
    expect(await effective(known.pod.name)).toEqual({ 'ephemeral-storage': '562Mi', memory: '320Mi' })
    await stage.trial.down()
    await expectUntouched(stage.cluster, before)
    await stage.seed(web({ replicas: 0 }))
    const learnt = await stage.upAndRunning()
    const template = podTemplate(await stage.cluster.get('Deployment', 'web-podswap'))
    expect(template.spec.containers[0]?.resources?.limits).toEqual({ 'ephemeral-storage': '562Mi', memory: '320Mi' })
    const clones = async () => (await stage.cluster.list('Pod', { labelSelector: marks.clone })).length
    await vi.waitFor(async () => expect(await clones()).toBe(1), { timeout: 30_000, interval: 200 })
    expect(learnt.swap.replicas).toBe(0)
    await stage.trial.down()
  })

  it('whose dev image is not there: said, and undone', { timeout: 3 * minutes }, async () => {
    const stage = await staged('noimage')
    const before = await stage.seed(web({ replicas: 1 }))
    const swap = await stage.up({ image: 'podswap.test/none:1', imagePullPolicy: 'Never' })
    const starting = awaitDevPod(stage.cluster, swap, { signal: AbortSignal.timeout(minutes), stuckMs: 500 })
    await expect(starting).rejects.toMatchObject({
      code: 'pod-failed',
      message: expect.stringContaining('ErrImageNeverPull'),
    })
    expect(await stage.trial.down()).toMatchObject({ state: 'reverted', isReady: true })
    await expectUntouched(stage.cluster, before)
  })

  // alone: it says how soon
  it.sequential('that counts pods: the clone starts as soon as the old pod is gone', {
    timeout: 3 * minutes,
  }, async () => {
    const stage = await staged('quota')
    await stage.apply({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'one' },
      spec: { hard: { pods: '1' } },
    })
    const stubborn = { command: ['sh', '-c', "trap '' TERM; while :; do sleep 0.1; done"] }
    const before = await stage.seed(
      web({ replicas: 1, container: stubborn, pod: { terminationGracePeriodSeconds: 12 } }),
    )
    const swap = await stage.up()
    const told: string[] = []
    let goneAtMs = 0
    const stop = new AbortController()
    const watching = stage.cluster.watch('Pod', { labelSelector: 'app=web', signal: stop.signal }, ({ type }) => {
      if (type === 'DELETED') goneAtMs = performance.now()
    })
    const on = (news: { state: string; message?: string }) => told.push(`${news.state} ${news.message}`)
    await awaitDevPod(stage.cluster, swap, { signal: AbortSignal.timeout(minutes), stuckMs: 2_000, on })
    expect(performance.now() - goneAtMs).toBeLessThan(6_000)
    expect(told.join()).toContain('exceeded quota')
    stop.abort()
    await watching
    // the other way round: the clone's pod is in the original's way
    expect(await stage.trial.down({ readyMs: minutes })).toMatchObject({ state: 'reverted', isReady: true })
    await expectUntouched(stage.cluster, before)
  })
})
