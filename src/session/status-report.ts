import type { SyncProblem, SyncStatus } from '../../syncer/session/sync-port.ts'
import type { CommandState } from '../../syncer/wire/services.ts'
import type { SyncFolder } from '../manifest/manifest.ts'
import type { Phase } from './session-state.ts'

/** What `podswap status --json` prints. */
export interface StatusReport {
  devs: DevStatus[]
}

export interface DevStatus {
  name: string
  namespace: string
  /** `deployment/web` */
  workload: string
  /** null where it cannot be told from here: another laptop holds the session. */
  state: DevState | null
  /** Some paths cannot travel, however `state` is: `sync.problems` names them. null where it cannot be told from here. */
  has_problems: boolean | null
  /** `user@host` of the process that holds the session, or held it last. */
  holder: string | null
  pod: string | null
  /** All folders together. Its figures are null where no process on this laptop holds the session. */
  sync: SyncSummary
  forwards: ForwardStatus[]
  command: { state: CommandState['state'] | 'unknown'; exit_code: number | null; started_at: string | null }
  /** Process on this laptop; null where there is none. */
  holder_pid: number | null
  /** ISO 8601 */
  since: string | null
  folders: FolderStatus[]
  warnings: string[]
}

export type DevState = 'starting' | 'syncing' | 'ready' | 'reconnecting' | 'failed'

export interface SyncSummary {
  state: SyncStatus['state'] | 'unknown' | 'none'
  pending: number | null
  conflicts: { path: string; copy: string; at: string }[]
  problems: { side: SyncProblem['side']; path: string; code: string; message: string }[]
  /** Paths of which an edit of the pod gave way to one made here (`mode: push`). */
  replaced: number | null
  files: number | null
  bytes_sent: number | null
  bytes_received: number | null
  /** Content that is still to come to the pod, and whose it is just now; null: none. */
  transfer: { left_bytes: number; path: string | null } | null
  /** ISO 8601 */
  last_change_at: string | null
  first_sync_seconds: number | null
  /** What the rules leave out; null until it was counted. */
  ignored: IgnoredStatus | null
  /** ISO 8601: when a question last went through both engines and came back. */
  last_probe_at: string | null
}

export interface IgnoredStatus {
  files: number
  folders: number
  largest: { folder: string; files: number; rule: string; source: string; line: number | null }[]
  partial: boolean
}

export interface FolderStatus extends SyncSummary {
  local: string
  remote: string
  /** `push`: what is changed in the pod stays there; `pull`: what is changed here. */
  mode: SyncFolder['mode']
}

export interface ForwardStatus {
  local: string
  remote: string
  /** `reverse`: from the pod to the laptop. */
  direction: 'local' | 'reverse'
  /**
   * `ready`: dialled from inside the pod just now; of a reverse one: the pod listens. `waiting`: for its port, which somebody
   * has just now, as `error` says. `unknown`: not asked.
   */
  state: 'ready' | 'failed' | 'reconnecting' | 'waiting' | 'unknown'
  error: string | null
}

export interface FolderSource {
  local: string
  remote: string
  mode: SyncFolder['mode']
  status: SyncStatus
}

/** A probe older than this says nothing about now. */
export const PROBE_AGE_MS_MAX = 15_000

/** The state of a session that a process on this laptop holds. */
export function devState(phase: Phase, folders: FolderSource[], nowMs: number): DevState {
  switch (phase) {
    case 'idle':
    case 'starting':
    case 'swapping':
    case 'waiting-pod':
    case 'attaching':
    case 'starting-command':
      return 'starting'
    case 'first-sync':
      return 'syncing'
    case 'reconnecting':
      return 'reconnecting'
    case 'reverting':
    case 'ended':
      return 'failed'
    case 'ready':
      return readyState(folders, nowMs)
  }
}

function readyState(folders: FolderSource[], nowMs: number): DevState {
  if (folders.some(({ status }) => status.state === 'halted')) return 'failed'
  if (folders.some(({ status }) => status.state === 'paused')) return 'reconnecting'
  if (folders.some(({ status }) => status.state !== 'ready' || status.pending > 0)) return 'syncing'
  const fresh = ({ status }: FolderSource) =>
    status.lastProbeAtMs !== undefined && nowMs - status.lastProbeAtMs <= PROBE_AGE_MS_MAX
  return folders.every(fresh) ? 'ready' : 'reconnecting'
}

/** The folders' figures as one: sums, and the state that is furthest from `ready`. */
export function summarize(folders: FolderSource[]): SyncSummary {
  const statuses = folders.map(folder => folder.status)
  if (statuses.length === 0) return emptySummary('none')
  const sum = (of: (status: SyncStatus) => number) => statuses.reduce((total, status) => total + of(status), 0)
  return {
    state: SYNC_STATES.find(state => statuses.some(status => status.state === state)) ?? 'unknown',
    pending: sum(status => status.pending),
    conflicts: statuses.flatMap(status =>
      status.conflicts.map(({ path, copy, atMs }) => ({ path, copy, at: new Date(atMs).toISOString() })),
    ),
    problems: statuses.flatMap(status =>
      status.problems.map(({ side, path, code, message }) => ({ side, path, code, message })),
    ),
    replaced: sum(status => status.replaced),
    files: sum(status => status.files),
    bytes_sent: sum(status => status.bytesSent),
    bytes_received: sum(status => status.bytesReceived),
    transfer: transferOf(statuses),
    last_change_at: iso(latest(statuses.map(status => status.lastChangeAtMs))),
    first_sync_seconds: longest(statuses.map(status => status.firstSyncSeconds)),
    ignored: ignoredOf(statuses),
    last_probe_at: iso(oldest(statuses.map(status => status.lastProbeAtMs))),
  }
}

function transferOf(statuses: SyncStatus[]): SyncSummary['transfer'] {
  const running = statuses.flatMap(({ transfer }) => transfer ?? [])
  if (running.length === 0) return null
  return {
    left_bytes: running.reduce((sum, { doneBytes, totalBytes }) => sum + totalBytes - doneBytes, 0),
    path: running.find(({ path }) => path !== undefined)?.path ?? null,
  }
}

function ignoredOf(statuses: SyncStatus[]): IgnoredStatus | null {
  const known = statuses.map(status => status.ignored).filter(ignored => ignored !== undefined)
  if (known.length < statuses.length) return null
  const largest = known.flatMap(ignored => ignored.largest).sort((a, b) => b.files - a.files)
  return {
    files: known.reduce((sum, { files }) => sum + files, 0),
    folders: known.reduce((sum, { folders }) => sum + folders, 0),
    largest: largest
      .slice(0, 10)
      .map(({ folder, files, rule, source, line }) => ({ folder, files, rule, source, line: line ?? null })),
    partial: known.some(({ isPartial }) => isPartial),
  }
}

/** From the worst to the best. */
const SYNC_STATES: SyncStatus['state'][] = ['halted', 'paused', 'scanning', 'first-sync', 'syncing', 'ready']

export function emptySummary(state: 'unknown' | 'none'): SyncSummary {
  const figure = state === 'none' ? 0 : null
  return {
    state,
    pending: figure,
    conflicts: [],
    problems: [],
    replaced: figure,
    files: figure,
    bytes_sent: figure,
    bytes_received: figure,
    transfer: null,
    last_change_at: null,
    first_sync_seconds: null,
    ignored: null,
    last_probe_at: null,
  }
}

export function folderStatus(folder: FolderSource): FolderStatus {
  return { local: folder.local, remote: folder.remote, mode: folder.mode, ...summarize([folder]) }
}

/** What a dev command is, as JSON has it. */
export function commandStatus(state: CommandState | null): DevStatus['command'] {
  return {
    state: state?.state ?? 'unknown',
    exit_code: state?.exitCode ?? null,
    started_at: iso(state?.startedAtMs),
  }
}

export function iso(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString()
}

function latest(times: (number | undefined)[]): number | undefined {
  const known = times.filter(time => time !== undefined)
  return known.length === 0 ? undefined : Math.max(...known)
}

/** All of them have to be fresh, so the oldest counts; one that is missing makes the whole unknown. */
function oldest(times: (number | undefined)[]): number | undefined {
  const known = times.filter(time => time !== undefined)
  return known.length < times.length ? undefined : Math.min(...known)
}

function longest(times: (number | undefined)[]): number | null {
  return latest(times) ?? null
}
