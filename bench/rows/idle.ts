import { setTimeout as pause } from 'node:timers/promises'
import type { Bench } from '../bench.ts'
import { type Figure, reading } from '../figures.ts'
import { planTree } from '../tree.ts'

const megabyte = 1e6
/** What a first sync left behind is given back in steps, 2 s apart. */
const restSeconds = 5

/** What a session with a large tree takes of both machines while nothing happens. */
export async function measureIdle({ ground, sizes, options, say }: Bench): Promise<Figure[]> {
  await ground.begin(planTree(sizes.idle))
  await using inPod = await ground.handInPod()
  await using onLaptop = await ground.handOnLaptop()
  const look = async () => ({
    atMs: performance.now(),
    laptop: await ground.usageOnLaptop(onLaptop),
    pod: await ground.usageInPod(inPod),
  })
  await ground.rested(inPod, { forSeconds: restSeconds })
  say(`idle for ${options.idleSeconds} s`)
  const before = await look()
  await pause(options.idleSeconds * 1000)
  const after = await look()
  const figures = (['laptop', 'pod'] as const).flatMap(end => {
    if (before[end].processes === 0 || after[end].processes !== before[end].processes) {
      throw new Error(`not the same processes as before: ${end}`)
    }
    const percent = ((after[end].cpuMs - before[end].cpuMs) / (after.atMs - before.atMs)) * 100
    const title = `idle, ${sizes.idle} files, ${end}`
    return [
      reading(`${title}: share of a CPU`, '%', [percent], { of: 'ours', limit: 0.5, isStrict: true }),
      reading(`${title}: memory of ${after[end].processes} processes`, 'MB', [after[end].rssBytes / megabyte], {
        of: 'ours',
        limit: end === 'laptop' ? 150 : 120,
      }),
      reading(`${title}: of it pages of programs`, 'MB', [after[end].fileBytes / megabyte]),
      reading(`${title}: memory at most, since its start`, 'MB', [after[end].peakBytes / megabyte]),
    ]
  })
  return figures
}
