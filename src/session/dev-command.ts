import type { AgentClient } from '../../syncer/wire/client.ts'
import type { CommandState } from '../../syncer/wire/services.ts'
import type { PodRef } from './session-state.ts'

export interface DevCommandOptions {
  argv: string[]
  cwd?: string
  env: Record<string, string>
  /** Size of the terminal that it starts with. */
  terminal: { columns: number; rows: number }
}

/** The dev command of one session. */
export class DevCommand {
  readonly options: DevCommandOptions
  /** Incarnation of the container in which this session has seen it started. */
  #startedIn: string | null = null

  constructor(options: DevCommandOptions) {
    this.options = options
  }

  /**
   * Sees to it that the command was started, once in each container: one that ended while the connection was away has
   * ended. Where another one runs (the manifest's has changed since), that is ended first.
   */
  async ensure(agent: AgentClient, pod: PodRef, signal: AbortSignal): Promise<EnsuredCommand> {
    if (this.#startedIn === pod.incarnation) {
      const { state } = await agent.call({ method: 'command-state' }, signal)
      if (state !== 'none') return { started: false, seen: true, replaced: false }
    }
    const { argv, cwd, env, terminal } = this.options
    const start = () => agent.call({ method: 'start-command', argv, cwd, env, ...terminal }, signal)
    const first = await start()
    const replaced = !first.started && isOther(first, { argv, cwd })
    if (replaced) await agent.call({ method: 'stop-command' }, signal)
    const { started } = replaced ? await start() : first
    this.#startedIn = pod.incarnation
    return { started, seen: false, replaced }
  }
}

export interface EnsuredCommand {
  /** By this call. */
  started: boolean
  /** This session knows the run from before. */
  seen: boolean
  /** Another command ran, and was ended. */
  replaced: boolean
}

function isOther(runs: CommandState, wanted: { argv: string[]; cwd?: string }): boolean {
  if (!runs.argv) return false
  return runs.cwd !== wanted.cwd || JSON.stringify(runs.argv) !== JSON.stringify(wanted.argv)
}
