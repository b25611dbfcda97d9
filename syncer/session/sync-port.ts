import type { Duplex } from 'node:stream'
import type { Path } from '../core/path.ts'

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
  bytesSent: number
  bytesReceived: number
  /** Content of the running transfer: done and planned bytes. */
  transfer?: { doneBytes: number; totalBytes: number; doneFiles: number; totalFiles: number }
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
  side: 'laptop' | 'pod'
  path: Path
  /** System error code or one of ours: `EACCES`, `ENOSPC`, `unsupported-type`, `mount-point`, … */
  code: string
  message: string
}

/** Typed events for the reporter. */
export type SyncEvent =
  | { type: 'state'; state: SyncStatus['state'] }
  | { type: 'first-sync-done'; files: number; bytes: number; seconds: number }
  | { type: 'conflict'; conflict: SyncConflict }
  | { type: 'problem'; problem: SyncProblem }
  | { type: 'halted'; reason: string; hint: string }
  | { type: 'mirror'; removed: number; largest: { folder: Path; files: number }[] }
  | { type: 'ignored'; source: string; folders: { folder: Path; rule: string }[] }
