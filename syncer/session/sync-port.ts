import type { Duplex } from 'node:stream'
import type { Path } from '../core/path.ts'
import type { Role } from '../core/sync-policy.ts'
import type { Changes } from './change-log.ts'
import type { IgnoredSummary } from './rules/ignored-survey.ts'

/**
 * The laptop's end of one synced folder, as the rest of the program sees it. It lives as long as `podswap up`;
 * connections come and go.
 */
export interface SyncSession {
  readonly id: string
  /** Gives it a fresh pair of connections (raw byte streams); the previous pair is closed first. */
  attach(lanes: { control: Duplex; bulk: Duplex }): void
  /** The connection is gone. */
  detach(): void
  status(): SyncStatus
  /** Resolves when everything that was written on either side before the call is on the other. */
  flush(signal: AbortSignal): Promise<void>
  /** Resolves when everything that was written in the pod before the call is here. */
  fetch(signal: AbortSignal): Promise<void>
  /** Stops watching and closes the state; the next start resumes from it. */
  close(): void
}

export interface SyncStatus {
  /** `paused`: no connection. `halted`: stopped to protect files, see `problems`. */
  state: 'paused' | 'scanning' | 'first-sync' | 'syncing' | 'ready' | 'halted'
  /** Paths that differ or are under way. */
  pending: number
  files: number
  conflicts: SyncConflict[]
  problems: SyncProblem[]
  /** Paths of which an edit of the pod gave way to the laptop's (`mode: push`), each once. */
  replaced: number
  bytesSent: number
  bytesReceived: number
  /** Content of the running transfer: bytes that were sent, files that are there, and all that is planned. */
  transfer?: { doneBytes: number; totalBytes: number; doneFiles: number; totalFiles: number; path?: Path }
  /** What the rules leave out; absent until it was counted for the first time. */
  ignored?: IgnoredSummary
  /** Wall clock, milliseconds. */
  lastChangeAtMs?: number
  firstSyncSeconds?: number
  /** Wall clock of the last answer to an end-to-end probe through the other end's engine. */
  lastProbeAtMs?: number
}

export interface SyncConflict {
  path: Path
  copy: Path
  atMs: number
}

export interface SyncProblem {
  side: Role
  path: Path
  /** System error code or one of ours: `EACCES`, `ENOSPC`, `unsupported-type`, `mount-point`, `name-taken`, … */
  code: string
  message: string
  /** What the other end wrote there, or made of it, waits to be made at this side: it has it alone. */
  isUnmade?: boolean
  /** What was written at this side, the pod's, cannot be read: that one has it alone. */
  isUnread?: boolean
}

/** Of a problem of the pod's folder as a whole: it cannot be synced as it is (no right to write, a read-only mount). */
export const unusableCode = 'unusable'

/** Of the laptop's folder as a whole: its sync state cannot be written, so nothing is sent. */
export const unkeptCode = 'state-unwritable'

/** What happens to a synced folder, for reporters and for the history (`docs/events.md`). */
export type SyncEvent =
  | { type: 'state'; state: SyncStatus['state'] }
  /** Nothing differs for the first time in this session. `bytes` were sent. */
  | { type: 'first-sync-done'; files: number; bytes: number; seconds: number }
  /** Both ends changed `path`; the pod's version is at `copy` now, at both ends. */
  | { type: 'conflict'; conflict: SyncConflict }
  /** Something cannot be synced. It lasts until `problem-solved` with the same side and path. */
  | { type: 'problem'; problem: SyncProblem }
  | { type: 'problem-solved'; problem: SyncProblem }
  /** Stopped before many files were deleted on the laptop; `resumed` when the cause is gone. */
  | { type: 'halted'; reason: string; hint: string }
  | { type: 'resumed' }
  /** The pod's edit of it gave way to the laptop's (`mode: push`); told once for each path. */
  | { type: 'replaced'; path: Path }
  /** A first contact: what only the pod has is removed there. */
  | { type: 'mirror'; removed: number; largest: { folder: Path; files: number }[] }
  /** What the rules leave out, and why: at the first sync, and when the rules change. */
  | ({ type: 'ignored'; source: string } & IgnoredSummary)
  /** After the first sync: paths that came into step, at most once a second. */
  | { type: 'changes'; sent: Changes; received: Changes }
