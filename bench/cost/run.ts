// `npm run cost`: what podswap asks of a real cluster's API server, and what it takes beside `kubectl scale`.
import { resolve } from 'node:path'
import type { Figure } from '../figures.ts'
import { table } from '../table.ts'
import { withCleanUp } from '../with-clean-up.ts'
import { type Cost, costTable, measureCalls } from './calls.ts'
import { prepareGround } from './ground.ts'
import { costUsage, readCostOptions } from './options.ts'
import { measureDown, measureWarmUp } from './times.ts'

const say = (text: string) => void process.stderr.write(`cost: ${text}\n`)

async function main(): Promise<void> {
  if (process.argv.includes('--help')) {
    process.stdout.write(costUsage)
    return
  }
  const options = readCostOptions(process.argv.slice(2), process.env)
  await withCleanUp(say, async cleanUp => {
    const ground = await prepareGround(options, cleanUp)
    const costs: Cost[] = await measureCalls(ground, options.idleMinutes, say)
    const figures: Figure[] = []
    if (options.rounds > 0) {
      // what counts the calls takes time of its own
      ground.laptop.kubeconfig = resolve(options.kubeconfig)
      figures.push(await measureDown(ground, options.rounds, say))
      figures.push(await measureWarmUp(ground, options.rounds, say))
    }
    const text = `${costTable(costs)}\n\n${figures.length > 0 ? `${table(figures)}\n` : ''}`
    process.stdout.write(options.json ? `${JSON.stringify({ costs, figures }, null, 2)}\n` : text)
  })
}

main().then(
  () => process.exit(0),
  error => {
    say(error instanceof Error ? (error.stack ?? error.message) : String(error))
    process.exit(1)
  },
)
