import { homedir, hostname, tmpdir, userInfo } from 'node:os'
import { UserError } from '../syncer/base/errors.ts'
import { exitCodeOfError } from './commands/exit-code.ts'
import type { Io } from './commands/io.ts'
import { runCommandLine, splitRest } from './commands/program.ts'
import { errorText } from './ui/error-text.ts'
import { paintFor, wantsColour } from './ui/style.ts'

const SIGNALS: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

async function main(argv: string[]): Promise<number> {
  const { own } = splitRest(argv)
  try {
    return await runCommandLine(argv, processIo())
  } catch (error) {
    const colour = wantsColour(process.stderr, process.env, { color: !own.includes('--no-color') })
    process.stderr.write(
      errorText(error, { verbose: own.includes('--verbose'), paint: paintFor(colour), cwd: process.cwd() }),
    )
    return exitCodeOfError(error)
  }
}

function processIo(): Io {
  // A reader that went away (`| head`) is no reason to die in the middle of what is being done.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  const interrupt = new AbortController()
  const handlers: ((signal: NodeJS.Signals) => void)[] = []
  for (const name of SIGNALS) {
    process.on(name, signal => {
      const handler = handlers.at(-1)
      if (handler) handler(signal)
      else if (interrupt.signal.aborted) exit(130)
      else interrupt.abort(new UserError('interrupted', 'interrupted'))
    })
  }
  return {
    env: process.env,
    cwd: process.cwd(),
    platform: process.platform,
    homedir: homedir(),
    tmpdir: tmpdir(),
    user: userName(),
    host: hostname(),
    // Opened when it is asked for: most commands do not read.
    get stdin() {
      return process.stdin
    },
    stdout: process.stdout,
    stderr: process.stderr,
    interrupted: interrupt.signal,
    onSignal(handler) {
      handlers.push(handler)
      return () => void handlers.splice(handlers.indexOf(handler), 1)
    },
  }
}

/** A uid without a line in passwd has no name. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return process.env.USER || process.env.USERNAME || `uid-${process.getuid?.() ?? 'unknown'}`
  }
}

/** What was written last gets out first: pipes are not written to at once everywhere. */
function exit(code: number): void {
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)))
}

void main(process.argv.slice(2)).then(exit)
