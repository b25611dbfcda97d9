import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningCommand } from './support/command.ts'
import { DevSession } from './support/dev-session.ts'
import type { Hand } from './support/hand.ts'
import { handInDevPod } from './support/service-client.ts'
import { type Before, before, expectRestored } from './support/traces.ts'
import { until } from './support/until.ts'
import { deploy } from './support/workloads.ts'

/** `services`: one folder of the laptop, and two pods that have it. */
describe('a dev with a service', () => {
  let session: DevSession
  let worker: Before
  let up: RunningCommand
  let inWeb: Hand
  let inWorker: Hand

  beforeAll(async () => {
    // its own command goes on: the server of the original
    session = await DevSession.create({ purpose: 'services', dev: { services: [{ name: 'worker' }] } })
    await deploy(session.namespace.admin, { name: 'worker' })
    worker = await before(session.namespace.admin, 'worker')
    up = session.laptop.start(['up', '--down-on-exit', ...session.target])
    await session.laptop.untilState('ready', [...session.target, 'web'])
    await session.laptop.untilState('ready', [...session.target, 'worker'])
    inWeb = await session.handInPod()
    inWorker = await handInDevPod(session.namespace.admin, 'app', true, 'worker')
    session.defer(() => inWorker[Symbol.asyncDispose]())
  })
  afterAll(() => session?.[Symbol.asyncDispose]())

  const same = (path: string, content: string | null) =>
    until(`${path} is ${content} everywhere`, async () => {
      const there = await Promise.all([
        inWeb.read(`/app/${path}`),
        session.onLaptop.read(join(session.folder, path)),
        inWorker.read(`/app/${path}`),
      ])
      return there.every(each => each === content)
    })

  it('has both in status, each with the folder', async () => {
    const devs = await session.laptop.devs(session.target)
    expect(devs.map(({ name, state }) => [name, state]).sort()).toEqual([
      ['web', 'ready'],
      ['worker', 'ready'],
    ])
  })

  it('what is edited and deleted in one pod comes to the laptop and to the other pod, and stays so', async () => {
    for (let round = 0; round < 3; round += 1) {
      await inWeb.write('/app/shared.txt', `web ${round}`)
      await same('shared.txt', `web ${round}`)
      await inWorker.write('/app/shared.txt', `worker ${round}`)
      await same('shared.txt', `worker ${round}`)
    }
    session.save('shared.txt', 'laptop')
    await same('shared.txt', 'laptop')
    await inWorker.write('/app/worker-only.txt', 'x')
    await same('worker-only.txt', 'x')
    await inWeb.remove('/app/worker-only.txt')
    await same('worker-only.txt', null)
    await inWorker.remove('/app/shared.txt')
    await same('shared.txt', null)
    // no conflict copy of it, and nothing that comes back after both were flushed
    await session.flush()
    const trees = await Promise.all([session.onLaptop.tree(session.folder), inWeb.tree('/app'), inWorker.tree('/app')])
    expect(trees[1]).toEqual(trees[0])
    expect(trees[2]).toEqual(trees[0])
    expect(Object.keys(trees[0])).toEqual(['a.txt'])
    expect(existsSync(join(session.folder, 'shared.txt'))).toBe(false)
    const devs = await session.laptop.devs(session.target)
    expect(devs.flatMap(({ sync }) => sync.conflicts)).toEqual([])
  })

  it('is flushed as one: what is in one pod is in the other when that returns', async () => {
    await inWeb.write('/app/from-web.txt', 'w'.repeat(300_000))
    await inWorker.write('/app/from-worker.txt', 'k'.repeat(300_000))
    await session.flush()
    expect(await inWorker.read('/app/from-web.txt')).toBe('w'.repeat(300_000))
    expect(await inWeb.read('/app/from-worker.txt')).toBe('k'.repeat(300_000))
  })

  it('goes down as one', async () => {
    up.child.kill('SIGINT')
    expect((await up.finished(120_000)).code).toBe(130)
    await expectRestored(session.namespace.admin, session.was)
    await expectRestored(session.namespace.admin, worker, 'worker')
  })

  it('goes up in the background and down as one, by a manifest that lists its own', async () => {
    session.laptop.folder('deploy', { 'all.yml': { namespace: session.namespace.name, devs: ['../dev.yml'] } })
    const target = ['-f', join(session.laptop.root, 'deploy/all.yml')]
    await session.laptop.ok(['up', '--detach', ...target])
    const devs = await session.laptop.devs(target)
    expect(devs.map(({ name, state }) => [name, state]).sort()).toEqual([
      ['web', 'ready'],
      ['worker', 'ready'],
    ])
    await session.laptop.ok(['down', ...target])
    await expectRestored(session.namespace.admin, session.was)
    await expectRestored(session.namespace.admin, worker, 'worker')
  })
})
