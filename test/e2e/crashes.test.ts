import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RunningCommand } from './support/command.ts'
import { DevSession } from './support/dev-session.ts'
import type { Hand } from './support/hand.ts'
import { noise, noiseBytes } from './support/noise.ts'
import { devPod } from './support/service-client.ts'
import { TcpProxy } from './support/tcp-proxy.ts'
import { expectLaptopClean, expectRestored } from './support/traces.ts'
import { eventually, until } from './support/until.ts'

const contentBytes = 300 * 64 * 1024

/** One end or what is between them goes away without a word. */
describe('a session survives', () => {
  let session: DevSession
  let up: RunningCommand
  let inPod: Hand

  beforeAll(async () => {
    session = await DevSession.create({
      purpose: 'crashes',
      files: { 'a.txt': 'a', ...noise('crashes', 300, 64 * 1024) },
      workload: { replicas: 2 },
    })
  })

  afterAll(() => session[Symbol.asyncDispose]())

  const start = async () => {
    up = session.laptop.start(['up', ...session.target])
    await session.laptop.untilState('ready', session.target)
  }

  it('case 51: SIGKILL of up: the next up resumes and sends nothing that is there already', async () => {
    await start()
    inPod = await session.handInPod()
    await session.expectSame(inPod)
    const [first] = await session.laptop.devs(session.target)
    expect(first!.sync.bytes_sent).toBeGreaterThan(contentBytes)
    const pod = await devPod(session.namespace.admin)
    const stats = await inPod.tree('/app', true)

    await up.kill('SIGKILL')
    await start()

    expect(await devPod(session.namespace.admin)).toBe(pod)
    const [second] = await session.laptop.devs(session.target)
    expect(second!.sync.bytes_sent).toBeLessThan(contentBytes / 100)
    expect(await inPod.tree('/app', true)).toEqual(stats)
  })

  it('edits at both ends while no up runs', async () => {
    await up.kill('SIGKILL')
    session.save('a.txt', 'edited here meanwhile')
    session.save('new-here.txt', 'made here meanwhile')
    await session.onLaptop.remove(`${session.folder}/data/0/file-0.bin`)
    await inPod.write('/app/new-there.txt', 'made there meanwhile')
    await inPod.write('/app/data/1/file-1.bin', 'edited there meanwhile')
    await inPod.remove('/app/data/2/file-2.bin')

    await start()
    await session.flush()

    const both = await session.expectSame(inPod)
    expect(await inPod.read('/app/a.txt')).toBe('edited here meanwhile')
    expect(await inPod.read('/app/new-here.txt')).toBe('made here meanwhile')
    expect(await session.onLaptop.read(`${session.folder}/new-there.txt`)).toBe('made there meanwhile')
    expect(await session.onLaptop.read(`${session.folder}/data/1/file-1.bin`)).toBe('edited there meanwhile')
    expect(both).not.toHaveProperty(['data/0/file-0.bin'])
    expect(both).not.toHaveProperty(['data/2/file-2.bin'])
    const [status] = await session.laptop.devs(session.target)
    expect(status!.sync.conflicts).toEqual([])
  })

  it('case 51: the agent being killed: sync and the dev command go on', async () => {
    const command = (await inPod.processes()).find(({ argv }) => argv[0] === 'sleep' && argv[1] === '86400')
    expect(command).toBeDefined()
    const agent = await agentOf(inPod)
    await inPod.kill(agent, 'SIGKILL')
    session.save('after-kill.txt', 'written after the agent was killed')
    await until('the edit arrives', async () => (await inPod.read('/app/after-kill.txt')) !== null)
    await inPod.write('/app/after-kill-there.txt', 'and back')
    await until('and one comes back', () => session.onLaptop.read(`${session.folder}/after-kill-there.txt`))
    await session.laptop.untilState('ready', session.target)
    expect(await agentOf(inPod)).not.toBe(agent)
    expect((await inPod.processes()).map(({ pid }) => pid)).toContain(command!.pid)
    await session.expectSame(inPod)
  })

  it('leaves no zombie in the container', async () => {
    const zombies = (await inPod.processes()).filter(({ state }) => state === 'Z')
    expect(zombies).toEqual([])
  })

  it('case 57: the pod being deleted: the folder is in the new one, and edits made meanwhile', async () => {
    const pod = await devPod(session.namespace.admin)
    await inPod.write('/app/only-there.txt', 'only in the pod')
    await until('it came to the laptop', () => session.onLaptop.read(`${session.folder}/only-there.txt`))
    await session.namespace.admin.run(['delete', 'pod', pod, '--grace-period=0', '--force', '--wait=false'])
    session.save('a.txt', 'edited while the pod was gone')
    inPod = await until('a new pod runs', async () => {
      expect(await devPod(session.namespace.admin)).not.toBe(pod)
      return await session.handInPod()
    })
    await until('the edit is there', async () => (await inPod.read('/app/a.txt')) === 'edited while the pod was gone', {
      deadlineMs: 60_000,
    })
    await session.laptop.untilState('ready', session.target)
    await session.flush()
    const both = await session.expectSame(inPod)
    expect(both).toHaveProperty(['only-there.txt'])
  })

  it('SIGKILL of up: before another manifest restarts the pod, what it wrote since comes here', async () => {
    await up.kill('SIGKILL')
    await inPod.write('/app/before-the-restart.txt', 'written while no up ran')
    const pod = await devPod(session.namespace.admin)
    const dev = { command: ['sleep', '86400'], sync: ['./app:/app'], environment: { CHANGED: 'yes' } }
    session.laptop.folder('.', { 'dev.yml': { namespace: session.namespace.name, dev: { web: dev } } })
    await start()
    expect(await devPod(session.namespace.admin)).not.toBe(pod)
    expect(await session.onLaptop.read(`${session.folder}/before-the-restart.txt`)).toBe('written while no up ran')
    inPod = await session.handInPod()
  })

  it('SIGKILL of up: down brings what the pod wrote since, and puts everything back', async () => {
    await up.kill('SIGKILL')
    await inPod.write('/app/of-the-last-hour.txt', 'written while no up ran')
    // the manifest names another folder by now: it is not that one which the pod's files belong in
    session.laptop.folder('other', { 'a.txt': 'another project' })
    const other = { command: ['sleep', '86400'], sync: ['./other:/app'] }
    session.laptop.folder('.', { 'dev.yml': { namespace: session.namespace.name, dev: { web: other } } })
    await session.down()
    expect(Object.keys(await session.onLaptop.tree(join(session.laptop.root, 'other')))).toEqual(['a.txt'])
    expect(await session.onLaptop.read(`${session.folder}/of-the-last-hour.txt`)).toBe('written while no up ran')
    await expectRestored(session.namespace.admin, session.was)
    await eventually(() => expectLaptopClean(session.laptop, [], [session.folder]))
  })
})

describe('in the middle of the first transfer', () => {
  it('the pod is deleted: the next one gets everything', async () => {
    const files = { ...noise('mid', 200, 128 * 1024), 'large.bin': noiseBytes('large', 32 * 1024 * 1024) }
    const totalBytes = Object.values(files).reduce((sum, bytes) => sum + bytes.length, 0)
    await using session = await DevSession.create({ purpose: 'mid-transfer', files })
    const { admin } = session.namespace
    // slow enough that the test can step in
    const proxy = await TcpProxy.before(session.laptop.kubeconfig, join(session.laptop.root, 'slow.kubeconfig'))
    session.defer(() => proxy[Symbol.asyncDispose]())
    session.laptop.kubeconfig = join(session.laptop.root, 'slow.kubeconfig')
    proxy.limit(8 * 1024 * 1024)
    const up = session.laptop.start(['up', ...session.target])
    const first = await until('a dev pod runs', () => devPod(admin), { deadlineMs: 90_000 })
    const hand = await session.handInPod()
    const arrived = async () => (await hand.call<{ bytes: number }>('volume', { dir: '/app' })).bytes
    const wanted = 4 * 1024 * 1024
    await until('content arrives', async () => (await arrived()) > wanted, { everyMs: 10, deadlineMs: 60_000 })
    expect(await arrived(), 'the transfer was over before the test stepped in').toBeLessThan(totalBytes)
    await admin.run(['delete', 'pod', first, '--grace-period=0', '--force', '--wait=false'])
    proxy.limit(Infinity)

    const next = await until(
      'another pod runs',
      async () => {
        expect(await devPod(admin)).not.toBe(first)
        return await session.handInPod()
      },
      { deadlineMs: 60_000 },
    )
    await session.laptop.untilState('ready', session.target)
    await session.flush()
    const both = await session.expectSame(next)
    expect(Object.keys(both)).toEqual(expect.arrayContaining(Object.keys(files)))
    expect(up.running).toBe(true)
    await session.down()
    await expectRestored(admin, session.was)
  })
})

/** The process that runs boot.cjs: the delivered Node under the loader. */
async function agentOf(hand: Hand): Promise<number> {
  const agents = (await hand.processes()).filter(
    ({ argv, state }) => state !== 'Z' && !argv[0]?.endsWith('/init') && argv.some(arg => arg.endsWith('/boot.cjs')),
  )
  if (agents.length !== 1) throw new Error(`${agents.length} agents: ${JSON.stringify(agents)}`)
  return agents[0]!.pid
}
