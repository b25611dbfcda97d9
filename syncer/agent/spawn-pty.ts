import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import type { TerminalSize } from '../wire/terminal-message.ts'
import type { AgentContext } from './agent-context.ts'

export interface PtyCommand {
  /** Where the terminal can be reached. */
  socket: string
  size: TerminalSize
  argv: string[]
  cwd: string | undefined
  /** All of it. */
  env: Record<string, string>
}

/**
 * Starts a program on a terminal that `init pty` holds; resolves when the holder runs, throws the system's error where
 * it cannot be started. What the holder itself has to complain about goes to the agent's log.
 */
export async function spawnPty(context: AgentContext, command: PtyCommand): Promise<ChildProcess & { pid: number }> {
  const { init, log } = context.files
  const { columns, rows } = command.size
  const complaints = openSync(log, 'a', 0o600)
  try {
    const child = spawn(init, ['pty', command.socket, `${columns}x${rows}`, ...command.argv], {
      cwd: command.cwd,
      env: command.env,
      detached: true,
      stdio: ['ignore', 'ignore', complaints],
    })
    await once(child, 'spawn')
    child.unref()
    return child as ChildProcess & { pid: number }
  } finally {
    closeSync(complaints)
  }
}

const defaultTerm = 'xterm-256color'

/** The container's environment with what was asked on top; a terminal always has a TERM. */
export function terminalEnvironment(
  context: AgentContext,
  more: Record<string, string> | undefined,
  term?: string,
): Record<string, string> {
  return { TERM: defaultTerm, ...context.environment, ...(term !== undefined && { TERM: term }), ...more }
}
