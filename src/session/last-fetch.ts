import type { SyncFolder } from '../manifest/manifest.ts'
import { fetchWhileComing } from './fetch-while-coming.ts'
import { openLink } from './link.ts'
import type { AppliedSwap, Report } from './parts.ts'
import { PortTrust } from './port-trust.ts'
import type { PodRef } from './session-state.ts'
import { SyncFolders } from './sync-folders.ts'
import type { SyncParts } from './sync-parts.ts'

/** What a session that is gone has left in the cluster. */
export interface LeftSession {
  folders: SyncFolder[]
  swap: AppliedSwap
  pod: PodRef
}

/**
 * Brings here what was written in a pod whose session is gone, and ends again; the command in the pod is left as it is.
 * Resolves when all that was written before is here. Throws why not: `timeout` where nothing comes any more, `state` where
 * some of it cannot be taken in, `sync-halted`, and what attaching throws.
 */
export async function fetchLast(
  parts: SyncParts,
  { folders, swap, pod }: LeftSession,
  how: { report: Report; signal: AbortSignal; lookMs?: number | undefined },
): Promise<void> {
  const { clock, timers } = parts
  const { signal, lookMs } = how
  const link = await openLink({
    clock,
    timers,
    attach: (lane, signal) => parts.attach(pod, lane, signal),
    openPort: (port, signal) => parts.openPort(pod, port, signal),
    ports: new PortTrust(),
    forwards: false,
    signal,
  })
  try {
    const open = new SyncFolders(parts, folders, swap, how.report)
    try {
      const from = {
        get sources() {
          return open.sources()
        },
        fetch: (signal: AbortSignal) => open.fetchLast(signal),
      }
      open.attach(link, 1)
      await fetchWhileComing(from, { timers, isCut: () => link.signal.aborted, signal, lookMs })
    } finally {
      open.close()
    }
  } finally {
    link.close()
  }
}
