import { UserError } from '../../syncer/base/errors.ts'
import type { Dev } from '../manifest/manifest.ts'
import type { SessionConfig } from '../session/config.ts'
import type { Invocation } from './io.ts'

/** Without a terminal here the program still gets one in the pod, of the usual size. */
const USUAL_SIZE = { columns: 80, rows: 24 }

export function sessionConfig(
  { io, rest, options }: Invocation<{ downOnExit?: boolean; keepCommand?: boolean }>,
  dev: Dev,
  how: { interactive: boolean; endsWithCommand: boolean },
): SessionConfig {
  const hasOther = rest !== null && rest.length > 0
  const keepCommand = options.keepCommand === true || (dev.keepsCommand === true && !hasOther)
  if (keepCommand && hasOther) {
    throw new UserError('usage', 'either --keep-command or a command after --', { hint: 'leave one out' })
  }
  const { columns, rows } = io.stdout
  return {
    dev,
    command: {
      argv: hasOther ? rest : dev.command,
      cwd: dev.workdir,
      ...(makesFolder(dev) && { makesFolder: true }),
      env: terminalEnv(io.env),
      terminal: how.interactive && columns && rows ? { columns, rows } : USUAL_SIZE,
    },
    downOnExit: options.downOnExit === true,
    ...(keepCommand && { keepCommand }),
    ...how,
  }
}

/** As the runtime makes a container's. One in a synced folder is not made: it would come to the laptop too. */
function makesFolder({ workdir, sync }: Dev): boolean {
  return workdir !== undefined && !sync.some(({ remote }) => `${workdir}/`.startsWith(`${remote}/`))
}

/** What a program in the pod has to know of the terminal here. */
export function terminalEnv(env: Record<string, string | undefined>): Record<string, string> {
  return { TERM: env.TERM || 'xterm-256color', ...(env.COLORTERM && { COLORTERM: env.COLORTERM }) }
}
