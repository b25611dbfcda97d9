import { readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DevSession } from './support/dev-session.ts'
import { Laptop } from './support/laptop.ts'
import { expectRestored } from './support/traces.ts'
import { until } from './support/until.ts'

describe('doctor', () => {
  let session: DevSession
  let inNamespace: string[]
  beforeAll(async () => {
    session = await DevSession.create({ purpose: 'doctor', workload: { replicas: 2 } })
    inNamespace = ['-n', session.namespace.name]
  })
  afterAll(() => session[Symbol.asyncDispose]())

  const doctor = (...args: string[]) => session.laptop.podswap(['doctor', ...inNamespace, ...args])
  const leftovers = async () => {
    const { stdout } = await doctor('--json')
    return (JSON.parse(stdout) as { leftovers: { kind: string; message: string; fix: string | null }[] }).leftovers
  }
  /** As if its holder had been gone for 45 s; 3 s longer than it holds, as two looks may differ by 1 s about the server's time. */
  const lapse = async () => {
    const soon = JSON.stringify({ spec: { leaseDurationSeconds: 1 } })
    await session.namespace.admin.run(['patch', 'lease', 'podswap.deployment.web', '--type=merge', '-p', soon])
    const longAgo = /last seen ([4-9]|\d\d) s ago/
    await until('it lapsed', async () => (await leftovers()).some(({ message }) => longAgo.test(message)))
  }
  const killAll = () => session.laptop.killAll()

  it('finds nothing where nothing is left, and nothing while somebody is at it', async () => {
    expect(await doctor()).toMatchObject({ code: 0, stdout: expect.stringContaining('nothing is left over') })
    await session.up()
    expect(await doctor()).toMatchObject({ code: 0 })
  })

  it('finds a swap that nobody is at and what a dead process left, and says what it would do', async () => {
    await killAll()
    expect((await leftovers()).map(({ kind }) => kind)).toEqual(['no-session', 'state'])
    await lapse()
    const { code, stdout } = await doctor()
    expect(code).toBe(1)
    expect(stdout).toMatch(/deployment\/web is swapped by \S+, last seen \d+ \S+ ago, and nobody is at it/)
    expect(stdout).toMatch(/--fix would fetch what was written in its pod, and put deployment\/web back to 2 replicas/)
    expect((await leftovers()).map(({ kind }) => kind)).toEqual(['no-session', 'state'])
    expect((await session.namespace.admin.get('deployment', 'web')).spec.replicas).toBe(0)
  })

  it('mends nothing unasked', async () => {
    const { code, stderr } = await doctor('--fix')
    expect(`${code}: ${stderr}`).toMatch(/^2: .*no terminal to ask on[\s\S]*--yes/)
    const terminal = session.laptop.terminal(['doctor', '--fix', ...inNamespace])
    await terminal.shows(/Do this \(2\)\? \[y\/N\]/)
    terminal.type('n\r')
    expect(await terminal.finished()).toMatchObject({ code: 1 })
    expect((await session.namespace.admin.get('deployment', 'web')).spec.replicas).toBe(0)
  })

  it('mends it when told to, from another folder and with another state', async () => {
    await using other = new Laptop()
    const fixed = await other.podswap(['doctor', '--fix', '--yes', '--json', ...inNamespace])
    expect(JSON.parse(fixed.stdout)).toMatchObject({ leftovers: [{ kind: 'no-session', fixed: true }] })
    expect(fixed.code).toBe(0)
    await expectRestored(session.namespace.admin, session.was)
    expect(await doctor('--fix', '--yes')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('done: delete them'),
    })
    expect(await doctor()).toMatchObject({ code: 0 })
  })

  it('fetches what was written in the pod first, and leaves a pod that holds what cannot come', async () => {
    await session.up()
    await killAll()
    const inPod = await session.handInPod()
    await inPod.write('/app/since.txt', 'since\n')
    const away = `${session.folder}-away`
    renameSync(session.folder, away)
    const stuck = await doctor('--fix', '--yes')
    expect(stuck).toMatchObject({ code: 1, stdout: expect.stringMatching(/could not fetch .*may not all be here/) })
    expect((await session.namespace.admin.get('deployment', 'web')).spec.replicas).toBe(0)
    renameSync(away, session.folder)
    const fixed = await doctor('--fix', '--yes', '--json')
    expect(fixed.code).toBe(0)
    expect(JSON.parse(fixed.stdout)).toMatchObject({ leftovers: [{ kind: 'no-session', fixed: true }] })
    expect(readFileSync(join(session.folder, 'since.txt'), 'utf8')).toBe('since\n')
    await expectRestored(session.namespace.admin, session.was)
  })

  it('finds a process that holds what is put back already, and ends it', async () => {
    const up = session.laptop.start(['up', ...session.target])
    await session.laptop.untilState('ready', session.target)
    // as a laptop asleep, it does not notice
    up.child.kill('SIGSTOP')
    await using other = new Laptop()
    await other.ok(['down', 'web', ...inNamespace])
    await expectRestored(session.namespace.admin, session.was)
    const [found] = await leftovers()
    expect(found).toMatchObject({ kind: 'process', fix: `end process ${up.child.pid}` })
    expect(found!.message).toMatch(/process \d+ holds web, and deployment\/web is not swapped any more/)
    up.child.kill('SIGCONT')
    await until('it noticed, or is ended', async () => {
      await doctor('--fix', '--yes')
      return !up.running
    })
    expect(await leftovers()).toEqual([])
  })

  it('finds an original at 0 whose clone is gone', async () => {
    await session.up()
    await killAll()
    await session.namespace.admin.run(['delete', 'deployment', 'web-podswap', '--wait=true'])
    await session.namespace.admin.run(['delete', 'lease', 'podswap.deployment.web'])
    expect((await leftovers()).map(({ kind }) => kind)).toEqual(['half-swapped', 'state'])
    expect(await doctor('--fix', '--yes')).toMatchObject({ code: 0 })
    await expectRestored(session.namespace.admin, session.was)
  })
})
