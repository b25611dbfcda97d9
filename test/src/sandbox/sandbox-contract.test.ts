import { describe } from 'vitest'
import { clusterContract } from '../cluster/cluster-contract.ts'
import { SandboxWorld } from './sandbox-world.ts'

describe('the sandbox, as a person with our Role, over HTTPS', () => {
  clusterContract(async () => {
    const world = await SandboxWorld.make()
    return {
      cluster: await world.connect('ann'),
      seed: async object => void world.sandbox.apply([object]),
      dispose: () => world.close(),
    }
  })
})
