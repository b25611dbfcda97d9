import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { arrived } from '../arrival.ts'
import type { Bench } from '../bench.ts'
import { now } from '../clock-offset.ts'
import { comparison, type Figure, type Pair } from '../figures.ts'
import { type Ground, targets } from '../ground.ts'
import { tarThroughExec } from '../plain-tools.ts'
import { contentOf, corpus, type PlannedFile, type TreePlan } from '../tree.ts'

/** Many files of the tree written anew, as a switch of branches does, beside tar of these files through exec. */
export async function measureEditsAtOnce(bench: Bench): Promise<Figure[]> {
  const { ground, plan, sizes, options, say } = bench
  await ground.begin(plan)
  const files = spread(plan, sizes.edited)
  const paths = files.map(({ path }) => path)
  await using inPod = await ground.handInPod()
  await using onLaptop = await ground.handOnLaptop()
  const fromFirst: Pair[] = []
  const fromLast: Pair[] = []
  for (let round = 0; round < options.rounds; round++) {
    await ground.rested(inPod)
    const edited = edit(ground, files, round)
    await ground.flush()
    const done = await arrived(inPod, onLaptop, ground, targets.ours, paths)
    await ground.rested(inPod)
    const started = now()
    await tarThroughExec(ground, ['-T', '-'], { input: `${paths.join('\n')}\n` })
    const theirs = ((await arrived(inPod, onLaptop, ground, targets.theirs, paths)) - started) / 1000
    fromFirst.push({ ours: (done - edited.first) / 1000, theirs })
    fromLast.push({ ours: (done - edited.last) / 1000, theirs })
    say(`edits at once, round ${round + 1}: ${((done - edited.first) / 1000).toFixed(2)} s, tar ${theirs.toFixed(2)} s`)
  }
  const title = `${files.length} files edited at once, from the`
  return [
    comparison(`${title} first edit`, 's', 'tar', fromFirst, { of: 'ratio', limit: 1.2 }),
    comparison(`${title} last edit`, 's', 'tar', fromLast),
  ]
}

/** All over the tree. */
function spread({ files }: TreePlan, count: number): PlannedFile[] {
  const step = files.length / count
  return Array.from({ length: Math.min(count, files.length) }, (_, i) => files[Math.floor(i * Math.max(1, step))]!)
}

/** @returns when the first save began and the last one was done */
function edit(ground: Ground, files: PlannedFile[], round: number): { first: number; last: number } {
  const text = corpus()
  const contents = files.map(file => {
    const content = contentOf(file, text)
    content.write(`${round}`, content.length - 8, 'latin1')
    return content
  })
  const first = now()
  for (const [i, { path }] of files.entries()) writeFileSync(join(ground.tree, path), contents[i]!)
  return { first, last: now() }
}
