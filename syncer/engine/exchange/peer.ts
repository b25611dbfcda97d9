import type { Path } from '../../core/path.ts'

/** Decisions and edits travel on `control`, in order; `bulk` carries content by hash into staging, nothing else. */
export type Lane = 'control' | 'bulk'

/**
 * One end of the sync protocol for one folder: a synchronous state machine. No promises here: every call runs to its
 * end, so a simulation owns each interleaving. It is built over a `Disk`, a durable journal (laptop only), a `Clock`
 * and a `send`; it may throw only what a crash would (a bug, or the simulator's own crash).
 */
export interface Peer<M> {
  /** A new connection: everything of the old one is void. */
  connect(): void
  disconnect(): void
  receive(lane: Lane, message: M): void
  /** Something at or below the path may have changed. */
  hint(path: Path): void
  /** Work that is due: held-back saves, scans, retries. Bounded in time; call again while {@link Peer.due} is now. */
  tick(): void
  /** Monotonic time in ms at which the next `tick` is wanted; `Infinity`: not before a message or a hint. */
  due(): number
  /** Nothing dirty, nothing under way: with a quiet other end both folders are equal. */
  idle(): boolean
}
