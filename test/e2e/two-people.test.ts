import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DevSession } from './support/dev-session.ts'
import { environment } from './support/environment.ts'
import { Laptop } from './support/laptop.ts'
import { expectRestored } from './support/traces.ts'
import { until } from './support/until.ts'

const { colleague } = environment()

describe.skipIf(colleague === undefined)('a second person (PODSWAP_E2E_COLLEAGUE_KUBECONFIG)', () => {
  let session: DevSession
  let other: Laptop
  let manifest: string

  beforeAll(async () => {
    session = await DevSession.create({ purpose: 'two', workload: { replicas: 3 } })
    other = new Laptop({ kubeconfig: colleague!, hostname: 'colleagues-laptop' })
    session.defer(() => other[Symbol.asyncDispose]())
    other.folder('theirs', { 'b.txt': 'theirs' })
    const dev = { command: ['sleep', '86400'], sync: ['./theirs:/app'] }
    other.folder('.', { 'dev.yml': { namespace: session.namespace.name, dev: { web: dev } } })
    manifest = `${other.root}/dev.yml`
    await session.up()
  })

  afterAll(() => session[Symbol.asyncDispose]())

  it('is told who holds the workload, with exit code 3, and changes nothing', async () => {
    const [{ holder } = { holder: '' }] = await session.laptop.devs(session.target)
    const done = await other.podswap(['up', '--detach', '-f', manifest])
    expect(`${done.code}: ${done.stderr}`).toMatch(/^3: /)
    expect(done.stderr).toContain(holder)
    expect(done.stderr).toMatch(/--take-over/)
    const inPod = await session.handInPod()
    session.save('a.txt', 'still mine')
    await session.flush()
    expect(await inPod.read('/app/a.txt')).toBe('still mine')
    expect(await inPod.read('/app/b.txt')).toBeNull()
  })

  it('takes over when told to; the first session ends and loses no file', async () => {
    await other.ok(['up', '--detach', '--take-over', '-f', manifest])
    const inPod = await session.handInPod()
    expect(await inPod.read('/app/b.txt')).toBe('theirs')
    await until('the first session ended', () => session.laptop.processes().length === 0, { deadlineMs: 60_000 })
    expect(await session.onLaptop.read(`${session.folder}/a.txt`)).toBe('still mine')
  })

  it('puts it back with down, to the first person’s three replicas', async () => {
    await other.ok(['down', '-f', manifest])
    await expectRestored(session.namespace.admin, session.was)
  })
})
