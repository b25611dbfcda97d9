import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DevSession } from './support/dev-session.ts'
import { environment } from './support/environment.ts'
import { Laptop } from './support/laptop.ts'
import { freePort } from './support/ports.ts'
import { handInDevPod } from './support/service-client.ts'
import { expectRestored, tracesIn } from './support/traces.ts'
import { until } from './support/until.ts'
import { deploy } from './support/workloads.ts'

const { colleague } = environment()
/** `up --detach` waits until the forwards answer. */
const answering = ['node', '-e', "require('node:http').createServer((_, answer) => answer.end('dev')).listen(8080)"]

describe.skipIf(colleague === undefined)('one workload and several people', () => {
  let session: DevSession
  let other: Laptop
  let theirs: string[]
  let port: number

  beforeAll(async () => {
    port = await freePort()
    session = await DevSession.create({
      purpose: 'sharing',
      workload: { replicas: 2 },
      dev: { command: answering, forward: [`${port}:8080`] },
    })
    other = new Laptop({ kubeconfig: colleague!, hostname: 'colleagues-laptop' })
    session.defer(() => other[Symbol.asyncDispose]())
    other.folder('theirs', { 'b.txt': 'theirs' })
    const web = { command: answering, sync: ['./theirs:/app'], forward: [`${port}:8080`] }
    other.folder('.', { 'dev.yml': { namespace: session.namespace.name, dev: { web } } })
    theirs = ['-f', `${other.root}/dev.yml`]
  })

  afterAll(() => session[Symbol.asyncDispose]())

  const lease = () => session.namespace.admin.find('lease', 'podswap.deployment.web')

  it('a second state folder on one machine hears who holds it, not that a port is taken', async () => {
    await session.up()
    const done = await other.podswap(['up', '--detach', ...theirs])
    expect(`${done.code}: ${done.stderr}`).toMatch(/^3: .*web is held by \S+@\S+ since \S+ \(seen \d+ s ago\)/)
    expect(done.stderr).toContain('--take-over')
  })

  it('taken over, the first one ends, lets go of its port and loses no file', async () => {
    session.save('a.txt', 'mine')
    await session.flush()
    await other.ok(['up', '--detach', '--take-over', ...theirs])
    await until('the first session ended', () => session.laptop.processes().length === 0, { deadlineMs: 60_000 })
    expect(await session.onLaptop.read(`${session.folder}/a.txt`)).toBe('mine')
    expect((await lease())!.spec).toMatchObject({ holderIdentity: expect.stringMatching(/@.* /), leaseTransitions: 1 })
    const [status] = await other.devs(theirs)
    expect(status).toMatchObject({ state: 'ready' })
  })

  it('is renewed while the session lives', async () => {
    const { resourceVersion } = (await lease())!.metadata
    await until('a renewal', async () => (await lease())?.metadata.resourceVersion !== resourceVersion, {
      deadlineMs: 60_000,
      everyMs: 500,
    })
  })

  it('of one who is gone is taken with a line that says so', async () => {
    await other.killAll()
    // as if 45 s had passed
    const soon = JSON.stringify({ spec: { leaseDurationSeconds: 1 } })
    await session.namespace.admin.run(['patch', 'lease', 'podswap.deployment.web', '--type=merge', '-p', soon])
    const done = await until('it lapsed', async () => {
      const tried = await session.laptop.podswap(['up', '--detach', ...session.target])
      return tried.code === 3 ? undefined : tried
    })
    expect(`${done.code}: ${done.stderr}`).toMatch(/^0: /)
    expect(done.stdout).toMatch(/held by \S+ since \S+ and was last there \d+ \S+ ago: taken over/)
  })

  it('down by somebody else says whose session it ends, and takes the Lease away', async () => {
    const done = await other.ok(['down', 'web', '-n', session.namespace.name])
    await expectRestored(session.namespace.admin, session.was)
    expect(await lease()).toBeUndefined()
    await until('the session ended', () => session.laptop.processes().length === 0, { deadlineMs: 60_000 })
    expect(done.stdout).toMatch(/this ends the session of \S+ on deployment\/web \(since /)
    expect(done.stdout).toContain('deployment/web is back as it was')
  })

  it('at the same instant: exactly one wins', { timeout: 300_000 }, async () => {
    for (let round = 0; round < 3; round += 1) {
      const [mine, its] = await Promise.all([
        session.laptop.podswap(['up', '--detach', ...session.target]),
        other.podswap(['up', '--detach', ...theirs]),
      ])
      expect([mine.code, its.code].sort(), `${mine.stderr}\n${its.stderr}`).toEqual([0, 3])
      await (mine.code === 0 ? session.laptop : other).ok(['down', 'web', '-n', session.namespace.name])
      await expectRestored(session.namespace.admin, session.was)
    }
  })
})

describe('two calls of up --detach on one laptop', () => {
  it('at the same instant: one starts it, the other one follows, and its log is that of the one', async () => {
    await using session = await DevSession.create({ purpose: 'twice' })
    const up = () => session.laptop.podswap(['up', '--detach', ...session.target])
    const both = await Promise.all([up(), up()])
    const printed = both.map(({ code, stdout, stderr }) => `${code}: ${stdout}${stderr}`)
    for (const text of printed) expect(text).toMatch(/^0: (.*\n)*ready in (.*\n)*web runs in the background/)
    expect(printed.filter(text => text.includes('in the background already'))).toHaveLength(1)
    const log = await session.laptop.ok(['logs', ...session.target])
    expect(log.stdout).toMatch(/ready in /)
    await session.down()
  })
})

describe.skipIf(colleague === undefined)('without the right to Leases', () => {
  it('it is as ever by the labels, with the rules to add', { timeout: 300_000 }, async () => {
    await using session = await DevSession.create({ purpose: 'no-leases', hasLeases: false })
    const other = new Laptop({ kubeconfig: colleague!, hostname: 'colleagues-laptop' })
    session.defer(() => other[Symbol.asyncDispose]())
    other.folder('theirs', { 'b.txt': 'theirs' })
    const web = { command: ['sleep', '86400'], sync: ['./theirs:/app'] }
    other.folder('.', { 'dev.yml': { namespace: session.namespace.name, dev: { web } } })
    const up = await session.laptop.ok(['up', '--detach', ...session.target])
    expect(up.stdout).toContain('may not use Leases')
    expect(up.stdout).toContain('coordination.k8s.io')
    const done = await other.podswap(['up', '--detach', '-f', `${other.root}/dev.yml`])
    expect(`${done.code}: ${done.stderr}`).toMatch(/^3: .*held by .*since/)
    expect(done.stderr).toContain('cannot be told')
    await other.ok(['down', 'web', '-n', session.namespace.name])
    await expectRestored(session.namespace.admin, session.was)
  })
})

describe.skipIf(colleague === undefined)('two people in one namespace', () => {
  it('work on different workloads at once, each on two', { timeout: 300_000 }, async () => {
    await using session = await DevSession.create({ purpose: 'together' })
    const { admin } = session.namespace
    const ben = new Laptop({ kubeconfig: colleague! })
    session.defer(() => ben[Symbol.asyncDispose]())
    for (const name of ['api', 'jobs', 'mail']) await deploy(admin, { name })
    const manifest = (laptop: Laptop, names: string[]) => {
      for (const name of names) laptop.folder(name, { 'who.txt': `${name}` })
      const devs = names.map(name => [name, { command: ['sleep', '86400'], sync: [`./${name}:/app`] }])
      laptop.folder('.', { 'dev.yml': { namespace: session.namespace.name, dev: Object.fromEntries(devs) } })
      return ['-f', `${laptop.root}/dev.yml`]
    }
    const hers = manifest(session.laptop, ['web', 'api'])
    const his = manifest(ben, ['jobs', 'mail'])
    await Promise.all([
      session.laptop.ok(['up', '--detach', ...hers, 'web', 'api']),
      ben.ok(['up', '--detach', ...his, 'jobs', 'mail']),
    ])
    for (const name of ['web', 'api', 'jobs', 'mail']) {
      const hand = await handInDevPod(admin, 'app', true, name)
      session.defer(() => hand[Symbol.asyncDispose]())
      expect(await hand.read('/app/who.txt')).toBe(name)
    }
    // and in one terminal
    await session.laptop.ok(['down', ...hers, 'web', 'api'])
    const both = session.laptop.start(['up', ...hers, 'web', 'api'])
    const isReady = (name: string) => new RegExp(`^${name} \\| ready in`, 'm').test(both.stdout)
    await until('both are ready', () => isReady('web') && isReady('api'), { deadlineMs: 90_000 })
    both.child.kill('SIGINT')
    expect((await both.finished(60_000)).code).toBe(130)
    await Promise.all([session.laptop.ok(['down', ...hers, 'web', 'api']), ben.ok(['down', ...his, 'jobs', 'mail'])])
    await until('nothing is left', async () => (await tracesIn(admin)).length === 0, { deadlineMs: 60_000 })
  })
})
