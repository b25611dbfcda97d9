// `npm run bench`: what podswap takes on a real cluster, beside the plain tools, in one run.
import type { Row } from './bench.ts'
import { environmentOf } from './environment-line.ts'
import { type Figure, holds, wantedText } from './figures.ts'
import { Ground } from './ground.ts'
import { type Options, type RowName, readOptions, usage } from './options.ts'
import { measureEditsAtOnce } from './rows/edits-at-once.ts'
import { measureFirstSync } from './rows/first-sync.ts'
import { measureForwards } from './rows/forwards.ts'
import { measureGrowth } from './rows/growth.ts'
import { measureIdle } from './rows/idle.ts'
import { measureIgnored } from './rows/ignored.ts'
import { measureLargeFile } from './rows/large-file.ts'
import { measureRename } from './rows/rename.ts'
import { measureSavesInTransfer } from './rows/save-in-transfer.ts'
import { measureSaves } from './rows/saves.ts'
import { measureSecondUp } from './rows/second-up.ts'
import { measureSlowLink } from './rows/slow-link.ts'
import { sizesFor } from './sizes.ts'
import { table } from './table.ts'
import { planTree } from './tree.ts'
import { withCleanUp } from './with-clean-up.ts'

const say = (text: string) => void process.stderr.write(`bench: ${text}\n`)

const rows: Record<RowName, Row> = {
  'first-sync': measureFirstSync,
  'second-up': measureSecondUp,
  saves: measureSaves,
  forwards: measureForwards,
  'edits-at-once': measureEditsAtOnce,
  rename: measureRename,
  'large-file': measureLargeFile,
  'save-in-transfer': measureSavesInTransfer,
  'slow-link': measureSlowLink,
  ignored: measureIgnored,
  idle: measureIdle,
  growth: measureGrowth,
}

async function main(): Promise<void> {
  if (process.argv.includes('--help')) {
    process.stdout.write(usage)
    return
  }
  const options = readOptions(process.argv.slice(2), process.env)
  await withCleanUp(say, async cleanUp => {
    const ground = await Ground.prepare(options, cleanUp)
    const line = await environmentOf(ground.kubectl, options)
    const figures = await measure(ground, options)
    process.stdout.write(options.json ? json(line, figures) : report(line, figures))
  })
}

async function measure(ground: Ground, options: Options): Promise<Figure[]> {
  const plan = planTree(options.files)
  say(`tree of ${plan.files.length} files in ${plan.folders.length} folders`)
  const bench = { ground, options, sizes: sizesFor(options.files), plan, say }
  const figures: Figure[] = []
  for (const name of options.only) {
    say(name)
    const measured = await rows[name](bench)
    // what takes long is worth seeing early
    for (const line of table(measured).split('\n')) say(line)
    figures.push(...measured)
  }
  return figures
}

type Environment = Awaited<ReturnType<typeof environmentOf>>

function json(line: Environment, figures: Figure[]): string {
  const judged = figures.map(figure => ({ ...figure, wanted: wantedText(figure), holds: holds(figure) ?? null }))
  return `${JSON.stringify({ ...line, figures: judged }, null, 2)}\n`
}

function report(line: Environment, figures: Figure[]): string {
  return `${line.machine}; ${line.cluster}; ${line.rounds} rounds, ${line.files} files\n\n${table(figures)}\n`
}

main().then(
  () => process.exit(0),
  error => {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
    process.exit(1)
  },
)
