import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import type { Timers } from '../base/clock.ts'

/** Three pipes between this process and a program that it starts. */
export interface ChildPipes {
  /** For `spawn`: stdin, stdout, stderr. Must be closed here once the program has them. */
  descriptors: [number, number, number]
  stdin: Writable
  stdout: Readable
  stderr: Readable
}

/** The part of the agent's context that makes pipes. */
export interface PipeMaker {
  files: { init: string }
  timers: Timers
  log: { write(text: string): void }
}

const makerTimeoutMs = 2_000

/**
 * Makes real pipes. What Node makes of `stdio: 'pipe'` is sockets, which a program cannot open by name: in a shell,
 * `> /dev/stderr` and `< /dev/stdin` fail on them (ENXIO). Undefined where `init pipes` does not work, or another
 * process's pipes may not be opened.
 */
export async function makeChildPipes(context: PipeMaker): Promise<ChildPipes | undefined> {
  const maker = spawn(context.files.init, ['pipes', '3'], { stdio: ['pipe', 'pipe', 'ignore'] })
  // it goes when it is let go, whatever became of it
  maker.stdin.on('error', () => {})
  const cancel = context.timers.after(makerTimeoutMs, () => maker.kill('SIGKILL'))
  try {
    const failed = once(maker, 'close').then(() => Promise.reject(new Error('it ended')))
    const [line] = await Promise.race([once(maker.stdout, 'data'), failed])
    failed.catch(() => {})
    const paths = String(line)
      .trim()
      .split(' ')
      .map(number => `/proc/${maker.pid}/fd/${number}`)
    return openPipes(paths)
  } catch (error) {
    context.log.write(`no pipes, sockets instead: ${error}`)
    return undefined
  } finally {
    cancel()
    maker.stdin.destroy()
  }
}

/** The program's ends block, as programs expect; ours do not. */
function openPipes(paths: string[]): ChildPipes {
  const opened: number[] = []
  const open = (index: number, flags: number) => {
    const descriptor = openSync(paths[index] ?? '', flags)
    opened.push(descriptor)
    return descriptor
  }
  try {
    const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants
    const toChild = open(1, O_WRONLY | O_NONBLOCK)
    const fromOut = open(2, O_RDONLY | O_NONBLOCK)
    const fromErr = open(4, O_RDONLY | O_NONBLOCK)
    return {
      descriptors: [open(0, O_RDONLY), open(3, O_WRONLY), open(5, O_WRONLY)],
      stdin: new Socket({ fd: toChild, readable: false, writable: true }),
      stdout: new Socket({ fd: fromOut, readable: true, writable: false }),
      stderr: new Socket({ fd: fromErr, readable: true, writable: false }),
    }
  } catch (error) {
    for (const descriptor of opened) closeSync(descriptor)
    throw error
  }
}

export function closeDescriptors(pipes: ChildPipes): void {
  for (const descriptor of pipes.descriptors) closeSync(descriptor)
}
