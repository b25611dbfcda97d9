import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { type Clock, systemClock, systemTimers, type Timers } from '../../syncer/base/clock.ts'
import { openSyncSession } from '../../syncer/session/sync-session.ts'
import { attachAgent } from '../agent/attach.ts'
import type { AgentFiles } from '../agent/bundle.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Home } from '../home/home.ts'
import type { AppliedSwap, SessionParts } from './parts.ts'

/** For each step of an attach: a line that has gone dead is noticed before the person gives up. */
const ATTACH_STEP_MS = 15_000

/** What it takes to reach a pod and sync with it. */
export type SyncParts = Pick<SessionParts, 'clock' | 'timers' | 'attach' | 'openPort' | 'openSync'>

export interface SyncPartsOptions {
  cluster: Cluster
  home: Home
  agent: AgentFiles
  /** The native program for this machine; null where there is none. */
  init?: string | null
  clock?: Clock
  timers?: Timers
}

export function syncParts(options: SyncPartsOptions): SyncParts {
  const { cluster, agent, clock = systemClock, timers = systemTimers } = options
  return {
    clock,
    timers,
    async attach(pod, lane, signal, starting) {
      const where = { pod: pod.name, container: pod.container }
      const { io } = await attachAgent(cluster, where, {
        bundle: agent.bundle,
        hello: { lane },
        signal,
        starting,
        stepTimeoutMs: ATTACH_STEP_MS,
      })
      return io
    },
    openPort: (pod, port, signal) => cluster.portForward({ pod: pod.name, port, signal }),
    openSync(folder, swap, onEvent) {
      const sessionKey = syncKey(cluster, swap, folder)
      const { local, mode, prefer, include, initial } = folder
      return openSyncSession({
        local,
        rules: { policy: { mode, ...(prefer && { prefer }) }, ...(include && { include }) },
        initial,
        sessionKey,
        stateFolder: syncStateFolder(options, swap, folder),
        onEvent,
        ...(options.init && { init: options.init }),
      })
    },
  }
}

/** Where the laptop remembers what a folder and its workload's agreed on. */
export function syncStateFolder(
  { cluster, home }: Pick<SyncPartsOptions, 'cluster' | 'home'>,
  swap: Pick<AppliedSwap, 'workload'>,
  folder: { local: string; remote: string },
): string {
  return join(home.sync, syncKey(cluster, swap, folder))
}

/** Names the pairing of a laptop's folder with a workload's: the ancestor of one must never be taken for another's. */
function syncKey(
  cluster: Cluster,
  { workload }: Pick<AppliedSwap, 'workload'>,
  folder: { local: string; remote: string },
): string {
  const text = JSON.stringify([cluster.server, cluster.namespace, workload, folder.local, folder.remote])
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}
