import { UserError } from '../../syncer/base/errors.ts'
import type { TerminalExit } from '../../syncer/wire/services.ts'
import { ProgramTerminal } from '../session/program-terminal.ts'
import { connectAgent } from './agent-connection.ts'
import type { Invocation } from './io.ts'
import { oneSwapped } from './targets.ts'
import { openWorkplace } from './workplace.ts'

type Ending = { kind: 'exit'; exit: TerminalExit } | { kind: 'left' }

/** Takes the terminal of the dev command, from anywhere; the session goes on without it. */
export async function attach(invocation: Invocation<unknown>): Promise<number> {
  const { io, names } = invocation
  const workplace = await openWorkplace(invocation, { manifest: 'optional' })
  const { reporter, cluster } = workplace
  if (!io.stdin.isTTY || !io.stdout.isTTY) {
    throw new UserError('usage', 'attach needs a terminal', { hint: 'podswap exec runs a command without one' })
  }
  const swapped = await oneSwapped(workplace, names[0], io.interrupted)
  const dev = swapped.dev ?? swapped.name
  const connection = await connectAgent(cluster, swapped, io.interrupted)
  try {
    const { state } = await connection.agent.call({ method: 'command-state' }, io.interrupted)
    if (state === 'none') {
      throw new UserError('not-found', `the dev command of ${dev} has not been started`, {
        hint: `podswap up ${dev} starts it`,
      })
    }
    reporter.report({ type: 'done', message: 'the keys Enter ~ . leave the program’s terminal' })
    const ending = await new Promise<Ending>((resolve, reject) => {
      const terminal = new ProgramTerminal(io.stdin, io.stdout, {
        exit: exit => end(() => resolve({ kind: 'exit', exit })),
        leave: () => end(() => resolve({ kind: 'left' })),
        lost: error => end(() => reject(lost(error.message, dev))),
        interrupt: () => end(() => reject(new UserError('interrupted', 'interrupted'))),
      })
      const end = (how: () => void) => {
        terminal.close()
        how()
      }
      io.interrupted.addEventListener('abort', () => end(() => reject(io.interrupted.reason)))
      void connection.lost.then(reason => end(() => reject(lost(reason, dev))))
      terminal.show(connection.agent, true)
    })
    if (ending.kind === 'left') {
      io.stdout.write('\n')
      reporter.report({
        type: 'done',
        message: `left; podswap attach ${dev} comes back, podswap down ${dev} ends dev mode`,
      })
      return 0
    }
    reporter.report({ type: 'command-exited', ...ending.exit })
    return ending.exit.code
  } finally {
    await connection.close()
    reporter.close()
  }
}

function lost(reason: string, dev: string): UserError {
  return new UserError('unreachable', `the connection to the dev pod is lost: ${reason}`, {
    hint: `the program goes on; podswap attach ${dev} comes back to it`,
  })
}
