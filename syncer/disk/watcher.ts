import type { Path } from '../core/path.ts'

/**
 * Tells that something may have changed below a root. Hints only: what changed is always read from the disk, and a
 * hint may be missing, late or double.
 */
export interface Watcher {
  /** Folders to watch are announced by the engine as it finds them; watching one twice is harmless. */
  watch(dir: Path): void
  /** The folder is gone or became ignored. */
  unwatch(dir: Path): void
  close(): void
}

export interface WatchEvents {
  /** `name` in `dir` changed; null: something in `dir`, look at all of it. `kind` as the platform reports it. */
  changed(dir: Path, name: string | null, kind: 'rename' | 'change'): void
  /** Events were lost, or cannot be had at all: sweep everything. */
  overflow(reason: 'queue' | 'limit' | 'error'): void
}
