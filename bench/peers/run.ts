// `npm run peers`: podswap beside other tools that keep folders in step, all of it on this machine.
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { clusterFlags, wholeNumber } from '../cluster-options.ts'
import { comparison, type Figure, reading } from '../figures.ts'
import { sizesFor } from '../sizes.ts'
import { table } from '../table.ts'
import { fullTree, planTree } from '../tree.ts'
import { withCleanUp } from '../with-clean-up.ts'
import { isInstalled, PlainContender, toolNames } from './plain-contenders.ts'
import { PodswapContender } from './podswap-contender.ts'
import { type Load, type Work, work, works } from './work.ts'

const usage = `npm run peers -- [options]

podswap, with the embedded cluster, beside ${toolNames.join(', ')}: those of them that are on the PATH. Needs kubectl.

  --rounds N   of each tool, in turns (default: 5)
  --files N    files of the tree (default: ${fullTree.files}); with less, all else becomes less, for a quick look
  --edits N    saves of each round (default: 20)
  --below DIR  where all folders are made (default: /dev/shm)
  --cli FILE   the podswap to measure (default: ${clusterFlags.cli.default})
  --json       print JSON
`

const say = (text: string) => void process.stderr.write(`peers: ${text}\n`)

async function main(): Promise<void> {
  const { image, cli, json } = clusterFlags
  const { values } = parseArgs({
    options: {
      cli,
      json,
      rounds: { type: 'string', default: '5' },
      files: { type: 'string', default: String(fullTree.files) },
      edits: { type: 'string', default: '20' },
      below: { type: 'string', default: '/dev/shm' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    return
  }
  const rounds = wholeNumber('rounds', values.rounds, 1)
  const files = wholeNumber('files', values.files, 100)
  const load = { plan: planTree(files), sizes: sizesFor(files), edits: wholeNumber('edits', values.edits, 1) }
  const installed = toolNames.filter(name => isInstalled(name))
  say(
    `beside ${installed.join(', ') || 'nobody'}; not on the PATH: ${toolNames.filter(name => !installed.includes(name)).join(', ') || 'none'}`,
  )
  await withCleanUp(say, async cleanUp => {
    const below = mkdtempSync(join(values.below, 'podswap-peers-'))
    cleanUp.defer(() => rmSync(below, { recursive: true, force: true }))
    const rest = { rounds, files, edits: load.edits, idleSeconds: 1, only: [], json: values.json }
    const ours = cleanUp.use(
      await PodswapContender.prepare({ ...rest, image: image.default, cli: values.cli, below }, cleanUp),
    )
    const theirs = installed.map(name => cleanUp.use(new PlainContender(name, below)))
    const taken = await inTurns([ours, ...theirs], rounds, load)
    const figures = works.flatMap(each => figuresOf(each, installed, taken))
    const line = `Node ${process.version}, ${availableParallelism()} CPUs; ${rounds} rounds, ${files} files`
    process.stdout.write(values.json ? `${JSON.stringify(figures, null, 2)}\n` : `${line}\n\n${table(figures)}\n`)
  })
}

type Taken = Map<string, Record<Work, number>[]>

async function inTurns(contenders: (PodswapContender | PlainContender)[], rounds: number, load: Load): Promise<Taken> {
  const taken: Taken = new Map(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) {
      say(`round ${round + 1}: ${contender.name}`)
      taken.get(contender.name)!.push(await work(contender, load))
    }
  }
  return taken
}

/** One for each of the others; what it is without them where nobody is there. */
function figuresOf(each: Work, installed: string[], taken: Taken): Figure[] {
  const unit = each === 'save' ? 'ms' : 's'
  const of = (name: string) => taken.get(name)!.map(round => round[each])
  if (installed.length === 0) return [reading(each, unit, of('podswap'))]
  return installed.map(name => {
    const theirs = of(name)
    const pairs = of('podswap').map((ours, round) => ({ ours, theirs: theirs[round]! }))
    return comparison(each, unit, name, pairs, { of: 'ratio', limit: 1 })
  })
}

main().then(
  () => process.exit(0),
  error => {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
    process.exit(1)
  },
)
