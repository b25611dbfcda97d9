import { UserError } from '../../syncer/base/errors.ts'
import type { RemoteProcess } from '../../syncer/wire/remote-process.ts'
import type { TerminalExit } from '../../syncer/wire/services.ts'
import type { Swapped } from '../swap/swapped.ts'
import { type AgentConnection, connectAgent } from './agent-connection.ts'
import type { Invocation, Io } from './io.ts'
import { terminalEnv } from './session-config.ts'
import { isSwapOf, oneSwapped } from './targets.ts'
import { openWorkplace, type Workplace } from './workplace.ts'

/** Runs a command in the dev container; the exit code is the command's. */
export async function exec(invocation: Invocation<{ tty: boolean }>): Promise<number> {
  const { io, names, rest, options } = invocation
  if (rest?.length === 0) {
    throw new UserError('usage', 'there is no command after --', { hint: 'such as podswap exec -- ls -l' })
  }
  const workplace = await openWorkplace(invocation, { manifest: 'optional' })
  const swapped = await oneSwapped(workplace, names[0], io.interrupted)
  const connection = await connectAgent(workplace.cluster, swapped, io.interrupted)
  const tty = options.tty && io.stdin.isTTY === true && io.stdout.isTTY === true
  try {
    const argv = rest ?? ['sh']
    const program = connection.agent.exec({
      argv,
      cwd: workdirOf(workplace, swapped),
      ...(tty && { terminal: { ...sizeOf(io), term: terminalEnv(io.env).TERM ?? 'xterm' }, env: terminalEnv(io.env) }),
    })
    const exit = await (tty ? withTerminal(io, program) : withPipes(io, program, connection))
    if (exit.error !== undefined) io.stderr.write(`podswap: cannot run ${argv[0]}: ${exit.error}\n`)
    return exit.code
  } finally {
    await connection.close()
  }
}

/** The folder that the manifest gives the dev command, where there is a manifest of it; else the container's own. */
function workdirOf(workplace: Workplace, swapped: Swapped): string | undefined {
  return workplace.manifest?.devs.find(dev => isSwapOf(workplace, swapped, dev))?.workdir
}

function sizeOf(io: Io): { columns: number; rows: number } {
  return { columns: io.stdout.columns || 80, rows: io.stdout.rows || 24 }
}

async function withTerminal(io: Io, program: RemoteProcess): Promise<TerminalExit> {
  const onResize = () => program.resize(sizeOf(io))
  const restore = () => io.stdin.setRawMode(false)
  io.stdin.setRawMode(true)
  process.on('exit', restore)
  io.stdout.on('resize', onResize)
  io.stdin.pipe(program.stdin)
  const output = pass(program.stdout, io.stdout)
  program.stderr.resume()
  const release = io.onSignal(() => program.close())
  try {
    return await ended(program, output)
  } finally {
    release()
    io.stdin.unpipe(program.stdin)
    io.stdin.pause()
    io.stdout.off('resize', onResize)
    process.off('exit', restore)
    restore()
  }
}

async function withPipes(io: Io, program: RemoteProcess, connection: AgentConnection): Promise<TerminalExit> {
  io.stdin.pipe(program.stdin)
  const output = Promise.all([pass(program.stdout, io.stdout), pass(program.stderr, io.stderr)])
  let signals = 0
  const release = io.onSignal(signal => {
    // The first one is the command's; a person who presses again wants to get out.
    signals++
    if (signals === 1) program.signal(signal)
    else void connection.close()
  })
  try {
    return await ended(program, output)
  } catch (error) {
    if (signals > 1) throw new UserError('interrupted', 'interrupted', { cause: error })
    throw error
  } finally {
    release()
    io.stdin.unpipe(program.stdin)
    io.stdin.destroy()
  }
}

/** Passes output on with back-pressure, and resolves when all of it is out. Our own output stays open. */
function pass(from: RemoteProcess['stdout'], to: NodeJS.WriteStream): Promise<void> {
  return new Promise(resolve => {
    from.on('close', resolve)
    // A reader that went away (`| head`) wants no more.
    to.once('close', () => from.destroy())
    to.once('error', () => from.destroy())
    from.pipe(to, { end: false })
  })
}

async function ended(program: RemoteProcess, output: Promise<unknown>): Promise<TerminalExit> {
  try {
    const exit = await program.exit
    await output
    return exit
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new UserError('unreachable', `the connection to the dev pod is lost: ${message}`, {
      hint: 'the command was ended with it',
      cause,
    })
  }
}
