import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, openSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import type { AgentContext } from './agent-context.ts'

/** Three pipes between this process and a program that it starts. */
export interface ChildPipes {
  /** For `spawn`: stdin, stdout, stderr. Must be closed here once the program has them. */
  descriptors: [number, number, number]
  stdin: Writable
  stdout: Readable
  stderr: Readable
}

/**
 * Makes real pipes. What Node makes of `stdio: 'pipe'` is sockets, which a program cannot open by name: in a shell,
 * `> /dev/stderr` and `< /dev/stdin` fail on them (ENXIO). Undefined where `init fifo` does not work.
 */
export async function makeChildPipes(context: AgentContext, name: string): Promise<ChildPipes | undefined> {
  const paths = ['in', 'out', 'err'].map(end => `${context.files.private}/p-${name}.${end}`) as [string, string, string]
  try {
    const maker = spawn(context.files.init, ['fifo', ...paths], { stdio: 'ignore' })
    const [code] = await once(maker, 'exit')
    return code === 0 ? openPipes(paths) : undefined
  } catch (error) {
    context.log.write(`no pipes: ${error}`)
    return undefined
  } finally {
    for (const path of paths) rmSync(path, { force: true })
  }
}

const { O_RDONLY, O_WRONLY, O_NONBLOCK } = constants

/**
 * The program's ends block, as programs expect; ours do not. Of each pipe an end that does not block is opened first,
 * so that no open waits for the other end.
 */
function openPipes([inPath, outPath, errPath]: [string, string, string]): ChildPipes {
  const opened: number[] = []
  const open = (path: string, flags: number) => {
    const descriptor = openSync(path, flags)
    opened.push(descriptor)
    return descriptor
  }
  try {
    const keeper = open(inPath, O_RDONLY | O_NONBLOCK)
    const toChild = open(inPath, O_WRONLY | O_NONBLOCK)
    const stdin = open(inPath, O_RDONLY)
    const fromOut = open(outPath, O_RDONLY | O_NONBLOCK)
    const fromErr = open(errPath, O_RDONLY | O_NONBLOCK)
    const descriptors: [number, number, number] = [stdin, open(outPath, O_WRONLY), open(errPath, O_WRONLY)]
    closeSync(keeper)
    return {
      descriptors,
      stdin: new Socket({ fd: toChild, readable: false, writable: true }),
      stdout: new Socket({ fd: fromOut, readable: true, writable: false }),
      stderr: new Socket({ fd: fromErr, readable: true, writable: false }),
    }
  } catch (error) {
    for (const descriptor of opened) closeSync(descriptor)
    throw error
  }
}
