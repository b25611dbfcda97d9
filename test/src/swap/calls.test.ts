import { afterEach, beforeEach, expect, it } from 'vitest'
import { applyClaim } from '../../../src/swap/apply.ts'
import { claimSwap } from '../../../src/swap/claim.ts'
import { followOriginal } from '../../../src/swap/follow-original.ts'
import { awaitAlone } from '../../../src/swap/old-pod.ts'
import { awaitDevPod } from '../../../src/swap/watch-dev-pod.ts'
import { MemoryCluster } from '../cluster/memory-cluster.ts'
import { FaultyCluster } from './faulty-cluster.ts'
import { dbStatefulSet, dev, planOptions, webDeployment } from './shapes.ts'
import { ready, Trial } from './trial.ts'

/** Control by exec, bulk by port-forward: `src/session/link.ts`. */
const attachCalls = 2
/** Of a StatefulSet events alone tell whether its pods are refused: one call, so as to know those of before. */
const callsMax = { up: 25, down: { Deployment: 25, StatefulSet: 26 } }

let cluster: MemoryCluster
beforeEach(() => {
  cluster = new MemoryCluster()
})
afterEach(() => cluster.close())

/** A watch is a list and a stream. */
const requests = ({ calls }: FaultyCluster) => calls.length + calls.filter(({ verb }) => verb === 'watch').length

it.each([webDeployment(), dbStatefulSet()])('up and down cost few calls: $kind', async workload => {
  const { uid, resourceVersion, ...metadata } = workload.metadata
  cluster.applyServerSide({ ...workload, metadata })
  const kind = workload.kind as 'Deployment' | 'StatefulSet'
  await ready(cluster, kind, metadata.name!)
  const up = new FaultyCluster(cluster, () => undefined)
  const stop = new AbortController()
  const { signal } = stop
  const claim = await claimSwap(up, { dev: dev({ name: metadata.name! }), options: planOptions, signal, on: () => {} })
  const swap = await applyClaim(up, claim, signal)
  const following = followOriginal(up, swap, { signal, on: () => {} })
  await awaitDevPod(up, swap, { signal })
  await awaitAlone(up, swap.original, { signal, on: () => {} })
  stop.abort()
  await following
  expect(requests(up) + attachCalls, list(up)).toBeLessThanOrEqual(callsMax.up)
  const down = new FaultyCluster(cluster, () => undefined)
  expect(await new Trial(cluster).down({ kind, name: metadata.name! }, down)).toMatchObject({ leftovers: [] })
  expect(requests(down), list(down)).toBeLessThanOrEqual(callsMax.down[kind])
})

function list({ calls }: FaultyCluster): string {
  return calls.map(({ verb, kind }) => `${verb} ${kind}`).join(', ')
}
