import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Bench } from '../bench.ts'
import { type Figure, latency, referenceOf } from '../figures.ts'
import { writeLargeFile } from '../large-file.ts'
import { bothEnds, oneSave, saveSeries } from './saves.ts'

const name = 'large.bin'
const betweenMs = 20
const transfersMax = 20

/** Saves while a large file is on its way, beside saves while nothing is. */
export async function measureSavesInTransfer({ ground, plan, sizes, options, say }: Bench): Promise<Figure[]> {
  await ground.begin(plan)
  await using ends = await bothEnds(ground)
  const paths = plan.files.slice(0, 100).map(({ path }) => path)
  await ground.rested(ends.inPod)
  const idle = await saveSeries(ground, ends, { paths, how: 'in-place', edits: options.edits })
  const samples: number[] = []
  for (let transfer = 0; samples.length < options.edits && transfer < transfersMax; transfer++) {
    const ready = join(ground.laptop.root, name)
    writeLargeFile(ready, sizes.largeFileBytes)
    await ground.rested(ends.inPod)
    renameSync(ready, join(ground.tree, name))
    let isUnderWay = true
    const there = ground.flush().finally(() => {
      isUnderWay = false
    })
    there.catch(() => {})
    while (isUnderWay) {
      samples.push(await oneSave(ground, ends, paths[samples.length % paths.length]!, 'in-place'))
      await pause(betweenMs)
    }
    await there
    say(`saves in a transfer: ${samples.length} of ${options.edits}`)
    rmSync(join(ground.tree, name))
    await ground.flush()
  }
  const title = `save → pod while ${Math.round(sizes.largeFileBytes / 1e6)} MB are on their way`
  return [latency(title, samples, referenceOf('idle', idle), { of: 'p99', limit: 100 })]
}
