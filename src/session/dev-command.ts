import { UserError } from '../../syncer/base/errors.ts'
import type { AgentClient } from '../../syncer/wire/client.ts'
import type { CommandState } from '../../syncer/wire/services.ts'
import type { PodRef } from './session-state.ts'

export interface DevCommandOptions {
  argv: string[]
  cwd?: string
  /** `cwd` is made where it is missing. */
  makesFolder?: boolean
  env: Record<string, string>
  /** Size of the terminal that it starts with. */
  terminal: { columns: number; rows: number }
}

/** The dev command of one session. */
export class DevCommand {
  readonly #options: Omit<DevCommandOptions, 'argv'>
  #argv: string[] | null
  /** Incarnation of the container in which this session has seen it started. */
  #startedIn: string | null = null

  constructor(options: DevCommandOptions) {
    const { argv, ...rest } = options
    this.#options = rest
    this.#argv = argv
  }

  /** null while only the pod knows it. */
  get argv(): string[] | null {
    return this.#argv
  }

  /** Another command than that of the options; null: the one that runs, or ran, in the pod. */
  keep(argv: string[] | null): void {
    this.#argv = argv
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
    const { cwd, makesFolder, env, terminal } = this.#options
    this.#argv ??= await commandIn(agent, signal)
    const argv = this.#argv
    const start = () =>
      agent.call({ method: 'start-command', argv, cwd, ...(makesFolder && { makesFolder }), env, ...terminal }, signal)
    const first = await start()
    const replaced = !first.started && isOther(first, { argv, cwd })
    if (replaced) await agent.call({ method: 'stop-command' }, signal)
    const { started } = replaced ? await start() : first
    this.#startedIn = pod.incarnation
    return { started, seen: false, replaced }
  }
}

/** What the pod was started with. */
async function commandIn(agent: AgentClient, signal: AbortSignal): Promise<string[]> {
  const { argv } = await agent.call({ method: 'command-state' }, signal)
  if (argv) return argv
  throw new UserError('not-found', 'the original’s own command is not known any more: its pod is gone', {
    hint: 'write `command` into the manifest, or `podswap down` and then `podswap up --keep-command`',
  })
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
