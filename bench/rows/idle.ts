import { setTimeout as pause } from 'node:timers/promises'
import type { Bench } from '../bench.ts'
import { type Figure, reading } from '../figures.ts'
import { planTree } from '../tree.ts'
import type { Usage } from '../usage.ts'

const megabyte = 1e6
const restSeconds = 5
/** Meanwhile what a first sync left behind is given back, in steps, and what was learned is written down: once, and told apart. */
const tidySeconds = 60

interface Look extends Record<'laptop' | 'pod', Usage> {
  atMs: number
}

/** What a session with a large tree takes of both machines while nothing happens. */
export async function measureIdle({ ground, sizes, options, say }: Bench): Promise<Figure[]> {
  await ground.begin(planTree(sizes.idle))
  await using inPod = await ground.handInPod()
  await using onLaptop = await ground.handOnLaptop()
  const look = async (): Promise<Look> => ({
    atMs: performance.now(),
    laptop: await ground.usageOnLaptop(onLaptop),
    pod: await ground.usageInPod(inPod),
  })
  await ground.rested(inPod, { forSeconds: restSeconds })
  say(`tidying up for ${tidySeconds} s`)
  const begin = await look()
  await pause(tidySeconds * 1000)
  say(`idle for ${options.idleSeconds} s`)
  const before = await look()
  await pause(options.idleSeconds * 1000)
  const after = await look()
  const figures = (['laptop', 'pod'] as const).flatMap(end => {
    if (before[end].processes === 0 || after[end].processes !== before[end].processes) {
      throw new Error(`not the same processes as before: ${end}`)
    }
    const share = (from: Look, to: Look) => ((to[end].cpuMs - from[end].cpuMs) / (to.atMs - from.atMs)) * 100
    const title = `idle, ${sizes.idle} files, ${end}`
    return [
      reading(`${title}: share of a CPU`, '%', [share(before, after)], { of: 'ours', limit: 0.5, isStrict: true }),
      reading(`${title}: the same in the minute before`, '%', [share(begin, before)]),
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
