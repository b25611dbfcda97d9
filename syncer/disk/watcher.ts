import type { Path } from '../core/path.ts'

/** While something cannot be watched, `overflow('limit')` asks for a sweep this often. */
export const pollIntervalMs = 2_000

/**
 * Tells that something may have changed below a root. Hints only: what changed is always read from the disk, and a
 * hint may be missing, late or double.
 */
export interface Watcher {
  /**
   * Folders to watch are announced by the engine as it finds them; watching one twice is harmless.
   * @param standsAt where it is at present, below the root; it is about to be moved to `dir`, and what happens in it from
   * then on is told. The same as `dir` when absent
   */
  watch(dir: Path, standsAt?: Path): void
  /** The folder is gone or became ignored. */
  unwatch(dir: Path): void
  close(): void
}

export interface WatchEvents {
  /** `name` in `dir` changed; null: something in `dir`, look at all of it. `kind` as the platform reports it. */
  changed(dir: Path, name: string | null, kind: 'rename' | 'change'): void
  /** Events were lost, or cannot be had at all: sweep everything. */
  overflow(reason: 'queue' | 'limit' | 'error'): void
  /**
   * The system grants no more watches; the rest is swept every {@link pollIntervalMs}. Told once, and with null when
   * everything is watched again.
   * @param code ENOSPC (watches) or EMFILE (instances), as inotify says it
   */
  limited?(code: 'ENOSPC' | 'EMFILE' | null): void
}
