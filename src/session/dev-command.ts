import type { AgentClient } from '../../syncer/wire/client.ts'
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
   * ended. `started`: by this call; `seen`: this session knows the run from before.
   */
  async ensure(agent: AgentClient, pod: PodRef, signal: AbortSignal): Promise<{ started: boolean; seen: boolean }> {
    if (this.#startedIn === pod.incarnation) {
      const { state } = await agent.call({ method: 'command-state' }, signal)
      if (state !== 'none') return { started: false, seen: true }
    }
    const { argv, cwd, env, terminal } = this.options
    const { started } = await agent.call({ method: 'start-command', argv, cwd, env, ...terminal }, signal)
    this.#startedIn = pod.incarnation
    return { started, seen: false }
  }
}
