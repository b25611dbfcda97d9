import type { Bench } from '../bench.ts'
import { comparison, type Figure, latency, reading } from '../figures.ts'
import { planTree } from '../tree.ts'
import { bothEnds, saveSeries } from './saves.ts'
import { firstSyncSeconds } from './second-up.ts'

const megabyte = 1e6
/** “Flat”: what a save takes in the largest tree, beside the smallest. */
const flatFactor = 1.5

/** Trees of many sizes: what grows with them, and the save that must not. */
export async function measureGrowth({ ground, sizes, options, say }: Bench): Promise<Figure[]> {
  const figures: Figure[] = []
  const p50s: number[] = []
  const trees = options.growth ?? sizes.growth
  for (const files of trees) {
    const plan = planTree(files)
    const seconds: number[] = []
    for (let round = 0; round < options.rounds; round++) {
      await ground.begin(plan)
      seconds.push(await firstSyncSeconds(ground))
      say(`growth, ${files} files, round ${round + 1}: ${seconds.at(-1)!.toFixed(2)} s`)
    }
    await using ends = await bothEnds(ground)
    await ground.rested(ends.inPod, { forSeconds: 5 })
    const [laptop, pod] = [await ground.usageOnLaptop(ends.onLaptop), await ground.usageInPod(ends.inPod)]
    const paths = plan.files.slice(0, 100).map(({ path }) => path)
    const samples = await saveSeries(ground, ends, { paths, how: 'in-place', edits: options.edits })
    p50s.push(latency('', samples).p50)
    figures.push(
      reading(`growth, ${files} files: first sync`, 's', seconds),
      reading(`growth, ${files} files: memory on the laptop`, 'MB', [laptop.rssBytes / megabyte]),
      reading(`growth, ${files} files: memory in the pod`, 'MB', [pod.rssBytes / megabyte]),
      latency(`growth, ${files} files: save → pod`, samples),
    )
  }
  const flat = { ours: p50s.at(-1)!, theirs: p50s[0]! }
  const [least, most] = [trees[0], trees.at(-1)]
  const title = `growth: p50 of a save with ${most} files`
  figures.push(comparison(title, 'ms', `with ${least}`, [flat], { of: 'ratio', limit: flatFactor }))
  return figures
}
