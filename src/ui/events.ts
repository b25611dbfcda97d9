import type { UserError } from '../../syncer/base/errors.ts'
import type { SyncEvent } from '../../syncer/session/sync-port.ts'
import type { Outcome, Phase } from '../session/session-state.ts'
import type { SwapEvent } from '../swap/swap-event.ts'

/** Where a local listener leads. */
export interface ForwardLine {
  /** `localhost:5432` */
  local: string
  /** `postgres:5432`, as seen from inside the pod */
  remote: string
  /** From the pod to the laptop; absent: from the laptop to the pod. */
  direction?: 'reverse'
}

/** Content on its way, of all folders together. */
export interface Transfer {
  doneBytes: number
  totalBytes: number
  doneFiles: number
  totalFiles: number
  /** As measured lately. */
  bytesPerSecond: number
  /** How long it still takes at that rate; absent while that cannot be told. */
  secondsLeft?: number
  /** What is on its way just now, in the container: `/app/src/a.ts`. */
  path?: string
}

/** What a session tells a person; the renderers in this folder turn it into text, a screen, or lines of JSON. */
export type UiEvent =
  | { type: 'phase'; phase: Phase }
  | { type: 'warning'; message: string; hint?: string }
  | { type: 'forwards-bound'; forwards: ForwardLine[] }
  /** What `up` and `down` do in the cluster. */
  | { type: 'swap'; event: SwapEvent }
  | { type: 'swapped'; workload: string; clone: string; replicas: number; resumed: boolean }
  | { type: 'pod'; state: 'pending' | 'running' | 'gone' | 'failed'; pod: string; message: string; hint?: string }
  | { type: 'attached'; pod: string }
  /** An attempt to attach failed; the next one comes after `waitMs`. */
  | { type: 'attach-failed'; message: string; waitMs: number }
  | { type: 'sync'; folder: string; event: SyncEvent }
  /** For people, who are told of the first ones alone: `more` came, `over` went, `open` are there now. */
  | {
      type: 'problems-counted'
      folder: string
      more: number
      over: number
      open: number
      kinds: { code: string; count: number }[]
    }
  /** Shown while it lasts, not kept. */
  | { type: 'transfer'; transfer: Transfer }
  /** `replaced`: another command ran, and was ended for this one. `anew`: it ran in a container that is gone. */
  | { type: 'command-started'; command: string[]; already: boolean; replaced?: boolean; anew?: boolean }
  | { type: 'command-exited'; code: number; signal?: string; error?: string }
  /** `problems`: so many paths cannot travel by then; each was told. */
  | { type: 'ready'; dev: string; elapsedMs: number; forwards: ForwardLine[]; terminal: boolean; problems: number }
  | { type: 'connection-lost'; reason: string }
  | { type: 'reconnected'; elapsedMs: number }
  | { type: 'undoing'; workload: string }
  /** What the dev command prints where it has no terminal. */
  | { type: 'output'; stream: 'stdout' | 'stderr'; text: string }
  | { type: 'ended'; dev: string; workload: string | null; outcome: Outcome }
  /** Nothing of a running session: the answer of a command that is done. */
  | { type: 'done'; message: string }
  /** What a command still waits for. */
  | { type: 'waiting'; message: string }
  | { type: 'error'; error: UserError }

export interface Reporter {
  report(event: UiEvent): void
  /** Takes away what is shown only while it lasts; the next event may show it again. */
  clear(): void
  close(): void
}
