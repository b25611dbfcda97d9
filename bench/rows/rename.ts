import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { arrived } from '../arrival.ts'
import type { Bench } from '../bench.ts'
import { now } from '../clock-offset.ts'
import { type Figure, reading } from '../figures.ts'
import { targets } from '../ground.ts'
import { planTree, type TreePlan } from '../tree.ts'

const megabyte = 1e6

/** A folder with thousands of files gets another name. */
export async function measureRename({ ground, sizes, options, say }: Bench): Promise<Figure[]> {
  const link = await ground.link()
  const plan = planTree(sizes.renamed)
  await ground.begin(inFolder('name-0', plan), link)
  await using inPod = await ground.handInPod()
  await using onLaptop = await ground.handOnLaptop()
  const wire: number[] = []
  const seconds: number[] = []
  for (let round = 0; round < options.rounds; round++) {
    await ground.rested(inPod)
    const [from, to] = [`name-${round}`, `name-${round + 1}`]
    const bytesBefore = link.bytes
    const started = now()
    renameSync(join(ground.tree, from), join(ground.tree, to))
    await ground.flush()
    const bytes = link.bytes - bytesBefore
    // the old name's going shows in the time of the folder that held it
    const paths = ['.', to, ...plan.files.map(({ path }) => `${to}/${path}`)]
    const tookSeconds = ((await arrived(inPod, onLaptop, ground, targets.ours, paths)) - started) / 1000
    const { entries } = await inPod.call<{ entries: string[] }>('names', { dir: targets.ours })
    if (entries.includes(from) || existsSync(join(ground.tree, from))) throw new Error(`${from} is still there`)
    wire.push(bytes / megabyte)
    seconds.push(tookSeconds)
    say(`rename, round ${round + 1}: ${(bytes / megabyte).toFixed(3)} MB on the wire, ${tookSeconds.toFixed(2)} s`)
  }
  const title = `a folder of ${plan.files.length} files renamed`
  return [
    reading(`${title}: bytes on the wire`, 'MB', wire, { of: 'ours', limit: 1, isStrict: true }),
    reading(title, 's', seconds, { of: 'ours', limit: 1 }),
  ]
}

function inFolder(folder: string, { folders, files }: TreePlan): TreePlan {
  return {
    folders: [folder, ...folders.map(path => `${folder}/${path}`)],
    files: files.map(file => ({ ...file, path: `${folder}/${file.path}` })),
  }
}
