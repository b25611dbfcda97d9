import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../src/cluster/cluster.ts'
import type { AppliedSwap } from '../../../src/swap/apply.ts'
import type { DevPodNews } from '../../../src/swap/dev-pod-watcher.ts'
import { podTemplate } from '../../../src/swap/pod-template.ts'
import { marks, readRecord } from '../../../src/swap/record.ts'
import { awaitDevPod, watchDevPod } from '../../../src/swap/watch-dev-pod.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { running } from '../cluster/memory-controllers.ts'
import { dev, webDeployment } from './shapes.ts'
import { expectUntouched, ready, Trial } from './trial.ts'

let cluster: MemoryCluster
let trial: Trial
let before: KubeObject
let stop: AbortController
beforeEach(async () => {
  cluster = new MemoryCluster()
  trial = new Trial(cluster)
  stop = new AbortController()
  const { uid, resourceVersion, ...metadata } = webDeployment().metadata
  cluster.applyServerSide({ ...webDeployment(), metadata })
  before = await ready(cluster, 'Deployment', 'web')
})
afterEach(() => {
  stop.abort()
  cluster.close()
})

/** A pod of the clone whose dev container is in this state; other pods run. */
const devContainer =
  (state: object, more: object = {}) =>
  (pod: KubeObject) =>
    pod.metadata.labels?.[marks.clone]
      ? { phase: 'Pending', containerStatuses: [{ name: 'app', state }], ...more }
      : running(pod)
const waiting = (reason: string, message = 'because') => devContainer({ waiting: { reason, message } })

function watched(swap: AppliedSwap, options: { stuckMs?: number; startMs?: number } = {}) {
  const news: DevPodNews[] = []
  const ended = watchDevPod(cluster, swap, { signal: stop.signal, on: each => news.push(each), ...options })
  ended.catch(() => {})
  const states = () => news.map(({ state }) => state)
  const last = () => news.at(-1)
  return { news, states, last, ended }
}

const podsOfClone = () => cluster.all('Pod').filter(({ metadata }) => metadata.labels?.[marks.clone])
const started = (swap: AppliedSwap, options: { stuckMs?: number; startMs?: number } = {}) =>
  awaitDevPod(cluster, swap, { signal: stop.signal, stuckMs: 20, ...options })

describe('the dev pod', () => {
  it('is told when it runs', async () => {
    const swap = await trial.up()
    const pod = await started(swap)
    expect(pod).toMatchObject({
      name: expect.stringMatching(/^web-podswap-/),
      container: 'app',
      incarnation: expect.stringContaining('memory://'),
    })
  })

  it('is told on its way up, when it is gone, and as another one', async () => {
    cluster.controllers.behave = waiting('ContainerCreating', '')
    const swap = await trial.up()
    const { news, states, last } = watched(swap)
    await expect
      .poll(last)
      .toMatchObject({ state: 'pending', name: expect.stringMatching(/^web-podswap-./), message: 'ContainerCreating' })
    cluster.controllers.behave = running
    cluster.controllers.changed()
    await expect.poll(last).toMatchObject({ state: 'running' })
    const first = podsOfClone()[0]!
    cluster.controllers.holds = pod => pod.metadata.uid === first.metadata.uid
    cluster.store('Pod', { ...first, metadata: { ...first.metadata, deletionTimestamp: '2027-01-01T00:00:00Z' } })
    await expect.poll(() => states().filter(state => state === 'running')).toHaveLength(2)
    expect(states().slice(states().indexOf('running'))).toEqual([
      'running',
      'gone',
      ...states().slice(states().indexOf('gone') + 1),
    ])
    expect(news.find(({ state }) => state === 'gone')).toEqual({ state: 'gone', name: first.metadata.name })
    const second = podsOfClone().find(({ metadata }) => metadata.uid !== first.metadata.uid)
    expect(last()).toMatchObject({ state: 'running', pod: { name: second!.metadata.name, uid: second!.metadata.uid } })
  })

  it('is told anew when its container was restarted', async () => {
    const swap = await trial.up()
    const { news, last } = watched(swap)
    await expect.poll(last).toMatchObject({ state: 'running' })
    cluster.controllers.behave = devContainer(
      { running: {} },
      { containerStatuses: [{ name: 'app', containerID: 'memory://again', state: { running: {} } }] },
    )
    cluster.controllers.changed()
    await expect.poll(last).toMatchObject({ pod: { incarnation: 'memory://again' } })
    expect(new Set(news.map(each => ('pod' in each ? each.pod.uid : ''))).size).toBeLessThanOrEqual(2)
  })

  it('that ran out of memory is told with what to do', async () => {
    const swap = await trial.up()
    const { news, last } = watched(swap)
    await expect.poll(last).toMatchObject({ state: 'running' })
    const lastState = { terminated: { reason: 'OOMKilled', exitCode: 137 } }
    const status = { name: 'app', containerID: 'memory://again', state: { running: {} }, lastState }
    cluster.controllers.behave = devContainer({ running: {} }, { containerStatuses: [status] })
    cluster.controllers.changed()
    await expect.poll(last).toMatchObject({ pod: { incarnation: 'memory://again' } })
    const warnings = news.filter(({ state }) => state === 'warning')
    expect(warnings).toMatchObject([
      { message: 'app was restarted: OOMKilled (exit code 137)', hint: expect.stringContaining('limits.memory') },
    ])
  })

  it('whose other container crashes is told once, with the cluster’s words and where to look', async () => {
    cluster.controllers.behave = pod => {
      if (!pod.metadata.labels?.[marks.clone]) return running(pod)
      const status = running(pod) as { containerStatuses: object[] }
      const message = 'back-off 10s restarting failed container=proxy'
      const lastState = { terminated: { exitCode: 3, reason: 'Error' } }
      const crashing = { name: 'proxy', state: { waiting: { reason: 'CrashLoopBackOff', message } }, lastState }
      return { ...status, containerStatuses: [status.containerStatuses[0], crashing] }
    }
    const swap = await trial.up()
    const { news, states } = watched(swap)
    await expect.poll(states).toEqual(expect.arrayContaining(['running', 'warning']))
    cluster.edit('Deployment', 'web-podswap', { metadata: { annotations: { seen: 'again' } } })
    const warnings = () => news.filter(({ state }) => state === 'warning')
    expect(warnings()).toEqual([
      {
        state: 'warning',
        name: expect.stringMatching(/^web-podswap-/),
        message:
          'CrashLoopBackOff: proxy: back-off 10s restarting failed container=proxy; it ended with Error (exit code 3); ' +
          'as long as that lasts no Service leads to the pod',
        hint: expect.stringMatching(/^kubectl logs web-podswap-\S+ -c proxy --previous$/),
      },
    ])
  })

  it('that runs out of memory again and again is told so', async () => {
    const lastState = { terminated: { exitCode: 137, reason: 'OOMKilled' } }
    const state = { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } }
    cluster.controllers.behave = pod =>
      pod.metadata.labels?.[marks.clone]
        ? { phase: 'Running', containerStatuses: [{ name: 'app', state, lastState }] }
        : running(pod)
    const swap = await trial.up()
    const { last } = watched(swap)
    await expect.poll(last).toMatchObject({
      state: 'pending',
      message: 'CrashLoopBackOff: app: back-off 10s; it ended with OOMKilled (exit code 137)',
      hint: expect.stringContaining('resources.limits.memory'),
    })
  })

  it.each<[string, (pod: KubeObject) => KubeObject, string]>([
    [
      'evicted by its node',
      pod => ({ ...pod, status: { phase: 'Failed', reason: 'Evicted', message: 'The node was low on\nmemory.' } }),
      'Evicted: The node was low on memory.',
    ],
    [
      'drained',
      pod => {
        const because = { reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' }
        const conditions = [{ type: 'DisruptionTarget', status: 'True', ...because }]
        const metadata = { ...pod.metadata, deletionTimestamp: '2027-01-01T00:00:00Z' }
        return { ...pod, metadata, status: { ...pod.status, conditions } }
      },
      'EvictionByEvictionAPI: Eviction API: evicting',
    ],
  ])('that is %s is told in the cluster’s words, and the next one runs', async (_name, end, why) => {
    const { news, states, last } = watched(await trial.up())
    await expect.poll(last).toMatchObject({ state: 'running' })
    const first = podsOfClone()[0]!
    cluster.controllers.behave = pod => (pod.metadata.uid === first.metadata.uid ? end(first).status : running(pod))
    cluster.controllers.holds = pod => pod.metadata.uid === first.metadata.uid
    cluster.store('Pod', end(first))
    await expect.poll(states).toContain('warning')
    expect(news.find(({ state }) => state === 'warning')).toMatchObject({
      name: first.metadata.name,
      message: `${why}; another pod takes its place`,
    })
    cluster.remove('Pod', first.metadata.name!)
    await expect.poll(last).toMatchObject({ state: 'running' })
    await expect.poll(() => podsOfClone().map(({ metadata }) => metadata.uid)).not.toContain(first.metadata.uid)
  })

  it('is watched until aborted', async () => {
    const { ended, last } = watched(await trial.up())
    await expect.poll(last).toMatchObject({ state: 'running' })
    stop.abort()
    await ended
  })

  it('is nobody’s any more when the clone is deleted or taken over', async () => {
    const first = watched(await trial.up())
    await expect.poll(first.last).toMatchObject({ state: 'running' })
    await trial.up({ options: { owner: 'ben@desk', sessionId: 'b1' }, takeOver: true })
    await expect(first.ended).rejects.toMatchObject({
      code: 'held',
      message: 'deployment/web was taken over by ben@desk',
    })
    const second = watched(await trial.up({ options: { owner: 'ben@desk', sessionId: 'b1' } }))
    await expect.poll(second.last).toMatchObject({ state: 'running' })
    await trial.down()
    await expect(second.ended).rejects.toMatchObject({
      code: 'not-found',
      message: 'deployment/web was put back by somebody else',
    })
  })

  it('is gone with the right to see it, as where a namespace is deleted', async () => {
    const { last, ended } = watched(await trial.up())
    await expect.poll(last).toMatchObject({ state: 'running' })
    cluster.denies = verb => verb === 'get'
    await cluster.delete('Deployment', 'web-podswap')
    await expect(ended).rejects.toMatchObject({ code: 'not-found', hint: expect.stringContaining('namespace') })
  })

  it('is gone with the workload, or alone: each is said as it is', async () => {
    const first = watched(await trial.up())
    await expect.poll(first.last).toMatchObject({ state: 'running' })
    await cluster.delete('Deployment', 'web-podswap')
    await expect(first.ended).rejects.toMatchObject({
      code: 'not-found',
      message: 'the clone web-podswap was deleted, and deployment/web is still at 0',
    })
    const second = watched(await trial.up())
    await expect.poll(second.last).toMatchObject({ state: 'running' })
    await cluster.delete('Deployment', 'web')
    await expect(second.ended).rejects.toMatchObject({
      code: 'not-found',
      message: 'deployment/web was deleted, and its dev pod with it',
    })
  })
})

describe('a dev pod that does not start', () => {
  it.each([
    ['ImagePullBackOff', 'image'],
    ['InvalidImageName', 'image'],
    ['CreateContainerConfigError', 'runAsUser'],
  ])('says the cluster’s reason and what to do: %s', async (reason, hint) => {
    cluster.controllers.behave = waiting(reason, 'Back-off pulling\n  image "dev:1"')
    const starting = started(await trial.up())
    const message = expect.stringMatching(
      `^web-podswap-.* does not start: ${reason}: app: Back-off pulling image "dev:1"$`,
    )
    await expect(starting).rejects.toMatchObject({ code: 'pod-failed', message, hint: expect.stringContaining(hint) })
    await trial.down()
    await expectUntouched(cluster, before)
  })

  it('is stuck, too, where two causes take turns', async () => {
    cluster.controllers.behave = waiting('ErrImagePull')
    const { last, states } = watched(await trial.up(), { stuckMs: 300 })
    const turn = setInterval(() => {
      const reason = String(JSON.stringify(last())).includes('ErrImagePull') ? 'ImagePullBackOff' : 'ErrImagePull'
      cluster.controllers.behave = waiting(reason)
      cluster.controllers.changed()
    }, 50)
    await expect.poll(states, { timeout: 5_000 }).toContain('failed')
    clearInterval(turn)
  })

  it('shows the last words of what crashes', async () => {
    cluster.log = (_pod, container) => `${container} says:\nno libc here\n`
    cluster.controllers.behave = devContainer({ waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } })
    await expect(started(await trial.up())).rejects.toMatchObject({
      code: 'pod-failed',
      message: expect.stringContaining('CrashLoopBackOff: app: back-off 10s: app says: no libc here'),
    })
  })

  it('tells our init container’s failure, and is patient with theirs', async () => {
    const init = (name: string) =>
      devContainer(
        { waiting: { reason: 'PodInitializing' } },
        { initContainerStatuses: [{ name, state: { terminated: { exitCode: 3, reason: 'Error' } } }] },
      )
    cluster.controllers.behave = init('migrate')
    const swap = await trial.up()
    const { states, last } = watched(swap, { stuckMs: 1 })
    await expect.poll(last).toMatchObject({ state: 'pending', message: 'Error: migrate: exit code 3' })
    await new Promise(resolve => setTimeout(resolve, 30))
    expect(states()).not.toContain('failed')
    cluster.controllers.behave = init('podswap-agent')
    cluster.controllers.changed()
    await expect.poll(states).toContain('failed')
    expect(last()).toMatchObject({ error: { message: expect.stringContaining('podswap-agent: exit code 3') } })
  })

  it('names the agent’s image, not the manifest’s, where that one cannot be pulled', async () => {
    const init = { name: 'podswap-agent', state: { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } } }
    cluster.controllers.behave = devContainer(
      { waiting: { reason: 'PodInitializing' } },
      { initContainerStatuses: [init] },
    )
    const failure = await started(await trial.up()).then(
      () => undefined,
      error => error,
    )
    expect(failure).toMatchObject({ code: 'pod-failed' })
    expect(failure.hint).toMatch(/PODSWAP_AGENT_IMAGE.*`initContainer\.image`/)
    expect(failure.hint).not.toContain('`image`')
  })

  it('is not given up for what passes', async () => {
    cluster.controllers.behave = waiting('ErrImagePull')
    const starting = started(await trial.up(), { stuckMs: 60_000 })
    await expect.poll(podsOfClone).toMatchObject([{ status: { phase: 'Pending' } }])
    cluster.controllers.behave = running
    cluster.controllers.changed()
    expect(await starting).toMatchObject({ container: 'app' })
  })

  it('is waited for as long as a node may come free, but not for ever', async () => {
    const conditions = [
      { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes are available' },
    ]
    cluster.controllers.behave = pod =>
      pod.metadata.labels?.[marks.clone] ? { phase: 'Pending', conditions } : running(pod)
    const { news, states, last } = watched(await trial.up(), { stuckMs: 1, startMs: 80 })
    await expect.poll(last).toMatchObject({ state: 'failed', error: { hint: expect.stringContaining('resources') } })
    const message = 'Unschedulable: 0/1 nodes are available'
    expect(news).toContainEqual(expect.objectContaining({ state: 'pending', message }))
    expect(states().filter(state => state === 'failed')).toHaveLength(1)
  })

  it('tells what only its events say', async () => {
    cluster.controllers.behave = waiting('ContainerCreating', '')
    const { last } = watched(await trial.up())
    await expect.poll(podsOfClone).toHaveLength(1)
    const { uid } = podsOfClone()[0]!.metadata
    const event = (name: string, message: string, lastTimestamp: string) =>
      cluster.put(
        'Event',
        {
          metadata: { name },
          type: 'Warning',
          reason: 'FailedMount',
          message,
          lastTimestamp,
          involvedObject: { uid },
        } as KubeObject,
        'kubelet',
      )
    event('e1', 'secret "old" not found', '2026-01-01T00:00:00Z')
    event('e2', 'secret "key" not found', '2026-01-02T00:00:00Z')
    await expect
      .poll(last, { timeout: 10_000 })
      .toMatchObject({ state: 'pending', message: 'FailedMount: secret "key" not found' })
  })

  it('may be waiting for quota that an old pod still holds: once that is gone the cluster is asked at once', async () => {
    cluster.controllers.holds = pod => !pod.metadata.labels?.[marks.clone]
    cluster.controllers.admit = pod => {
      const others = cluster.all('Pod').filter(({ metadata }) => !metadata.labels?.[marks.clone])
      return pod.metadata.labels?.[marks.clone] && others.length > 0 ? new Error('exceeded quota: pods=2') : pod
    }
    const swap = await trial.up()
    const { states, last } = watched(swap, { stuckMs: 1 })
    await expect.poll(last).toMatchObject({ state: 'pending', message: 'FailedCreate: exceeded quota: pods=2' })
    await new Promise(resolve => setTimeout(resolve, 30))
    expect(states()).not.toContain('failed')
    cluster.controllers.holds = () => false
    cluster.controllers.changed()
    await expect.poll(last).toMatchObject({ state: 'running' })
    await trial.down()
    await expectUntouched(cluster, before)
  })

  it('is given up where the namespace goes on refusing it', async () => {
    cluster.controllers.admit = pod => (pod.metadata.labels?.[marks.clone] ? new Error('violates PodSecurity') : pod)
    await expect(started(await trial.up())).rejects.toMatchObject({
      code: 'pod-failed',
      message: 'web-podswap does not start: FailedCreate: violates PodSecurity',
      hint: expect.stringContaining('securityContext'),
    })
  })

  it('can be given up', async () => {
    cluster.controllers.behave = waiting('ContainerCreating', '')
    const starting = started(await trial.up())
    stop.abort(new Error('enough'))
    await expect(starting).rejects.toThrow('enough')
  })
})

describe('a LimitRange', () => {
  const limits = { memory: '128Mi', 'ephemeral-storage': '50Mi' }
  const limited = (pod: KubeObject) => {
    const containers = pod.spec.containers.map((each: { resources?: { limits?: object } }) => ({
      ...each,
      resources: { ...each.resources, limits: { ...limits, ...each.resources?.limits } },
    }))
    return { ...pod, spec: { ...pod.spec, containers } }
  }
  const wanted = { memory: '384Mi', 'ephemeral-storage': '562Mi' }
  const limitsOfClone = () =>
    podTemplate(cluster.peek('Deployment', 'web-podswap')!).spec.containers[0]!.resources?.limits

  it('is known from the original’s pods: its defaults are written out, raised', async () => {
    cluster.controllers.admit = limited
    for (const { metadata } of cluster.all('Pod')) cluster.remove('Pod', metadata.name!)
    await expect.poll(() => cluster.all('Pod').length).toBe(2)
    await trial.up()
    expect(limitsOfClone()).toEqual(wanted)
    const { generation } = cluster.peek('Deployment', 'web-podswap')!.metadata
    expect(await trial.up()).toMatchObject({ resumed: true })
    expect(cluster.peek('Deployment', 'web-podswap')!.metadata.generation).toBe(generation)
  })

  it('that cannot be written out is a warning, and the pod runs as it did', async () => {
    cluster.edit('Deployment', 'web', { spec: { replicas: 0 } })
    await expect.poll(() => cluster.all('Pod').length).toBe(0)
    cluster.controllers.admit = limited
    const swap = await trial.up()
    const adapt = () => Promise.reject(new Error('denied by\na webhook'))
    const { news, states } = watched({ ...swap, adapt })
    await expect.poll(states).toContain('warning')
    await expect.poll(states).toContain('running')
    expect(news.find(({ state }) => state === 'warning')).toMatchObject({
      message: 'a LimitRange limits the pod, and that cannot be raised: denied by a webhook',
    })
    expect(states().lastIndexOf('pending')).toBeLessThan(states().indexOf('running'))
  })

  it('is learnt from the clone’s own pod where the original has none', async () => {
    cluster.edit('Deployment', 'web', { spec: { replicas: 0 } })
    await expect.poll(() => cluster.all('Pod').length).toBe(0)
    cluster.controllers.admit = limited
    const swap = await trial.up()
    expect(limitsOfClone()).toBeUndefined()
    const { last } = watched(swap)
    await expect.poll(limitsOfClone).toEqual(wanted)
    await expect.poll(last).toMatchObject({ state: 'running' })
    expect(readRecord(cluster.peek('Deployment', 'web-podswap')!)?.defaults).toMatchObject({ limits })
    const { generation } = cluster.peek('Deployment', 'web-podswap')!.metadata
    await trial.up({ dev: dev() })
    expect(cluster.peek('Deployment', 'web-podswap')!.metadata.generation).toBe(generation)
    expect(await trial.down()).toMatchObject({ state: 'reverted', replicas: 0 })
  })
})
