import { systemClock, systemTimers } from '../../syncer/base/clock.ts'
import { deadline } from '../../syncer/base/deadline.ts'
import { UserError } from '../../syncer/base/errors.ts'
import { AgentClient } from '../../syncer/wire/client.ts'
import { Mux } from '../../syncer/wire/mux.ts'
import { attachAgent } from '../agent/attach.ts'
import { readAgentFiles } from '../agent/bundle.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { type Swapped, swappedTitle } from '../swap/swapped.ts'
import { awaitDevPod } from '../swap/watch-dev-pod.ts'

/** So long a pod that is just being replaced is waited for. */
const POD_TIMEOUT_MS = 30_000

/** A connection of this command's own to the agent of what is swapped; it needs no process that holds the session. */
export async function connectAgent(cluster: Cluster, swapped: Swapped, signal: AbortSignal): Promise<AgentConnection> {
  const { kind, name, clone, container, session } = swapped
  const workload = swappedTitle(swapped)
  if (clone === undefined || container === undefined) {
    throw new UserError('not-found', `${workload} has no dev pod: it is half swapped`, {
      hint: 'podswap up swaps it again, podswap down puts it back',
    })
  }
  const { bundle } = await readAgentFiles()
  using limit = deadline(systemTimers, POD_TIMEOUT_MS, signal)
  try {
    const pod = await awaitDevPod(
      cluster,
      { workload, kind, name, clone, container, session },
      { signal: limit.signal },
    )
    const { io } = await attachAgent(
      cluster,
      { pod: pod.name, container },
      { bundle, hello: { lane: 'control' }, signal },
    )
    return new AgentConnection(new Mux({ carrier: io, side: 'laptop', clock: systemClock, timers: systemTimers }))
  } catch (error) {
    if (signal.aborted || !limit.late.aborted) throw error
    throw new UserError('timeout', `the dev pod of ${workload} does not run`, { hint: 'podswap status shows more' })
  }
}

export class AgentConnection {
  readonly agent: AgentClient
  readonly #mux: Mux

  constructor(mux: Mux) {
    this.#mux = mux
    this.agent = new AgentClient(mux)
  }

  /** Resolves, never rejects, with why it ended. */
  get lost(): Promise<string> {
    return this.#mux.closed.then(end => end.message)
  }

  async close(): Promise<void> {
    await this.#mux.close()
  }
}
