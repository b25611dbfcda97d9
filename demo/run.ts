// `npm run demo`: an embedded cluster, the demo application in it, and the built CLI at work. It shows what it probed.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { exitCodeOfError } from '../src/commands/exit-code.ts'
import { errorText } from '../src/ui/error-text.ts'
import { paintFor, wantsColour } from '../src/ui/style.ts'
import { UserError } from '../syncer/base/errors.ts'
import { runDemo } from './demo.ts'
import { Narration } from './narration.ts'

const usage = `npm run demo             shows podswap at work in an embedded cluster, and ends by itself
npm run demo -- --stay   leaves it up to play with, until Ctrl-C
`
const columnsDefault = 120
const repository = fileURLToPath(new URL('..', import.meta.url))

async function main(): Promise<number> {
  const paint = paintFor(wantsColour(process.stdout, process.env, {}))
  // a reader that went away is no reason to leave things behind
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  const interrupt = new AbortController()
  const narration = new Narration({
    write: text => void process.stdout.write(text),
    paint,
    columns: process.stdout.columns ?? columnsDefault,
  })
  try {
    const options = readOptions(process.argv.slice(2))
    if (options.help) {
      process.stdout.write(usage)
      return 0
    }
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => {
        // again: at once; the watchdog of the embedded cluster cleans up
        if (interrupt.signal.aborted) process.exit(130)
        interrupt.abort(new UserError('interrupted', 'interrupted'))
      })
    }
    await runDemo({ repository, narration, isStaying: options.stay, interrupted: interrupt.signal })
    return 0
  } catch (error) {
    process.stderr.write(errorText(error, { verbose: false, paint, cwd: process.cwd() }))
    return exitCodeOfError(error)
  }
}

function readOptions(argv: string[]): { stay: boolean; help: boolean } {
  try {
    const options = { stay: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } as const
    return parseArgs({ args: argv, options }).values
  } catch (cause) {
    throw new UserError('usage', (cause as Error).message, { hint: usage.trim(), cause })
  }
}

process.exitCode = await main()
