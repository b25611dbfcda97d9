import type { Token } from '../../core/content.ts'
import type { Path } from '../../core/path.ts'
import type { SyncMode } from '../../core/sync-policy.ts'

/**
 * What the laptop must remember over a crash: the ancestor of each path, what was sent and not answered, and which copy
 * in the pod all this is about.
 */
export type JournalRecord =
  /** Both ends agree on this. `''`: on nothing being there. */
  | { type: 'agreed'; path: Path; token: Token }
  /** Both ends agree on what was sent. */
  | { type: 'answered'; path: Path; token: Token }
  /** About to be sent. */
  | { type: 'sent'; path: Path; token: Token }
  /** What was sent was refused, or is settled otherwise. */
  | { type: 'unsent'; path: Path }
  /** Both ends agreed on this earlier in the present epoch. */
  | { type: 'was'; path: Path; token: Token }
  /** Nothing is agreed: another copy of the pod's folder. */
  | { type: 'void' }
  /** The marker is about to be raised to this; until `epoch` the one before is good too. */
  | { type: 'raising'; id: string; epoch: number }
  | { type: 'epoch'; id: string; epoch: number }
  /** What is agreed from here on is agreed while changes travel so; `two-way` before the first of these. */
  | { type: 'mode'; mode: SyncMode }

/** Durable, ordered, and in one piece: after a crash a batch of records is there up to some point, never with holes. */
export interface Journal {
  load(): Iterable<JournalRecord>
  /** @throws JournalError where it cannot be written; then nothing of it is there, and it may be tried again */
  append(records: JournalRecord[]): void
}

/** The journal cannot be written now: its disk is full, or gone. */
export class JournalError extends Error {
  /** The system's, `ENOSPC`. */
  readonly code: string

  constructor(code: string, cause: unknown) {
    super(`the journal cannot be written (${code})`, { cause })
    this.code = code
  }
}
