import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { KubeObject } from '../../../src/cluster/cluster.ts'
import { awaitAlone } from '../../../src/swap/old-pod.ts'
import { marks, readRecord, readUndo } from '../../../src/swap/record.ts'
import { findSwapped } from '../../../src/swap/swapped.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { running } from '../cluster/memory-controllers.ts'
import { FaultyCluster } from './faulty-cluster.ts'
import { dbStatefulSet, dev, planOptions, webDeployment } from './shapes.ts'
import { expectUntouched, ready, Trial } from './trial.ts'

let cluster: MemoryCluster
let trial: Trial
beforeEach(() => {
  cluster = new MemoryCluster()
  trial = new Trial(cluster)
})
afterEach(() => cluster.close())

async function seeded(workload: KubeObject = fresh(webDeployment())): Promise<KubeObject> {
  cluster.applyServerSide(workload)
  return ready(cluster, workload.kind as 'Deployment', workload.metadata.name!)
}

/** As a person writes it: uid and version are the cluster's. */
function fresh(workload: KubeObject): KubeObject {
  const { uid, resourceVersion, ...metadata } = workload.metadata
  return { ...workload, metadata }
}

const withClaim = () =>
  fresh(webDeployment({ pod: { volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'd' } }] } }))
const clones = () => cluster.all('Deployment').filter(({ metadata }) => metadata.labels?.[marks.clone])
const podsOfClone = () => cluster.all('Pod').filter(({ metadata }) => metadata.labels?.[marks.clone])
const originalsPods = () => cluster.all('Pod').filter(({ metadata }) => !metadata.labels?.[marks.clone])

describe('up and down', () => {
  it('leave everything as it was', async () => {
    const before = await seeded()
    const swap = await trial.up()
    expect(swap).toMatchObject({
      workload: 'deployment/web',
      clone: 'web-podswap',
      container: 'app',
      replicas: 2,
      resumed: false,
    })
    expect(cluster.peek('Deployment', 'web')).toMatchObject({
      spec: { replicas: 0 },
      metadata: { labels: { [marks.undo]: 'r2' } },
    })
    await ready(cluster, 'Deployment', 'web-podswap')
    expect(await trial.down()).toEqual({
      state: 'reverted',
      workload: 'deployment/web',
      replicas: 2,
      isReady: true,
      leftovers: [],
    })
    await expectUntouched(cluster, before)
    expect(trial.types().filter(type => !type.startsWith('waiting'))).toEqual([
      'dry-run',
      'touching',
      'scaled-down',
      'clone-created',
      'restored',
      'stopping-clone',
      'clone-deleted',
      'original-ready',
    ])
    cluster.applyServerSide(fresh(webDeployment({ spec: { replicas: 3 } })))
  })

  it('down without up, and down twice, have nothing to do', async () => {
    const before = await seeded()
    expect(await trial.down()).toMatchObject({ state: 'nothing', replicas: 2 })
    expect(await trial.down({ name: 'none' })).toMatchObject({ state: 'nothing' })
    await trial.up()
    await trial.down()
    expect(await trial.down()).toMatchObject({ state: 'nothing' })
    await expectUntouched(cluster, before)
  })

  it('bring back a workload that stood at 0', async () => {
    const before = await seeded(fresh(webDeployment({ spec: { replicas: 0 } })))
    await trial.up()
    expect(await trial.down()).toMatchObject({ state: 'reverted', replicas: 0, isReady: true })
    await expectUntouched(cluster, before)
  })

  it('keep what the owner changed meanwhile', async () => {
    await seeded()
    await trial.up()
    cluster.edit('Deployment', 'web', { metadata: { labels: { release: '8' } }, spec: { minReadySeconds: 4 } })
    await trial.down()
    expect(cluster.peek('Deployment', 'web')).toMatchObject({
      metadata: { labels: { release: '8' } },
      spec: { replicas: 2, minReadySeconds: 4 },
    })
  })

  it('leave replicas alone that somebody set meanwhile', async () => {
    await seeded()
    await trial.up()
    cluster.edit('Deployment', 'web', { spec: { replicas: 5 } })
    expect(await trial.down()).toMatchObject({ state: 'reverted', replicas: 5, isReady: true })
    expect(cluster.peek('Deployment', 'web')!.metadata.labels).not.toHaveProperty([marks.undo])
  })

  it('find the record on the clone when the labels are gone', async () => {
    const before = await seeded()
    await trial.up()
    cluster.edit('Deployment', 'web', { metadata: { labels: { [marks.undo]: null, [marks.session]: null } } })
    expect(await trial.down()).toMatchObject({ state: 'reverted', replicas: 2 })
    await expectUntouched(cluster, before)
  })

  it('come to an end where the clone or the original is gone', async () => {
    const before = await seeded()
    await trial.up()
    await cluster.delete('Deployment', 'web-podswap')
    expect(await trial.down()).toMatchObject({ state: 'reverted', replicas: 2 })
    await expectUntouched(cluster, before, { cloneWasLost: true })
    await trial.up()
    cluster.remove('Deployment', 'web')
    expect(await trial.down()).toMatchObject({ state: expect.stringMatching(/gone|nothing/) })
    expect(clones()).toEqual([])
  })

  it('do not touch another workload that has taken the name', async () => {
    await seeded()
    await trial.up()
    cluster.controllers.stop()
    cluster.remove('Deployment', 'web')
    cluster.applyServerSide(fresh(webDeployment({ spec: { replicas: 0 } })))
    expect(await trial.down({ readyMs: 100 })).toMatchObject({ replicas: 0 })
    expect(cluster.peek('Deployment', 'web')).toMatchObject({ spec: { replicas: 0 } })
    expect(clones()).toEqual([])
  })

  it('say when the original does not get ready, and that is no failure of the undo', async () => {
    const before = await seeded()
    await trial.up()
    cluster.controllers.behave = () => ({ phase: 'Pending' })
    expect(await trial.down({ readyMs: 200 })).toMatchObject({ state: 'reverted', isReady: false, leftovers: [] })
    await expectUntouched(cluster, before)
  })

  it('let the dev pod answer until the original does', async () => {
    const before = await seeded()
    await trial.up()
    await ready(cluster, 'Deployment', 'web-podswap')
    let isHeld = true
    cluster.controllers.behave = pod =>
      isHeld && !pod.metadata.labels?.[marks.clone] ? { phase: 'Pending' } : running(pod)
    const down = trial.down()
    await expect
      .poll(() => trial.events)
      .toContainEqual(expect.objectContaining({ type: 'waiting-original', ready: 0, wanted: 2 }))
    expect(cluster.peek('Deployment', 'web-podswap')).toMatchObject({ spec: { replicas: 1 } })
    expect(podsOfClone()).toMatchObject([{ status: { phase: 'Running' } }])
    isHeld = false
    cluster.controllers.changed()
    expect(await down).toMatchObject({ isReady: true, leftovers: [] })
    await expectUntouched(cluster, before)
  })

  it.each(['Unschedulable', 'ImagePullBackOff'])('do not keep the dev pod for an original with %s', async reason => {
    await seeded()
    await trial.up()
    await ready(cluster, 'Deployment', 'web-podswap')
    const condition = { type: 'PodScheduled', status: 'False', reason, message: 'Insufficient cpu' }
    const waiting = { name: 'app', state: { waiting: { reason, message: 'no such image' } } }
    const stuck = reason === 'Unschedulable' ? { conditions: [condition] } : { containerStatuses: [waiting] }
    cluster.controllers.behave = pod =>
      pod.metadata.labels?.[marks.clone] || podsOfClone().length === 0 ? running(pod) : { phase: 'Pending', ...stuck }
    const down = trial.down()
    await expect.poll(podsOfClone).toEqual([])
    cluster.controllers.changed()
    expect(await down).toMatchObject({ isReady: true, leftovers: [] })
  })

  it('say when the original was deleted while it came back', async () => {
    await seeded()
    await trial.up()
    cluster.controllers.behave = () => ({ phase: 'Pending' })
    const down = trial.down()
    await expect.poll(() => trial.types()).toContain('waiting-original')
    cluster.remove('Deployment', 'web')
    expect(await down).toMatchObject({ isReady: false, leftovers: ['deployment/web was deleted meanwhile'] })
  })

  it('say why where the namespace takes some of its pods only', async () => {
    const before = await seeded()
    await trial.up()
    const originals = () => cluster.all('Pod').filter(pod => pod.metadata.labels?.[marks.clone] === undefined)
    cluster.controllers.admit = pod => (originals().length > 0 ? new Error('exceeded quota: pods=1') : pod)
    const refusal = 'exceeded quota: pods=1'
    expect(await trial.down({ readyMs: 1_000 })).toMatchObject({ state: 'reverted', isReady: false, refusal })
    cluster.controllers.admit = pod => pod
    await expectUntouched(cluster, before)
  })

  it('do not wait for the controller’s back-off where the clone’s pod used up the quota', async () => {
    const before = await seeded(fresh(webDeployment({ spec: { replicas: 1 } })))
    await trial.up()
    await ready(cluster, 'Deployment', 'web-podswap')
    cluster.controllers.admit = pod => (cluster.all('Pod').length > 0 ? new Error('exceeded quota: pods=1') : pod)
    let isHeld = true
    cluster.controllers.holds = pod => isHeld && pod.metadata.labels?.[marks.clone] !== undefined
    const down = trial.down()
    await expect
      .poll(() => trial.events)
      .toContainEqual(expect.objectContaining({ type: 'waiting-original', message: 'exceeded quota: pods=1' }))
    isHeld = false
    cluster.controllers.changed()
    expect(await down).toMatchObject({ isReady: true, leftovers: [] })
    await expectUntouched(cluster, before)
  })

  it.each([
    { why: 'exceeded quota: pods=1', stays: 0 },
    { why: 'violates PodSecurity', stays: 1 },
  ])('say it where a namespace goes on refusing the original ($why), and can be done again', async ({ why, stays }) => {
    const before = await seeded(fresh(webDeployment({ spec: { replicas: 1 } })))
    await trial.up()
    await ready(cluster, 'Deployment', 'web-podswap')
    cluster.controllers.admit = pod => (pod.metadata.labels?.[marks.clone] ? pod : new Error(why))
    await expect(trial.down({ readyMs: 500 })).rejects.toMatchObject({
      code: 'rejected',
      message: `deployment/web is scaled up, but the namespace refuses its pods: ${why}`,
      hint: expect.stringContaining('run `podswap down` once more'),
    })
    expect(cluster.peek('Deployment', 'web')!.spec).toEqual(before.spec)
    expect(readUndo(cluster.peek('Deployment', 'web')!)).toEqual({ replicas: 1 })
    // where the dev pod is not in the way, it goes on answering
    expect(cluster.peek('Deployment', 'web-podswap')!.spec.replicas).toBe(stays)
    await expect(trial.down({ readyMs: 500 })).rejects.toMatchObject({ code: 'rejected' })
    cluster.controllers.admit = pod => pod
    expect(await trial.down()).toMatchObject({ state: 'reverted', isReady: true, leftovers: [] })
    await expectUntouched(cluster, before)
  })

  it.each(['exceeded quota: pods=1', 'violates PodSecurity'])(
    'say it of a StatefulSet, whose controller tells it in events alone (%s)',
    async why => {
      const before = await seeded(fresh(dbStatefulSet()))
      await trial.up({ dev: dev({ name: 'db' }) })
      cluster.controllers.admit = pod => (pod.metadata.labels?.[marks.clone] ? pod : new Error(why))
      const down = () => trial.down({ kind: 'StatefulSet', name: 'db', readyMs: 3_000 })
      for (let times = 0; times < 2; times += 1) {
        await expect(down()).rejects.toMatchObject({
          code: 'rejected',
          message: `statefulset/db is scaled up, but the namespace refuses its pods: ${why}`,
        })
      }
      expect(trial.events).toContainEqual(expect.objectContaining({ type: 'waiting-original', message: why }))
      expect(readUndo(cluster.peek('StatefulSet', 'db')!)).toMatchObject({ replicas: 2 })
      cluster.controllers.admit = pod => pod
      expect(await down()).toMatchObject({ state: 'reverted', isReady: true, leftovers: [] })
      await expectUntouched(cluster, before)
    },
  )

  it('see the clone’s pod go', async () => {
    await seeded()
    await trial.up()
    await ready(cluster, 'Deployment', 'web-podswap')
    cluster.controllers.holds = pod => pod.metadata.labels?.[marks.clone] !== undefined
    const { leftovers } = await trial.down({ readyMs: 200 })
    expect(leftovers).toEqual([expect.stringMatching(/^web-podswap-.* is still terminating$/)])
  })
})

describe('autoscalers', () => {
  const scales = (name: string, target: string) =>
    cluster.put(
      'HorizontalPodAutoscaler',
      { metadata: { name }, spec: { scaleTargetRef: { kind: 'Deployment', name: target } } },
      'kubectl',
    )
  const told = () => trial.events.flatMap(event => (event.type === 'warning' ? [event] : []))

  it('are named, KEDA’s with what pauses it, and left as they are', async () => {
    await seeded()
    const before = [scales('web', 'web'), scales('keda-hpa-queue', 'web'), scales('other', 'api')]
    await trial.up()
    expect(told().map(({ message }) => message)).toEqual(
      expect.arrayContaining([
        'the autoscaler web is paused while deployment/web is at 0',
        'KEDA (autoscaler keda-hpa-queue) may scale deployment/web up again while it is swapped',
      ]),
    )
    expect(told().find(({ message }) => message.startsWith('KEDA'))?.hint).toContain(
      'scaledobject queue autoscaling.keda',
    )
    expect(JSON.stringify(told())).not.toContain('other')
    expect(cluster.all('HorizontalPodAutoscaler')).toEqual(before)
    trial.events.length = 0
    await trial.up()
    expect(JSON.stringify(told())).not.toContain('autoscaler')
  })

  it('that may not be seen are no obstacle', async () => {
    await seeded()
    cluster.denies = (_verb, kind) => kind === 'HorizontalPodAutoscaler'
    expect(await trial.up()).toMatchObject({ replicas: 2 })
  })
})

describe('the original’s last pods', () => {
  it('are waited for: they may still serve connections that were opened before', async () => {
    await seeded()
    cluster.controllers.holds = pod => !pod.metadata.labels?.[marks.clone]
    const swap = await trial.up()
    await ready(cluster, 'Deployment', 'web-podswap')
    let isAlone = false
    const { signal } = new AbortController()
    const alone = awaitAlone(cluster, swap.original, { signal, on: event => trial.events.push(event) })
    void alone.then(() => {
      isAlone = true
    })
    await expect.poll(trial.types.bind(trial)).toContain('waiting-old-pod')
    expect(isAlone).toBe(false)
    cluster.controllers.holds = () => false
    cluster.controllers.changed()
    await alone
    expect(originalsPods()).toEqual([])
  })
})

describe('two writers', () => {
  it.each([
    ['have the same volume', () => withClaim()],
    ['run where the owner lets no two run', () => fresh(webDeployment({ spec: { strategy: { type: 'Recreate' } } }))],
  ])('never %s', async (_name, workload) => {
    const before = await seeded(workload())
    cluster.controllers.holds = () => true
    const up = trial.up()
    await expect.poll(() => trial.types()).toContain('waiting-old-pod')
    for (let turn = 0; turn < 50; turn += 1) await new Promise(resolve => setImmediate(resolve))
    expect(clones()).toEqual([])
    cluster.controllers.holds = () => false
    cluster.controllers.changed()
    await up
    await ready(cluster, 'Deployment', 'web-podswap')
    expect(originalsPods()).toEqual([])
    cluster.controllers.holds = () => true
    const down = trial.down()
    await expect.poll(() => trial.types()).toContain('waiting-clone-pod')
    for (let turn = 0; turn < 50; turn += 1) await new Promise(resolve => setImmediate(resolve))
    expect(cluster.peek('Deployment', 'web')!.spec.replicas).toBe(0)
    cluster.controllers.holds = () => false
    cluster.controllers.changed()
    await down
    await expectUntouched(cluster, before)
  })

  it('are kept apart by a second down too, when the first died after it had deleted the clone', async () => {
    await seeded(withClaim())
    await trial.up()
    await ready(cluster, 'Deployment', 'web-podswap')
    cluster.controllers.holds = () => true
    await cluster.delete('Deployment', 'web-podswap')
    const down = trial.down()
    await expect.poll(() => trial.types()).toContain('waiting-clone-pod')
    expect(cluster.peek('Deployment', 'web')!.spec.replicas).toBe(0)
    cluster.controllers.holds = () => false
    cluster.controllers.changed()
    expect(await down).toMatchObject({ state: 'reverted' })
  })
})

describe('a StatefulSet', () => {
  const db = () =>
    fresh(
      dbStatefulSet({
        spec: { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Delete' } },
      }),
    )

  it('comes back with the claims that it had', async () => {
    const before = await seeded(db())
    const claims = cluster.all('PersistentVolumeClaim')
    expect(claims.map(({ metadata }) => metadata.name)).toEqual(['data-db-0', 'data-db-1'])
    const swap = await trial.up({ dev: dev({ name: 'db' }) })
    expect(swap).toMatchObject({ workload: 'statefulset/db', clone: 'db-podswap' })
    await ready(cluster, 'Deployment', 'db-podswap')
    expect(await trial.down({ kind: 'StatefulSet', name: 'db' })).toMatchObject({
      state: 'reverted',
      replicas: 2,
      isReady: true,
    })
    await expectUntouched(cluster, before)
    expect(cluster.all('PersistentVolumeClaim')).toEqual(claims)
  })

  it('may have the name of a Deployment', async () => {
    const database = await seeded(db())
    const same = fresh(webDeployment({ metadata: { name: 'db', labels: { kind: 'web' } } }))
    const web = await seeded(same)
    await expect(trial.up({ dev: dev({ name: 'db' }) })).rejects.toMatchObject({
      code: 'usage',
      message: 'the name db matches deployment/db and statefulset/db',
    })
    const first = await trial.up({ dev: dev({ name: 'db', selector: { app: 'db' } }) })
    const second = await trial.up({ dev: dev({ name: 'db', selector: { kind: 'web' } }) })
    expect([first.clone, second.clone]).toEqual(['db-podswap', 'db-deployment-podswap'])
    await trial.down({ kind: 'Deployment', name: 'db' })
    expect(clones().map(({ metadata }) => metadata.name)).toEqual(['db-podswap'])
    await trial.down({ kind: 'StatefulSet', name: 'db' })
    await expectUntouched(cluster, database)
    await expectUntouched(cluster, web)
  })
})

describe('a second up', () => {
  it('of the same session takes up what is there, and touches nothing', async () => {
    await seeded()
    await trial.up()
    await ready(cluster, 'Deployment', 'web-podswap')
    const state = () => JSON.stringify([cluster.all('Deployment'), cluster.all('Pod')])
    const before = state()
    trial.events.length = 0
    expect(await trial.up()).toMatchObject({ resumed: true, replicas: 2 })
    expect(trial.types()).toEqual(['clone-reused'])
    expect(state()).toBe(before)
  })

  it('of the same user@host under another session is refused too; taken over, the pod stays', async () => {
    const before = await seeded()
    await trial.up()
    await ready(cluster, 'Deployment', 'web-podswap')
    const [pod] = podsOfClone()
    const next = { options: { sessionId: 'next', since: 'later' } }
    await expect(trial.up(next)).rejects.toMatchObject({ code: 'held' })
    expect(await trial.up({ ...next, takeOver: true })).toMatchObject({ resumed: true, session: 'next' })
    expect(readRecord(clones()[0]!)).toMatchObject({ session: 'next', since: planOptions.since, replicas: 2 })
    expect(podsOfClone()).toMatchObject([{ metadata: { uid: pod!.metadata.uid } }])
    await trial.down()
    await expectUntouched(cluster, before)
  })

  it('with another manifest brings the clone up to date', async () => {
    const before = await seeded()
    await trial.up()
    await ready(cluster, 'Deployment', 'web-podswap')
    const [pod] = podsOfClone()
    await trial.up({ dev: dev({ image: 'dev:2', environment: [{ name: 'A', value: '1' }] }) })
    await ready(cluster, 'Deployment', 'web-podswap')
    await expect
      .poll(podsOfClone)
      .toMatchObject([{ spec: { containers: [{ image: 'dev:2', env: [{ name: 'A', value: '1' }] }, {}] } }])
    expect(podsOfClone()[0]!.metadata.uid).not.toBe(pod!.metadata.uid)
    expect(trial.types()).toContain('clone-changed')
    await trial.down()
    await expectUntouched(cluster, before)
  })

  it('of somebody else is told who holds it and since when, unless they take it', async () => {
    const before = await seeded()
    await trial.up()
    const ben = { options: { owner: 'ben@desk', sessionId: 'b1' } }
    const held = trial.up(ben)
    const message = expect.stringMatching(/^deployment\/web is held by ann@laptop since 20\S+Z \(seen \d+ s ago\)$/)
    await expect(held).rejects.toMatchObject({ code: 'held', message, hint: expect.stringContaining('--take-over') })
    expect(readRecord(clones()[0]!)).toMatchObject({ owner: 'ann@laptop' })
    await trial.up({ ...ben, takeOver: true })
    expect(readRecord(clones()[0]!)).toMatchObject({ owner: 'ben@desk', replicas: 2 })
    await expect(trial.up()).rejects.toMatchObject({ code: 'held', message: expect.stringContaining('ben@desk') })
    await trial.down()
    await expectUntouched(cluster, before)
  })

  it('of somebody else is refused by the label alone, before there is a clone', async () => {
    await seeded()
    cluster.denies = (_verb, kind) => kind === 'Lease'
    await trial.up()
    await cluster.delete('Deployment', 'web-podswap')
    await expect(trial.up({ options: { owner: 'ben@desk', sessionId: 'b1' } })).rejects.toMatchObject({
      code: 'held',
      message: 'deployment/web is held by somebody else (session k3f9)',
    })
    expect(await trial.up()).toMatchObject({ resumed: false, replicas: 2 })
  })

  it('at the same instant: exactly one wins', async () => {
    for (let round = 0; round < 20; round += 1) {
      const name = `web-${round}`
      const before = await seeded(fresh(webDeployment({ metadata: { name } })))
      const people = ['ann@laptop', 'ben@desk', 'cat@hut']
      const ups = await Promise.allSettled(
        people.map((owner, index) => trial.up({ dev: dev({ name }), options: { owner, sessionId: `s${index}` } })),
      )
      expect(ups.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
      for (const up of ups) if (up.status === 'rejected') expect(up.reason).toMatchObject({ code: 'held' })
      const winner = ups.findIndex(({ status }) => status === 'fulfilled')
      expect(readRecord(cluster.peek('Deployment', `${name}-podswap`)!)).toMatchObject({ owner: people[winner] })
      await trial.down({ name })
      await expectUntouched(cluster, before)
      cluster.remove('Deployment', name)
    }
  })

  it('scales down again what was scaled up meanwhile, and remembers the new value', async () => {
    await seeded()
    await trial.up()
    cluster.edit('Deployment', 'web', { spec: { replicas: 4 } })
    expect(await trial.up()).toMatchObject({ replicas: 4, resumed: true })
    expect(cluster.peek('Deployment', 'web')!.spec.replicas).toBe(0)
    expect(await trial.down()).toMatchObject({ replicas: 4 })
  })

  it('is not misled by a record whose swap is over', async () => {
    await seeded()
    cluster.edit('Deployment', 'web', { metadata: { labels: { [marks.undo]: 'r7', [marks.session]: 'old.00000000' } } })
    expect(await trial.up()).toMatchObject({ replicas: 2 })
    await trial.down()
    cluster.edit('Deployment', 'web', { metadata: { labels: { [marks.undo]: 'r7', [marks.session]: 'old.00000000' } } })
    expect(await trial.down()).toMatchObject({ state: 'reverted', replicas: 2 })
    expect(cluster.peek('Deployment', 'web')!.metadata.labels).not.toHaveProperty([marks.undo])
  })
})

describe('an up that cannot be', () => {
  it('names what is near, where there is no such workload', async () => {
    const before = await seeded()
    await seeded(fresh(webDeployment({ metadata: { name: 'worker', labels: {} } })))
    await expect(trial.up({ dev: dev({ name: 'wbe' }) })).rejects.toMatchObject({
      code: 'not-found',
      message: 'no Deployment or StatefulSet is called wbe in the namespace test (context memory)',
      hint: 'there is deployment/web',
      at: { line: 2 },
    })
    await expect(trial.up({ dev: dev({ name: 'zzzzzzz' }) })).rejects.toMatchObject({
      hint: 'there is deployment/web, deployment/worker',
    })
    const selector = { app: 'web' }
    await expect(trial.up({ dev: dev({ selector: { app: 'none' } }) })).rejects.toMatchObject({ code: 'not-found' })
    await seeded(fresh(webDeployment({ metadata: { name: 'web2', labels: selector } })))
    await expect(trial.up({ dev: dev({ selector }) })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('deployment/web and deployment/web2'),
    })
    await expectUntouched(cluster, before)
  })

  it.each([
    ['DaemonSet', [{ kind: 'DaemonSet', name: 'web', uid: 'u1', controller: true }], 'DaemonSet web'],
    ['Job', [{ kind: 'Job', name: 'web', uid: 'u1', controller: true }], 'Job web'],
    ['CronJob', [{ kind: 'Job', name: 'web-29384', uid: 'u1', controller: true }], 'CronJob web'],
    ['bare pod', [], 'Pod web'],
  ])('says that a %s cannot be swapped', async (_name, owners, expected) => {
    cluster.controllers.stop()
    cluster.put(
      'Pod',
      { metadata: { name: 'web', ownerReferences: owners.map(owner => ({ apiVersion: 'v1', ...owner })) }, spec: {} },
      'x',
    )
    await expect(trial.up()).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining(expected),
      hint: expect.any(String),
    })
  })

  it.each(['DaemonSet', 'Job', 'CronJob', 'Rollout'] as const)('knows a %s that has no pod', async kind => {
    cluster.put(kind, { metadata: { name: 'web', labels: { app: 'web' } }, spec: {} }, 'x')
    const refusal = { code: 'unsupported', message: expect.stringContaining(`${kind} web`), hint: expect.any(String) }
    await expect(trial.up()).rejects.toMatchObject(refusal)
    await expect(trial.up({ dev: dev({ selector: { app: 'web' } }) })).rejects.toMatchObject(refusal)
    await expect(trial.up({ dev: dev({ name: 'api' }) })).rejects.toMatchObject({ code: 'not-found' })
  })

  it('knows by a selector what made the pods that it finds', async () => {
    cluster.controllers.stop()
    const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'logs', uid: 'u1', controller: true }
    cluster.put(
      'Pod',
      { metadata: { name: 'logs-1', labels: { app: 'logs' }, ownerReferences: [owner] }, spec: {} },
      'x',
    )
    await expect(trial.up({ dev: dev({ selector: { app: 'logs' } }) })).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('DaemonSet logs'),
    })
  })

  it('says what it may not see', async () => {
    const find = cluster.find.bind(cluster)
    cluster.find = async (kind, ...rest) => {
      if (kind === 'CronJob' || kind === 'Rollout') throw new UserError('forbidden', 'no right')
      if (kind === 'Job') throw new UserError('unreachable', 'no answer')
      return find(kind, ...rest)
    }
    await expect(trial.up()).rejects.toMatchObject({
      code: 'not-found',
      hint: expect.stringMatching(/whether it is a CronJob or Rollout you have no right to see; podswap swaps none$/),
    })
  })

  it('knows an Argo Rollout by its ReplicaSet, and a deleted Deployment’s last pods as nothing', async () => {
    cluster.controllers.stop()
    const owned = (kind: string, name: string) => [{ apiVersion: 'x', kind, name, uid: name, controller: true }]
    const set = (owner: string) =>
      cluster.put(
        'ReplicaSet',
        { metadata: { name: `web-${owner.toLowerCase()}`, ownerReferences: owned(owner, 'web') }, spec: {} },
        'x',
      )
    const pod = (owner: string) =>
      cluster.put(
        'Pod',
        {
          metadata: { name: `web-${owner}-1`, ownerReferences: owned('ReplicaSet', `web-${owner.toLowerCase()}`) },
          spec: {},
        },
        'x',
      )
    set('Deployment')
    pod('Deployment')
    await expect(trial.up()).rejects.toMatchObject({ code: 'not-found' })
    set('Rollout')
    pod('Rollout')
    await expect(trial.up()).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('Rollout web'),
    })
  })

  it('stops before anything is touched when the cluster refuses the clone', async () => {
    const before = await seeded()
    cluster.warn = kind =>
      kind === 'Deployment' ? ['would violate PodSecurity "restricted:latest": runAsNonRoot'] : []
    cluster.controllers.behave = () => ({ phase: 'Pending' })
    cluster.controllers.changed()
    await expect.poll(() => originalsPods().map(({ status }) => status.phase)).toEqual(['Pending', 'Pending'])
    await expect(trial.up()).rejects.toMatchObject({ code: 'rejected', message: expect.stringContaining('restricted') })
    expect(trial.types()).not.toContain('touching')
    await expectUntouched(cluster, before)
  })

  it('goes on where Pod Security only warns: the original runs under the same warning', async () => {
    await seeded()
    cluster.warn = () => ['would violate PodSecurity "restricted:latest": runAsNonRoot', 'deprecated']
    await trial.up()
    expect(trial.events.filter(({ type }) => type === 'warning')).toHaveLength(2)
    await trial.down()
    const only = (kind: string, object: KubeObject) =>
      kind === 'Deployment' && object.metadata.labels?.[marks.clone]
        ? ['would violate PodSecurity "baseline:latest"']
        : []
    cluster.warn = only
    await expect(trial.up()).rejects.toMatchObject({ code: 'rejected' })
  })

  it('does not swap a clone', async () => {
    await seeded()
    await trial.up()
    await expect(trial.up({ dev: dev({ name: 'web-podswap' }) })).rejects.toMatchObject({ code: 'unsupported' })
    expect(await trial.up({ dev: dev({ selector: { app: 'web' } }) })).toMatchObject({ resumed: true })
  })

  it('says that the original is another one now', async () => {
    await seeded()
    const patch = cluster.patch.bind(cluster)
    cluster.patch = async (kind, name, change, options) => {
      cluster.patch = patch
      cluster.remove('Deployment', 'web')
      cluster.applyServerSide(fresh(webDeployment()))
      return patch(kind, name, change, options)
    }
    await expect(trial.up()).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('made anew') })
    expect(clones()).toEqual([])
  })

  it('leaves a foreign Deployment alone that has the clone’s name', async () => {
    const foreign = await seeded(fresh(webDeployment({ metadata: { name: 'web-podswap' } })))
    const before = await seeded()
    expect(await trial.up()).toMatchObject({ clone: 'web-deployment-podswap' })
    await trial.down()
    await expectUntouched(cluster, before)
    await expectUntouched(cluster, foreign)
  })

  it('makes way for itself where the clone of a former workload is left', async () => {
    await seeded()
    await trial.up()
    cluster.remove('Deployment', 'web')
    const left = { ...clones()[0]!, metadata: { ...clones()[0]!.metadata, ownerReferences: [] } }
    cluster.store('Deployment', left)
    const before = await seeded()
    expect(await trial.up()).toMatchObject({ resumed: false, clone: 'web-podswap' })
    expect(clones()[0]!.metadata.uid).not.toBe(left.metadata.uid)
    await trial.down()
    await expectUntouched(cluster, before)
  })
})

describe('a Role without StatefulSets', () => {
  it('is enough for Deployments', async () => {
    const before = await seeded()
    const forbidden = new UserError('forbidden', 'no StatefulSets for you')
    const faulty = new FaultyCluster(cluster, ({ kind }) =>
      kind === 'StatefulSet' ? { refuse: forbidden } : undefined,
    )
    await trial.up({}, faulty)
    expect(await findSwapped(faulty, { signal: AbortSignal.timeout(10_000) })).toMatchObject([{ name: 'web' }])
    await trial.down({}, faulty)
    await expectUntouched(cluster, before)
  })

  it('is said where it matters', async () => {
    await seeded()
    const forbidden = new UserError('forbidden', 'nothing for you')
    const faulty = new FaultyCluster(cluster, () => ({ refuse: forbidden }))
    await expect(trial.up({}, faulty)).rejects.toBe(forbidden)
    await expect(trial.down({}, faulty)).rejects.toBe(forbidden)
  })
})

describe('what is swapped', () => {
  const all = (name?: string) => findSwapped(cluster, { signal: AbortSignal.timeout(10_000), ...(name && { name }) })

  it('is read from the cluster alone', async () => {
    await seeded()
    await seeded(fresh(dbStatefulSet()))
    expect(await all()).toEqual([])
    await trial.up({ dev: dev({ name: 'shop', selector: { app: 'web' } }) })
    await ready(cluster, 'Deployment', 'web-podswap')
    const { owner, since } = planOptions
    const web = {
      kind: 'Deployment',
      name: 'web',
      clone: 'web-podswap',
      dev: 'shop',
      container: 'app',
      owner,
      since,
      session: 'k3f9',
      replicas: 2,
      state: 'swapped',
      pod: { phase: 'Running' },
    }
    expect(await all()).toMatchObject([web])
    for (const name of ['web', 'shop', 'web-podswap']) expect(await all(name)).toMatchObject([web])
    expect(await all('db')).toEqual([])
    await trial.up({ dev: dev({ name: 'db' }) })
    expect(await all()).toMatchObject([{ kind: 'StatefulSet', name: 'db' }, { name: 'web' }])
  })

  it('includes what was left behind', async () => {
    await seeded()
    await trial.up()
    await cluster.delete('Deployment', 'web-podswap')
    expect(await all()).toMatchObject([{ name: 'web', state: 'no-clone', replicas: 2, session: 'k3f9' }])
    await trial.up()
    cluster.edit('Deployment', 'web', { metadata: { labels: { [marks.undo]: null, [marks.session]: null } } })
    expect(await all()).toMatchObject([{ name: 'web', state: 'swapped', replicas: 2 }])
    cluster.controllers.stop()
    cluster.remove('Deployment', 'web')
    expect(await all()).toMatchObject([{ name: 'web', state: 'left-over' }])
  })
})
