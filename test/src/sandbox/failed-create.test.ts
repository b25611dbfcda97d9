import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../../e2e/support/until.ts'
import { SandboxWorld } from './sandbox-world.ts'

/** As a real ReplicaSet: its condition says that pods are refused, once, and it tries again with growing pauses. */
describe('a ReplicaSet whose pods are refused', () => {
  let world: SandboxWorld
  let failures = 0
  beforeAll(async () => {
    world = await SandboxWorld.make({
      onControllerError: ({ controller }) => {
        if (controller === 'replicaset-controller') failures++
      },
    })
  })
  afterAll(() => world?.close())

  it('writes its status once, though each refusal names another pod', async () => {
    const cluster = await world.connect('admin')
    const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'a', image: 'b' }] } }
    const spec = { replicas: 0, selector: { matchLabels: { app: 'x' } }, template }
    await cluster.create('Deployment', { metadata: { name: 'refused' }, spec })
    await eventually(async () => expect(await cluster.list('ReplicaSet')).toHaveLength(1))
    world.runtime.refuses = () => ['nothing runs here']
    await cluster.patch('Deployment', 'refused', { spec: { replicas: 1 } })
    const versionAfter = async (count: number) => {
      await eventually(() => expect(failures).toBeGreaterThanOrEqual(count))
      const [set] = await cluster.list('ReplicaSet')
      expect(set!.status.conditions).toMatchObject([{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' }])
      return set!.metadata.resourceVersion
    }
    const first = await versionAfter(2)
    expect(await versionAfter(failures + 3)).toBe(first)
  })
})
