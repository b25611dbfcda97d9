import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'

/** What a container is ended with. */
export const endingSignals = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const

/** A program with our own stdin and outputs; 126: it cannot be run, 127: it is not there, as in a shell. */
export function start([program, ...rest]: string[]): { child: ChildProcess; ended: Promise<number> } {
  const child = spawn(program!, rest, { stdio: 'inherit' })
  const ended = new Promise<number>(resolve => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      process.stderr.write(`podswap: ${program}: ${error.code === 'ENOENT' ? 'not found' : 'cannot run'}\n`)
      resolve(error.code === 'ENOENT' ? 127 : 126)
    })
    child.once('exit', (code, signal) => resolve(code ?? exitCodeOf(signal)))
  })
  return { child, ended }
}

export function exitCodeOf(signal: NodeJS.Signals | null): number {
  return 128 + (signal === null ? 0 : constants.signals[signal])
}
