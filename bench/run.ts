// `npm run bench`: what podswap takes on a real cluster, beside the plain tools, in one run.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CleanUp } from '../test/e2e/support/clean-up.ts'
import { environmentOf } from './environment-line.ts'
import type { Figure } from './figures.ts'
import { measureFirstSync } from './first-sync.ts'
import { measureForwards } from './forwards.ts'
import { Ground } from './ground.ts'
import { type Options, type Part, readOptions, usage } from './options.ts'
import { bothEnds, measureSaves, measureSavesInPod, type Series } from './save-latency.ts'
import { table } from './table.ts'
import { planTree, type TreePlan, writeTree } from './tree.ts'

const say = (text: string) => void process.stderr.write(`bench: ${text}\n`)

async function main(): Promise<void> {
  if (process.argv.includes('--help')) {
    process.stdout.write(usage)
    return
  }
  const options = readOptions(process.argv.slice(2))
  const cleanUp = new CleanUp()
  let disposed: Promise<void> | undefined
  const dispose = () => {
    disposed ??= cleanUp[Symbol.asyncDispose]()
    return disposed
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      say('cleaning up')
      void dispose().finally(() => process.exit(130))
    })
  }
  try {
    const ground = await Ground.prepare(options, cleanUp)
    const figures = await measure(ground, options)
    const line = await environmentOf(ground.kubectl, options)
    process.stdout.write(options.json ? `${JSON.stringify({ ...line, figures }, null, 2)}\n` : report(line, figures))
  } finally {
    await dispose()
  }
}

async function measure(ground: Ground, options: Options): Promise<Figure[]> {
  const plan = planTree(options.files)
  const wanted = (part: Part) => options.only.includes(part)
  if (wanted('first-sync') || wanted('saves')) {
    say(`tree of ${plan.files.length} files in ${plan.folders.length} folders`)
  }
  await ground.swap()
  const figures: Figure[] = []
  if (wanted('first-sync')) figures.push(...(await measureFirstSync(ground, plan, options.rounds, say)))
  if (wanted('saves')) {
    // the first sync leaves it there
    if (!wanted('first-sync')) writeTree(ground.tree, plan)
    say('saves')
    figures.push(...(await measureLatencies(ground, plan, options)))
  }
  if (wanted('forwards')) {
    say('forwards')
    figures.push(...(await measureForwards(ground, options.rounds)))
  }
  return figures
}

async function measureLatencies(ground: Ground, plan: TreePlan, options: Options): Promise<Figure[]> {
  const flat = writeFlatFolder(ground.tree, options.flatFiles)
  await ground.laptop.ok(['flush', ...ground.target])
  const step = Math.max(1, Math.floor(plan.files.length / 100))
  const spread = plan.files.filter((_, i) => i % step === 0).map(({ path }) => path)
  const paths = spread.slice(0, 100)
  const one = [paths[0]!]
  const wanted = 'p50 ≤ 20 ms'
  const up: Series[] = [
    { title: 'save → pod, 100 files, written in place', paths, how: 'in-place', wanted },
    { title: 'save → pod, 100 files, renamed into place', paths, how: 'atomic', wanted },
    { title: 'save → pod, one file', paths: one, how: 'in-place', wanted },
    { title: `save → pod, in a folder of ${flat.length} files`, paths: flat.slice(0, 100), how: 'in-place', wanted },
  ]
  const down: Series[] = [
    { title: 'pod → laptop, 100 files, written in place', paths, how: 'in-place' },
    { title: 'pod → laptop, 100 files, renamed into place', paths, how: 'atomic' },
    { title: 'pod → laptop, one file', paths: one, how: 'in-place' },
    { title: `pod → laptop, in a folder of ${flat.length} files`, paths: flat.slice(0, 100), how: 'in-place' },
  ]
  const ends = await bothEnds(ground)
  const figures: Figure[] = []
  for (const series of up) figures.push(await measureSaves(ground, ends, series, options.edits))
  for (const series of down) figures.push(await measureSavesInPod(ground, ends, series, options.edits))
  say(`clocks known to ± ${Math.max(ends.podClock.errorMs, ends.laptopClock.errorMs).toFixed(2)} ms`)
  return figures
}

function writeFlatFolder(root: string, count: number): string[] {
  mkdirSync(join(root, 'flat'))
  const paths = Array.from({ length: count }, (_, i) => `flat/file-${i}.txt`)
  for (const path of paths) writeFileSync(join(root, path), `${path}\n`)
  return paths
}

function report(line: Awaited<ReturnType<typeof environmentOf>>, figures: Figure[]): string {
  return `${line.machine}; ${line.cluster}; ${line.rounds} rounds, ${line.files} files\n\n${table(figures)}\n`
}

main().then(
  () => process.exit(0),
  error => {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
    process.exit(1)
  },
)
