import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningCommand } from './support/command.ts'
import { DevSession } from './support/dev-session.ts'
import { devPod } from './support/service-client.ts'
import { expectRestored } from './support/traces.ts'
import { until } from './support/until.ts'

const says = (up: RunningCommand, pattern: RegExp) =>
  until(`up says ${pattern}`, () => pattern.test(up.stdout), { deadlineMs: 60_000 }).catch(error => {
    throw new Error(`${error.message}\n${up.stdout}\n${up.stderr}`)
  })

describe('a dev pod that the cluster takes away', () => {
  let session: DevSession
  let up: RunningCommand
  beforeAll(async () => {
    session = await DevSession.create({ purpose: 'evicted' })
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
    await says(up, new RegExp(`${name}: EvictionByEvictionAPI: .*another pod takes its place`))
    await until('another pod', async () => (await devPod(session.namespace.admin)) !== name, { deadlineMs: 60_000 })
    await session.laptop.untilState('ready', session.target)
    const hand = await session.handInPod()
    expect(await hand.read('/app/a.txt')).toBe('before the drain')
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
    const up = session.laptop.start(['up', ...session.target])
    await says(up, /waiting for web-podswap-\S+: Unschedulable: .*Insufficient cpu/)
    expect(up.stdout).toMatch(/ask for less with `resources`/)
    up.child.kill('SIGINT')
    expect((await up.finished(90_000)).code).toBe(130)
    await expectRestored(session.namespace.admin, session.was)
  })

  it('for want of its image: up fails, names it, and puts everything back', async () => {
    const dev = { image: 'podswap.test/none:1', imagePullPolicy: 'Never' }
    await using session = await DevSession.create({ purpose: 'no-image', dev })
    const { code, stderr } = await session.laptop.podswap(['up', '--detach', ...session.target])
    expect(`${code} ${stderr}`).toMatch(/^1 .*does not start: ErrImageNeverPull: app: .*podswap.test\/none:1/)
    await expectRestored(session.namespace.admin, session.was)
  })

  it('for want of the agent’s image: that one is named', async () => {
    await using session = await DevSession.create({ purpose: 'no-agent', agentImage: 'podswap.invalid/node:1' })
    const { code, stderr } = await session.laptop.podswap(['up', '--detach', ...session.target])
    expect(`${code} ${stderr}`).toMatch(/^1 .*does not start: (ErrImagePull|ImagePullBackOff): podswap-agent: /)
    expect(stderr).toMatch(/hint: .*PODSWAP_AGENT_IMAGE.*`initContainer\.image`/)
    await expectRestored(session.namespace.admin, session.was)
  })
})
