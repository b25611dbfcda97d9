import type { SyncEngine } from '../engine/engine.ts'
import type { Checkpoints } from './checkpoints.ts'
import type { IgnoredWatch } from './ignored-watch.ts'
import type { LaptopFolder } from './laptop-folder.ts'
import type { PodProbes } from './pod-probes.ts'
import type { SessionProblems } from './session-problems.ts'
import type { SessionProgress } from './session-progress.ts'
import type { SyncLoop } from './sync-loop.ts'
import type { SyncStatus } from './sync-port.ts'

/** Those that know how a session stands. */
export interface StatusSources {
  folder: LaptopFolder
  engine: SyncEngine
  loop: SyncLoop
  problems: SessionProblems
  progress: SessionProgress
  ignored: IgnoredWatch
  probes: PodProbes
  checkpoints: Checkpoints
}

/** How a session stands now. */
export function laptopStatus(sources: StatusSources): SyncStatus {
  const { folder, engine, loop, problems, progress, ignored, probes, checkpoints } = sources
  const { state, firstSyncSeconds } = progress
  const { lastChangeAtMs } = checkpoints
  const { lastAtMs: lastProbeAtMs } = probes
  const transfer = transferStatus(engine)
  return {
    state,
    pending: engine.pending() + probes.pending,
    files: progress.files(),
    conflicts: problems.openConflicts(copy => folder.isThere(copy)),
    problems: problems.list,
    replaced: problems.replaced,
    bytesSent: loop.bytesSent,
    bytesReceived: loop.bytesReceived,
    ...(transfer === undefined ? {} : { transfer }),
    ...(ignored.summary === undefined ? {} : { ignored: ignored.summary }),
    ...(lastChangeAtMs === undefined ? {} : { lastChangeAtMs }),
    ...(firstSyncSeconds === undefined ? {} : { firstSyncSeconds }),
    ...(lastProbeAtMs === undefined ? {} : { lastProbeAtMs }),
  }
}

function transferStatus({ transfers }: SyncEngine): SyncStatus['transfer'] {
  const { bytes, files } = transfers.pending
  if (files === 0) return undefined
  const { doneBytes, sentBytes, doneFiles, current: path } = transfers
  return { doneBytes: sentBytes, totalBytes: doneBytes + bytes, doneFiles, totalFiles: doneFiles + files, path }
}
