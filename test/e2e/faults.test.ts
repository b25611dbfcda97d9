import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ApiProxy } from './support/api-proxy.ts'
import type { Finished } from './support/command.ts'
import { DevSession } from './support/dev-session.ts'
import { environment } from './support/environment.ts'
import { allFaults, type FaultScenario, scenariosOf, textOf } from './support/fault-scenarios.ts'
import { Laptop } from './support/laptop.ts'
import { expectRestored } from './support/traces.ts'
import { until } from './support/until.ts'

/** In one run of the tests. */
const sampleSize = { kill: 3, others: 3 }
/** What they may ask of the API server; a conflict with a controller's write costs two more. */
const callsMax = { up: 25, down: 34 }

describe.skipIf(environment().colleague === undefined)('whatever befalls a call of the CLI', () => {
  let session: DevSession
  let proxy: ApiProxy
  let colleague: Laptop
  const calls = { up: 0, down: 0 }

  beforeAll(async () => {
    session = await DevSession.create({ purpose: 'faults' })
    const kubeconfig = join(session.laptop.root, 'proxied.kubeconfig')
    proxy = await ApiProxy.before(session.laptop.kubeconfig, kubeconfig)
    session.defer(() => proxy[Symbol.asyncDispose]())
    session.laptop.kubeconfig = kubeconfig
    colleague = new Laptop({ kubeconfig: environment().colleague! })
    session.defer(() => colleague[Symbol.asyncDispose]())
  })
  afterAll(() => session[Symbol.asyncDispose]())

  const killAll = () => session.laptop.killAll()

  /** By another person, from another folder. */
  const comesBack = async () => {
    proxy.arm()
    const { code, stdout, stderr } = await colleague.podswap(['down', 'web', '-n', session.namespace.name])
    expect(code, `${stdout}\n${stderr}`).toBe(0)
    await session.namespace.admin.rolledOut('deployment/web')
    await expectRestored(session.namespace.admin, session.was)
  }

  it('costs as many calls as it says', async () => {
    proxy.arm()
    await session.up()
    calls.up = proxy.calls.length
    expect(calls.up, proxy.calls.join('\n')).toBeLessThanOrEqual(callsMax.up)
    await killAll()
    proxy.arm()
    await session.down()
    calls.down = proxy.calls.length
    await expectRestored(session.namespace.admin, session.was)
    expect(calls.down, proxy.calls.join('\n')).toBeLessThanOrEqual(callsMax.down)
    expect(calls.up).toBeGreaterThan(10)
    expect(calls.down).toBeGreaterThan(10)
  })

  const endOf = async (args: string[]): Promise<Finished> => {
    const running = session.laptop.start(args)
    const isReady = () => args[0] === 'up' && /^ready in/m.test(running.stdout)
    await until('it ends, or is ready', () => !running.running || isReady(), { deadlineMs: 150_000 })
    await running.kill()
    return await running.finished()
  }

  const play = async ({ fault, during, at }: FaultScenario) => {
    if (during === 'down') await session.up().then(killAll)
    proxy.arm({ at, fault, kill: killAll })
    const done = await endOf([during, ...session.target])
    const { isSprung } = proxy
    // killed, or it went through, or it says what was the matter
    if (fault !== 'kill') expect([0, 1, 137], `${done.stdout}\n${done.stderr}`).toContain(done.code)
    expect(done.stderr).not.toMatch(/\n {4}at /)
    await killAll()
    await comesBack()
    return isSprung
  }

  it('the workload comes back by a down of somebody else', { timeout: 6 * 3_600_000 }, async () => {
    const played = scenariosOf(calls, sampleSize)
    const failures: string[] = []
    let sprung = 0
    for (const scenario of played) {
      const started = performance.now()
      const isSprung = await play(scenario).catch(error => {
        failures.push(`${textOf(scenario)}: ${error instanceof Error ? error.message : error}`)
        console.info(failures.at(-1))
      })
      if (isSprung) sprung += 1
      if (allFaults) console.info(textOf(scenario), isSprung, Math.round(performance.now() - started), 'ms')
    }
    console.info(`faults: ${sprung} sprung of ${played.length}, in ${calls.up} calls of up and ${calls.down} of down`)
    expect(failures).toEqual([])
    // the last calls may not come every time: a watch that was not needed
    expect(sprung).toBeGreaterThan(played.length / 2)
  })
})
