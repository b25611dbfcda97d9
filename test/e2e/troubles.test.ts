import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ClusterStamps } from './support/cluster-stamps.ts'
import type { RunningCommand } from './support/command.ts'
import { DevSession } from './support/dev-session.ts'
import { devPod } from './support/service-client.ts'
import { expectRestored, tracesIn } from './support/traces.ts'
import { until } from './support/until.ts'
import { restricted } from './support/workloads.ts'

/** When it was seen, by the wall clock. */
const says = (up: RunningCommand, pattern: RegExp): Promise<number> =>
  until(`up says ${pattern}`, () => pattern.test(up.stdout) && Date.now(), { deadlineMs: 60_000 }).catch(error => {
    throw new Error(`${error.message}\n${up.stdout}\n${up.stderr}`)
  })

const stampsOf = async (session: DevSession) => {
  const stamps = await ClusterStamps.watch(session.namespace.admin)
  session.defer(() => stamps[Symbol.asyncDispose]())
  return stamps
}

describe('a dev pod that the cluster takes away', () => {
  let session: DevSession
  let up: RunningCommand
  let stamps: ClusterStamps
  beforeAll(async () => {
    const dev = { resources: { limits: { memory: '400Mi' } } }
    session = await DevSession.create({ purpose: 'evicted', dev })
    stamps = await stampsOf(session)
    up = session.laptop.start(['up', ...session.target])
    await session.laptop.untilState('ready', session.target)
  })
  afterAll(() => session[Symbol.asyncDispose]())

  /** As `kubectl drain` asks for it. */
  const evict = async () => {
    const { admin } = session.namespace
    const name = await devPod(admin)
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: admin.namespace } }
    const path = `/api/v1/namespaces/${admin.namespace}/pods/${name}/eviction`
    const done = await admin.attempt(['create', '--raw', path, '-f', '-'], { input: JSON.stringify(eviction) })
    return { name, done }
  }

  it('by a drain: said in the cluster’s words, and the next one goes on', async () => {
    session.save('a.txt', 'before the drain')
    await session.flush()
    const { name, done } = await evict()
    expect(done.code, done.stderr).toBe(0)
    const seenMs = await says(up, new RegExp(`${name}: EvictionByEvictionAPI: .*another pod takes its place`))
    await stamps.expectSoon('EvictionByEvictionAPI', seenMs)
    await until('another pod', async () => (await devPod(session.namespace.admin)) !== name, { deadlineMs: 60_000 })
    await session.laptop.untilState('ready', session.target)
    const hand = await session.handInPod()
    expect(await hand.read('/app/a.txt')).toBe('before the drain')
    await says(up, /started anew: the container in which it ran is gone/)
  })

  it('by the kernel, out of memory: said with what to do, and it starts anew', async () => {
    const eat = 'const kept = []; for (;;) kept.push(Buffer.alloc(16 * 1024 * 1024, 1))'
    const eaten = await session.laptop.podswap(['exec', ...session.target, '--', 'node', '-e', eat])
    // where the kernel takes that one alone, the rest follows
    if (eaten.code === 137) await session.laptop.podswap(['exec', ...session.target, '--', 'sh', '-c', 'kill 1'])
    await stamps.expectSoon('OOMKilled', await says(up, /app was restarted: OOMKilled \(exit code \d+\)/))
    await says(up, /raise `resources\.limits\.memory`/)
    await session.laptop.untilState('ready', session.target)
  })

  it('but not where a PodDisruptionBudget of the workload keeps it: the session goes on', async () => {
    await session.namespace.admin.apply({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'web' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } },
    })
    const status = async () => (await session.namespace.admin.get('pdb', 'web')).status
    await until('the budget is counted', async () => (await status())?.currentHealthy === 1)
    const { name, done } = await evict()
    expect(done.code).not.toBe(0)
    expect(done.stderr).toMatch(/disruption budget/)
    await session.laptop.untilState('ready', session.target)
    expect(await devPod(session.namespace.admin)).toBe(name)
  })
})

describe('a dev pod that does not start', () => {
  it('for want of a node: said at once with what to do; Ctrl-C puts everything back', async () => {
    const dev = { resources: { requests: { cpu: '1000' } } }
    await using session = await DevSession.create({ purpose: 'no-node', dev })
    const stamps = await stampsOf(session)
    const up = session.laptop.start(['up', ...session.target])
    const seenMs = await says(up, /waiting for web-podswap-\S+: Unschedulable: .*Insufficient cpu/)
    await stamps.expectSoon('Unschedulable', seenMs)
    await says(up, /ask for less with `resources`/)
    up.child.kill('SIGINT')
    expect((await up.finished(90_000)).code).toBe(130)
    await expectRestored(session.namespace.admin, session.was)
  })

  it('for want of a volume: said in the scheduler’s words; Ctrl-C puts everything back', async () => {
    await using session = await DevSession.create({ purpose: 'no-volume' })
    const { admin } = session.namespace
    await admin.apply({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'there-is-none',
        resources: { requests: { storage: '1Mi' } },
      },
    })
    // a release that waits for its volume, while the pod of the one before still runs
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }]
    const release = JSON.stringify({ spec: { template: { spec: { volumes } } } })
    await admin.run(['patch', 'deployment', 'web', '--type=merge', '-p', release])
    const { spec } = await admin.get('deployment', 'web')
    const stamps = await stampsOf(session)
    const up = session.laptop.start(['up', ...session.target])
    const seenMs = await says(
      up,
      /waiting for web-podswap-\S+: Unschedulable: .*unbound immediate PersistentVolumeClaims/,
    )
    await stamps.expectSoon('Unschedulable', seenMs)
    await says(up, /a claim that it mounts must be bound/)
    up.child.kill('SIGINT')
    // it would go on waiting for the original, which waits for that volume too
    await until('nothing of ours is left', async () => (await tracesIn(admin)).length === 0, { deadlineMs: 60_000 })
    expect((await admin.get('deployment', 'web')).spec).toEqual(spec)
    await up.kill()
  })

  it('for want of its image: up fails, names it, and puts everything back', async () => {
    const dev = { image: 'podswap.test/none:1', imagePullPolicy: 'Never' }
    await using session = await DevSession.create({ purpose: 'no-image', dev })
    const stamps = await stampsOf(session)
    const up = session.laptop.start(['up', '--detach', ...session.target])
    await stamps.expectSoon('ErrImageNeverPull', await says(up, /waiting for \S+: ErrImageNeverPull: /))
    const { code, stderr } = await up.finished()
    expect(`${code} ${stderr}`).toMatch(/^1 .*does not start: ErrImageNeverPull: app: .*podswap.test\/none:1/)
    await expectRestored(session.namespace.admin, session.was)
  })

  it('to the end, for a sidecar that crashes: said with where to look, and the session goes on', async () => {
    await using session = await DevSession.create({ purpose: 'sidecar' })
    const { admin } = session.namespace
    // it fails beside the dev container alone, whose pod has a longer name
    const script = 'case $(hostname) in web-*-*-*) exit 3;; esac; trap "exit 0" TERM; sleep 86400 & wait'
    const proxy = { name: 'proxy', image: 'podswap.test/busybox:1', command: ['sh', '-c', script] }
    const containers = [
      ...JSON.parse(session.was.spec).template.spec.containers,
      { ...proxy, imagePullPolicy: 'IfNotPresent' },
    ]
    const release = JSON.stringify({ spec: { template: { spec: { containers } } } })
    await admin.run(['patch', 'deployment', 'web', '--type=merge', '-p', release])
    await admin.rolledOut('deployment/web')
    const stamps = await stampsOf(session)
    const up = session.laptop.start(['up', ...session.target])
    const seenMs = await says(up, /web-podswap-\S+: CrashLoopBackOff: proxy: .*it ended with Error \(exit code 3\)/)
    await stamps.expectSoon('CrashLoopBackOff', seenMs)
    await says(up, /kubectl logs web-podswap-\S+ -c proxy --previous/)
    await session.laptop.untilState('ready', session.target)
    await session.down()
    await until('nothing of ours is left', async () => (await tracesIn(admin)).length === 0, { deadlineMs: 60_000 })
  })

  it('for want of the agent’s image: that one is named', async () => {
    await using session = await DevSession.create({ purpose: 'no-agent', agentImage: 'podswap.invalid/node:1' })
    const stamps = await stampsOf(session)
    const up = session.laptop.start(['up', '--detach', ...session.target])
    // a pull that fails: the other one is not tried
    await stamps.expectSoon('ErrImagePull', await says(up, /waiting for \S+: ErrImagePull: podswap-agent: /))
    const { code, stderr } = await up.finished()
    expect(`${code} ${stderr}`).toMatch(/^1 .*does not start: (ErrImagePull|ImagePullBackOff): podswap-agent: /)
    expect(stderr).toMatch(/hint: .*PODSWAP_AGENT_IMAGE.*`initContainer\.image`/)
    await expectRestored(session.namespace.admin, session.was)
  })
})

describe('an original that its namespace refuses by now', () => {
  it('is not swapped where that is certain, and comes back by a later down where it came too late', async () => {
    await using session = await DevSession.create({ purpose: 'tightened' })
    const { name, admin } = session.namespace
    const enforce = (level: string) =>
      admin.run(['label', '--overwrite', 'namespace', name, `pod-security.kubernetes.io/enforce${level}`])
    await session.up()
    await enforce('=restricted')
    const dev = await devPod(admin)
    const refused = await session.laptop.podswap(['down', ...session.target])
    expect(`${refused.code} ${refused.stderr}`).toMatch(
      /^1 .*scaled up, but the namespace refuses its pods: .*PodSecurity/,
    )
    expect(refused.stderr).toMatch(/hint: .*run `podswap down` once more/)
    // it goes on answering
    expect(await devPod(admin)).toBe(dev)
    await enforce('-')
    await session.down()
    await expectRestored(admin, session.was)
    await enforce('=restricted')
    // who may make pods can ask
    session.laptop.kubeconfig = admin.kubeconfig
    const asked = await session.laptop.podswap(['up', '--detach', ...session.target])
    expect(`${asked.code} ${asked.stderr}`).toMatch(/^1 .*deployment\/web could not come back: .*PodSecurity/)
    await expectRestored(admin, session.was)
  })
})

describe('a dev pod that its namespace refuses', () => {
  let session: DevSession
  let stamps: ClusterStamps
  beforeAll(async () => {
    const sized = (memory: string) => ({ requests: { memory: '64Mi' }, limits: { memory } })
    // the original is allowed all that follows, the dev pod is not
    const container = { ...restricted.container, resources: sized('200Mi') }
    const securityContext = { runAsNonRoot: false, runAsUser: 0 }
    // a folder of root's, which may not write into everybody's
    const dev = { resources: sized('400Mi'), securityContext, sync: ['./app:/srv/app'] }
    session = await DevSession.create({ purpose: 'refused', workload: { ...restricted, container }, dev })
    stamps = await stampsOf(session)
  })
  afterAll(() => session[Symbol.asyncDispose]())

  const enforced = 'pod-security.kubernetes.io/enforce'
  const enforce = (level: string) => {
    const { name, admin } = session.namespace
    return admin.run(['label', '--overwrite', 'namespace', name, `${enforced}${level}`])
  }

  it.each([
    [
      'a LimitRange that allows less',
      { kind: 'LimitRange', spec: { limits: [{ type: 'Container', max: { memory: '300Mi' } }] } },
      'maximum memory usage per Container is 300Mi',
    ],
    [
      'a quota that is used up',
      { kind: 'ResourceQuota', spec: { hard: { 'limits.memory': '300Mi' } } },
      'exceeded quota: small, requested: limits.memory=',
    ],
  ])('for %s: up fails, says it, and puts everything back', async (_title, rule, said) => {
    const { admin } = session.namespace
    await admin.apply({ apiVersion: 'v1', metadata: { name: 'small' }, ...rule })
    stamps.forget()
    const up = session.laptop.start(['up', '--detach', ...session.target])
    const why = `FailedCreate: .*${said}`
    await stamps.expectSoon('FailedCreate', await says(up, new RegExp(`waiting for web-podswap: ${why}`)))
    const { code, stderr } = await up.finished()
    expect(`${code} ${stderr}`).toMatch(new RegExp(`^1 .*${why}`))
    expect(stderr).toMatch(/hint: .*free quota, or change `resources`/)
    await expectRestored(admin, session.was)
    await admin.run(['delete', rule.kind, 'small'])
  })

  it('for Pod Security: known before anything is touched', async () => {
    await enforce('=restricted')
    const { code, stderr } = await session.laptop.podswap(['up', '--detach', ...session.target])
    expect(`${code} ${stderr}`).toMatch(/^1 .*would violate PodSecurity "restricted:latest": .*runAsNonRoot/s)
    expect(stderr).toMatch(/hint: .*securityContext/)
    await expectRestored(session.namespace.admin, session.was)
    await enforce('-')
  })

  it('for Pod Security that came when it ran: said when the next pod is refused', async () => {
    const { admin } = session.namespace
    const up = session.laptop.start(['up', ...session.target])
    await says(up, /^ready in/m)
    await enforce('=restricted')
    stamps.forget()
    await admin.run(['delete', 'pod', await devPod(admin), '--wait=false'])
    const seenMs = await says(up, /waiting for web-podswap: FailedCreate: .*violates PodSecurity/)
    await stamps.expectSoon('FailedCreate', seenMs)
    await says(up, /change `resources` or `securityContext`/)
    await enforce('-')
    await session.down()
    await expectRestored(admin, session.was)
  })
})
