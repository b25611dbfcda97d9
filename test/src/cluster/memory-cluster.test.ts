import { describe } from 'vitest'
import { clusterContract } from './cluster-contract.ts'
import { MemoryCluster } from './memory-cluster.ts'

describe('the cluster in memory', () => {
  clusterContract(async () => {
    const cluster = new MemoryCluster()
    return {
      cluster,
      seed: async object => void cluster.applyServerSide(object),
      dispose: async () => cluster.close(),
    }
  })
})
