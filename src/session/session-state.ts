import type { UserError } from '../../syncer/base/errors.ts'

export type Phase =
  | 'idle'
  | 'starting'
  | 'swapping'
  | 'waiting-pod'
  | 'attaching'
  | 'first-sync'
  | 'starting-command'
  | 'ready'
  | 'reconnecting'
  | 'reverting'
  | 'ended'

/** The pod that can be attached to. Another `incarnation` is another container, even in the same pod. */
export interface PodRef {
  name: string
  uid: string
  container: string
  incarnation: string
}

export interface SessionOptions {
  /** The session is over when the dev command ends: its terminal is the session's. */
  endsWithCommand: boolean
  /** Puts the workload back at every end. */
  downOnExit: boolean
}

export interface SessionState {
  readonly options: SessionOptions
  readonly phase: Phase
  /** How far the way to `ready` is gone; `phase` says `reconnecting` for all of it after the first time. */
  readonly step:
    | 'begin'
    | 'claim'
    | 'forwards'
    | 'swap'
    | 'pod'
    | 'attach'
    | 'sync'
    | 'command'
    | 'ready'
    | 'undo'
    | 'over'
  /** Something in the cluster may be ours to undo. */
  readonly touched: boolean
  /** The swap was begun by this very session, so a start that fails takes it back. */
  readonly fresh: boolean
  readonly attachedOnce: boolean
  readonly readyOnce: boolean
  readonly pod: PodRef | null
  readonly link: 'none' | 'connecting' | 'waiting' | 'up'
  /** Number of the newest attempt to attach; what older ones report is void. */
  readonly attempt: number
  /** Attempts that failed since the connection last held. */
  readonly failures: number
  /** Why the session ends, while the undoing is still under way. */
  readonly ending: Reason | null
}

export type Reason =
  | { kind: 'failed'; error: UserError }
  /** A signal, or Ctrl-C where no program has the terminal. */
  | { kind: 'interrupted'; signal: string; undo?: boolean }
  /** The person left the terminal. */
  | { kind: 'left' }
  /** Another podswap process asked for it. */
  | { kind: 'stopped' }
  | { kind: 'command-exited'; code: number; signal?: string }

export interface Outcome {
  reason: Reason
  /** What the cluster looks like now. `gone`: somebody else ended the swap. */
  cluster: 'untouched' | 'swapped' | 'reverted' | 'revert-failed' | 'gone'
  /** Why undoing failed. */
  revertError?: UserError
}

export type SessionEvent =
  | { type: 'start' }
  | { type: 'swap-claimed'; tookOver: boolean }
  | { type: 'forwards-bound' }
  | { type: 'swap-touched' }
  | { type: 'swap-applied'; resumed: boolean }
  | { type: 'pod-running'; pod: PodRef }
  | { type: 'pod-pending' }
  | { type: 'pod-gone' }
  /** The pod cannot come up as it is. */
  | { type: 'pod-failed'; error: UserError }
  | { type: 'attached'; attempt: number }
  | { type: 'attach-failed'; attempt: number; error: UserError }
  /** `upMs`: how long the connection had held. */
  | { type: 'detached'; attempt: number; upMs: number }
  | { type: 'synced'; attempt: number }
  | { type: 'command-started'; attempt: number }
  | { type: 'command-exited'; code: number; signal?: string }
  | { type: 'retry-due'; attempt: number }
  /** The wall clock jumped: the machine slept. */
  | { type: 'woke' }
  /** `undo`: what this session has swapped is put back, though it was ready. */
  | { type: 'interrupted'; signal: string; undo?: boolean }
  | { type: 'left' }
  | { type: 'stopped' }
  /** What cannot mend: binding, swapping, a lost right, a take-over, dev mode ended by somebody else. */
  | { type: 'failed'; error: UserError }
  /** Somebody else has put the workload back, or deleted it: there is nothing to come back to. */
  | { type: 'swap-gone'; error: UserError }
  | { type: 'reverted' }
  | { type: 'revert-failed'; error: UserError }

export type Effect =
  | { type: 'claim-swap' }
  /** `patient`: a port may still be on its way to be free. */
  | { type: 'bind-forwards'; patient: boolean }
  | { type: 'apply-swap' }
  | { type: 'watch-pod' }
  | { type: 'attach'; attempt: number; pod: PodRef }
  | { type: 'detach' }
  | { type: 'sync'; attempt: number }
  | { type: 'start-command'; attempt: number; pod: PodRef }
  /** `again`: it had been ready before. */
  | { type: 'be-ready'; again: boolean }
  | { type: 'retry-later'; attempt: number; waitMs: number; error: UserError | null }
  | { type: 'cancel-retry' }
  | { type: 'probe' }
  | { type: 'revert' }
  /** Always the last one. */
  | { type: 'end'; outcome: Outcome }

export interface Step {
  state: SessionState
  effects: Effect[]
}
