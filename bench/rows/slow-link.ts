import { Hand } from '../../test/e2e/support/hand.ts'
import { Kubectl } from '../../test/e2e/support/kubectl.ts'
import type { Bench } from '../bench.ts'
import { comparison, type Figure, latency } from '../figures.ts'
import { compareFirstSyncs } from './first-sync.ts'
import { bothEnds, echoes, saveSeries } from './saves.ts'

const roundTripMs = 50
const bytesPerSecond = 10e6 / 8

/** A first sync and saves through a link with 50 ms and 10 Mbit/s, beside what tar packs through the same link. */
export async function measureSlowLink(bench: Bench): Promise<Figure[]> {
  const { ground, plan, options } = bench
  const { kubeconfig } = await ground.link({ delayMs: roundTripMs / 2, bytesPerSecond })
  const rounds = await compareFirstSyncs(bench, { kubeconfig, isPacked: true })
  const pairs = rounds.map(([ours, theirs]) => ({ ours: ours.commandSeconds, theirs: theirs.commandSeconds }))

  await using ends = await bothEnds(ground)
  await using farHand = await Hand.inPod(
    new Kubectl(kubeconfig, ground.kubectl.namespace),
    await ground.podName(),
    'app',
  )
  await ground.rested(ends.inPod)
  const echo = await echoes(farHand, options.edits)
  const paths = plan.files.slice(0, 100).map(({ path }) => path)
  const samples = await saveSeries(ground, ends, { paths, how: 'in-place', edits: options.edits })
  const title = '50 ms, 10 Mbit/s'
  return [
    comparison(`${title}: first sync`, 's', 'tar -z', pairs, { of: 'ratio', limit: 0.9 }),
    latency(`${title}: save → pod`, samples, echo, { of: 'p50', limit: roundTripMs / 2 + 20 }),
  ]
}
