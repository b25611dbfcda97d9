import { describe } from 'vitest'
import { clusterContract } from '../src/cluster/cluster-contract.ts'
import { RealNamespace, realCluster } from './real-namespace.ts'

const real = realCluster()

describe.skipIf(!real)('a real cluster, as a person with our Role', () => {
  clusterContract(async () => {
    const namespace = await RealNamespace.make(real!, 'contract')
    return {
      cluster: await namespace.connect(),
      seed: object => namespace.apply(JSON.stringify(object), ['--server-side']),
      dispose: () => namespace.dispose(),
    }
  })
})
