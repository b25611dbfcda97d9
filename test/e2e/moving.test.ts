import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningCommand } from './support/command.ts'
import { DevSession } from './support/dev-session.ts'
import { devPod } from './support/service-client.ts'
import { tracesIn } from './support/traces.ts'
import { until } from './support/until.ts'

/** What the cluster and other people do to a workload while it is swapped. */
describe('while a workload is swapped', () => {
  let session: DevSession
  let up: RunningCommand
  beforeAll(async () => {
    session = await DevSession.create({ purpose: 'moving', workload: { replicas: 2 } })
    up = session.laptop.start(['up', ...session.target])
    await session.laptop.untilState('ready', session.target)
  })
  afterAll(() => session[Symbol.asyncDispose]())

  const kubectl = (...args: string[]) => session.namespace.admin.run(args)
  const envPath = '/spec/template/spec/containers/0/env'
  const release = (operation: object) =>
    kubectl('patch', 'deployment', 'web', '--type=json', '-p', JSON.stringify([operation]))
  const replicas = async () => (await session.namespace.admin.get('deployment', 'web')).spec.replicas
  const says = (pattern: RegExp) =>
    until(`up says ${pattern}`, () => pattern.test(up.stdout), { deadlineMs: 60_000 }).catch(error => {
      throw new Error(`${error.message}\n${up.stdout}\n${up.stderr}`)
    })

  it('a new release goes to the dev pod, sync goes on, and one line says what is new', async () => {
    const before = await devPod(session.namespace.admin)
    await release({ op: 'add', path: envPath, value: [{ name: 'RELEASE', value: '2' }] })
    await says(/deployment\/web has a new pod template \(env RELEASE of app\): the dev pod starts anew with it/)
    await until('another pod', async () => (await devPod(session.namespace.admin)) !== before, { deadlineMs: 60_000 })
    await session.laptop.untilState('ready', session.target)
    session.save('a.txt', 'after the release')
    await session.flush()
    const hand = await session.handInPod()
    expect(await hand.read('/app/a.txt')).toBe('after the release')
    const { env } = (await session.namespace.admin.get('pod', await devPod(session.namespace.admin))).spec.containers[0]
    expect(env).toContainEqual({ name: 'RELEASE', value: '2' })
  })

  it('scaled up, it is scaled down three times; then it is left, with who and how to keep them', async () => {
    for (const times of [1, 2, 3]) {
      await kubectl('scale', 'deployment/web', `--replicas=${times}`)
      await says(new RegExp(`web was scaled to ${times} replicas? by kubectl; it is at 0 again \\(${times} of 3\\)`))
      expect(await replicas()).toBe(0)
    }
    await kubectl('scale', 'deployment/web', '--replicas=3')
    await says(/web was scaled to 3 replicas by kubectl again: it stays/)
    expect(up.stdout).toContain('RespectIgnoreDifferences=true')
    expect(up.stdout).toContain('flux suspend')
    expect(await replicas()).toBe(3)
    expect(up.running).toBe(true)
  })

  it('down leaves what they changed, and takes away what we did', async () => {
    await session.down()
    const now = await session.namespace.admin.get('deployment', 'web')
    expect(now.spec.replicas).toBe(3)
    expect(now.spec.template.spec.containers[0].env).toEqual([{ name: 'RELEASE', value: '2' }])
    await until('nothing of ours is left', async () => (await tracesIn(session.namespace.admin)).length === 0)
    expect((await up.finished(30_000)).code).toBe(0)
  })

  it('a clone that is deleted: up ends and says how things stand, and only that', async () => {
    await kubectl('scale', 'deployment/web', '--replicas=2')
    await release({ op: 'remove', path: envPath })
    await session.namespace.admin.rolledOut('deployment/web')
    up = session.laptop.start(['up', ...session.target])
    await session.laptop.untilState('ready', session.target)
    await kubectl('delete', 'deployment', 'web-podswap', '--wait=false')
    const { code, stdout, stderr } = await up.finished(60_000)
    expect(`${code} ${stderr}`).toMatch(/^1 .*the clone web-podswap was deleted, and deployment\/web is still at 0/)
    expect(stdout).not.toContain('still on')
    await session.down()
    await until('its pods are back', async () => (await replicas()) === 2)
  })

  it('the workload is deleted: up ends, and nothing of ours is left', async () => {
    await session.namespace.admin.rolledOut('deployment/web')
    up = session.laptop.start(['up', ...session.target])
    await session.laptop.untilState('ready', session.target)
    await kubectl('delete', 'deployment', 'web', '--wait=false')
    const { code, stderr } = await up.finished(60_000)
    expect(`${code} ${stderr}`).toMatch(/^1 .*deployment\/web was deleted, and its dev pod with it/)
    await until('nothing of ours is left', async () => (await tracesIn(session.namespace.admin)).length === 0, {
      deadlineMs: 60_000,
    })
  })

  it('the namespace is deleted: up ends', async () => {
    await using other = await DevSession.create({ purpose: 'ending' })
    const here = other.laptop.start(['up', ...other.target])
    await other.laptop.untilState('ready', other.target)
    await other.namespace.admin.run(['delete', 'namespace', other.namespace.name, '--wait=false'])
    const { code, stderr } = await here.finished(120_000)
    expect(`${code} ${stderr}`).toMatch(
      /^1 .*(deployment\/web was deleted|is still at 0|the right to see deployment\/web is gone)/,
    )
  })
})
