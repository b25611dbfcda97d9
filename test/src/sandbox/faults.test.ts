import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Cluster, KubeObject } from '../../../src/cluster/cluster.ts'
import { connectCluster } from '../../../src/cluster/connect.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { ApiProxy } from '../../e2e/support/api-proxy.ts'
import { type FaultScenario, scenariosOf, textOf } from '../../e2e/support/fault-scenarios.ts'
import { deployment } from '../cluster/cluster-contract.ts'
import { dev } from '../swap/shapes.ts'
import { expectUntouched, ready, Trial } from '../swap/trial.ts'
import { SandboxWorld } from './sandbox-world.ts'

/** In one run of the tests. */
const sampleSize = { kill: 3, others: 7 }
/** For an answer. A call that nobody answers takes as long: there it is short. */
const deadlineMs = { silence: 1_500, others: 30_000 }

describe('whatever befalls a call of a swap or of its undoing', { timeout: 3_600_000 }, () => {
  let world: SandboxWorld
  let proxy: ApiProxy
  let proxied: string
  let colleague: Cluster
  let count = 0

  beforeAll(async () => {
    world = await SandboxWorld.make()
    proxied = join(world.folder, 'proxied')
    proxy = await ApiProxy.before(world.kubeconfig('ann'), proxied)
    colleague = await world.connect('ben')
  })
  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]()
    await world?.close()
  })

  const fresh = async () => {
    count += 1
    const name = `web-${count}`
    world.sandbox.apply([deployment(name, 2)])
    return { name, before: await ready(colleague, 'Deployment', name) }
  }

  /** Up to the clone, or the undoing, as another process each time. */
  const run = async (
    during: 'up' | 'down',
    name: string,
    arm: (kill: () => Promise<void>) => void,
    isSilent = false,
  ) => {
    const limits = { deadlineMs: isSilent ? deadlineMs.silence : deadlineMs.others }
    const cluster = await connectCluster({ kubeconfig: proxied, namespace: world.namespace, env: {}, ...limits })
    const death = new AbortController()
    const trial = new Trial(cluster)
    arm(async () => death.abort(new Error('killed')))
    try {
      const { signal } = death
      await (during === 'up' ? trial.up({ dev: dev({ name }), signal }) : trial.down({ name, signal }))
    } finally {
      cluster.close()
    }
  }

  const comesBack = async (name: string, before: KubeObject) => {
    const cloneWasLost = !(await colleague.find('Deployment', `${name}-podswap`))
    const { leftovers } = await new Trial(colleague).down({ name })
    expect(leftovers).toEqual([])
    await ready(colleague, 'Deployment', name)
    await expectUntouched(colleague, before, { cloneWasLost })
    await (await world.connect('admin')).delete('Deployment', name)
  }

  const countCalls = async () => {
    const { name, before } = await fresh()
    await run('up', name, () => proxy.arm())
    const up = proxy.calls.length
    await run('down', name, () => proxy.arm())
    const down = proxy.calls.length
    await comesBack(name, before)
    return { up, down }
  }

  const play = async ({ fault, during, at }: FaultScenario): Promise<boolean> => {
    const { name, before } = await fresh()
    if (during === 'down') await run('up', name, () => proxy.arm())
    await run(during, name, kill => proxy.arm({ at, fault, kill }), fault === 'silence').catch(error => {
      if (fault !== 'kill') expect(error).toBeInstanceOf(UserError)
    })
    const { isSprung } = proxy
    proxy.arm()
    await comesBack(name, before)
    return isSprung
  }

  it('the workload comes back by a down of somebody else', async () => {
    const calls = await countCalls()
    expect(calls.up).toBeGreaterThan(8)
    expect(calls.down).toBeGreaterThan(12)
    const played = scenariosOf(calls, sampleSize)
    const failures: string[] = []
    let sprung = 0
    for (const scenario of played) {
      const isSprung = await play(scenario).catch(error => {
        failures.push(`${textOf(scenario)}: ${error instanceof Error ? error.message : error}`)
      })
      if (isSprung) sprung += 1
    }
    console.info(`faults: ${sprung} sprung of ${played.length}, in ${calls.up} calls of up and ${calls.down} of down`)
    expect(failures).toEqual([])
    expect(sprung).toBeGreaterThan(played.length / 2)
  })
})
