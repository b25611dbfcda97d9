import { assert, type ErrorCode, type UserError } from '../../syncer/base/errors.ts'
import { backoffMs } from './backoff.ts'
import type {
  Effect,
  Outcome,
  Phase,
  PodRef,
  Reason,
  SessionEvent,
  SessionOptions,
  SessionState,
  Step,
} from './session-state.ts'

/*
 * What a session does next, as a function: (state, event) → state and effects. `course.ts` feeds it, `effects.ts` carries
 * effects out and turns what comes of them into events; nothing here waits, reads a clock or touches anything.
 */

/** Attempts to attach for the first time before giving up; once attached, there is no end to trying. */
export const FIRST_ATTACH_ATTEMPTS_MAX = 8
/** A connection that broke earlier than this counts as a failed attempt, so that flapping backs off. */
export const STEADY_MS = 5_000

export function initialState(options: SessionOptions): SessionState {
  return {
    options,
    phase: 'idle',
    step: 'begin',
    touched: false,
    fresh: false,
    attachedOnce: false,
    readyOnce: false,
    pod: null,
    link: 'none',
    attempt: 0,
    failures: 0,
    ending: null,
  }
}

export function step(state: SessionState, event: SessionEvent): Step {
  if (state.step === 'over') return { state, effects: [] }
  const next = state.step === 'undo' ? undoing(state, event) : living(state, event)
  return { state: { ...next.state, phase: phaseOf(next.state) }, effects: next.effects }
}

function living(state: SessionState, event: SessionEvent): Step {
  switch (event.type) {
    case 'start':
      assert(state.step === 'begin', 'a session starts once')
      return { state: { ...state, step: 'claim' }, effects: [{ type: 'claim-swap' }] }
    case 'swap-claimed':
      if (state.step !== 'claim') return { state, effects: [] }
      return { state: { ...state, step: 'forwards' }, effects: [{ type: 'bind-forwards', patient: event.tookOver }] }
    case 'forwards-bound':
      if (state.step !== 'forwards') return { state, effects: [] }
      return { state: { ...state, step: 'swap' }, effects: [{ type: 'apply-swap' }] }
    case 'swap-touched':
      if (state.step !== 'swap') return { state, effects: [] }
      return { state: { ...state, touched: true, fresh: true }, effects: [] }
    case 'swap-applied':
      if (state.step !== 'swap') return { state, effects: [] }
      return {
        state: { ...state, step: 'pod', touched: true, fresh: !event.resumed },
        effects: [{ type: 'watch-pod' }],
      }
    case 'pod-running':
      return podRunning(state, event.pod)
    case 'pod-pending':
    case 'pod-gone':
      return podGone(state)
    case 'pod-failed':
      return state.readyOnce ? podGone(state) : end(state, { kind: 'failed', error: event.error })
    case 'attached':
      if (event.attempt !== state.attempt || state.link !== 'connecting') return { state, effects: [] }
      return {
        state: { ...state, step: 'sync', link: 'up', attachedOnce: true },
        effects: [{ type: 'sync', attempt: event.attempt }],
      }
    case 'attach-failed':
      return attachFailed(state, event.attempt, event.error)
    case 'detached':
      return detached(state, event.attempt, event.upMs)
    case 'synced':
      if (!isLive(state, event.attempt) || state.step !== 'sync' || !state.pod) return { state, effects: [] }
      return {
        state: { ...state, step: 'command' },
        effects: [{ type: 'start-command', attempt: event.attempt, pod: state.pod }],
      }
    case 'command-started':
      if (!isLive(state, event.attempt) || state.step !== 'command') return { state, effects: [] }
      return {
        state: { ...state, step: 'ready', readyOnce: true },
        effects: [{ type: 'be-ready', again: state.readyOnce }],
      }
    case 'retry-due':
      if (event.attempt !== state.attempt || state.link !== 'waiting') return { state, effects: [] }
      return attach(state)
    case 'woke':
      return woke(state)
    case 'command-exited':
    case 'interrupted':
    case 'left':
    case 'stopped':
    case 'failed':
    case 'swap-gone':
      return over(state, event)
    case 'reverted':
    case 'revert-failed':
      return { state, effects: [] }
  }
}

type EndingEvent = Extract<
  SessionEvent,
  { type: 'command-exited' | 'interrupted' | 'left' | 'stopped' | 'failed' | 'swap-gone' }
>

function over(state: SessionState, event: EndingEvent): Step {
  switch (event.type) {
    case 'command-exited':
      if (!state.options.endsWithCommand) return { state, effects: [] }
      return end(state, { kind: 'command-exited', code: event.code, signal: event.signal })
    case 'interrupted':
      return end(state, { kind: 'interrupted', signal: event.signal, ...(event.undo && { undo: true }) })
    case 'left':
      return end(state, { kind: 'left' })
    case 'stopped':
      return end(state, { kind: 'stopped' })
    case 'failed':
      return end(state, { kind: 'failed', error: event.error })
    case 'swap-gone':
      return finish(state, { kind: 'failed', error: event.error }, 'gone')
  }
}

function isBeforePod({ step }: SessionState): boolean {
  return step === 'begin' || step === 'claim' || step === 'forwards' || step === 'swap'
}

function podRunning(state: SessionState, pod: PodRef): Step {
  if (isBeforePod(state)) return { state, effects: [] }
  const same = state.pod?.uid === pod.uid && state.pod.incarnation === pod.incarnation
  if (same && state.link !== 'waiting') return { state, effects: [] }
  const left = leaveLink(state)
  const next = attach({ ...left.state, pod, failures: same ? state.failures : 0 })
  return { state: next.state, effects: [...left.effects, ...next.effects] }
}

function podGone(state: SessionState): Step {
  if (isBeforePod(state)) return { state, effects: [] }
  const left = leaveLink(state)
  return { state: { ...left.state, step: 'pod', pod: null }, effects: left.effects }
}

function attach(state: SessionState): Step {
  assert(state.pod, 'there is a pod to attach to')
  const attempt = state.attempt + 1
  return {
    state: { ...state, step: 'attach', link: 'connecting', attempt },
    effects: [{ type: 'attach', attempt, pod: state.pod }],
  }
}

function attachFailed(state: SessionState, attempt: number, error: UserError): Step {
  if (attempt !== state.attempt || state.link !== 'connecting') return { state, effects: [] }
  const failures = state.failures + 1
  const hopeless =
    isFinal(error.code, state.attachedOnce) || (!state.attachedOnce && failures >= FIRST_ATTACH_ATTEMPTS_MAX)
  if (hopeless) return end({ ...state, link: 'none' }, { kind: 'failed', error })
  return {
    state: { ...state, step: 'attach', link: 'waiting', failures },
    effects: [{ type: 'retry-later', attempt, waitMs: backoffMs(failures), error }],
  }
}

function detached(state: SessionState, attempt: number, upMs: number): Step {
  if (!isLive(state, attempt)) return { state, effects: [] }
  const failures = upMs < STEADY_MS ? state.failures + 1 : 0
  const effects: Effect[] = [{ type: 'detach' }]
  if (failures <= 1) {
    const next = attach({ ...state, failures })
    return { state: next.state, effects: [...effects, ...next.effects] }
  }
  return {
    state: { ...state, step: 'attach', link: 'waiting', failures },
    effects: [...effects, { type: 'retry-later', attempt, waitMs: backoffMs(failures - 1), error: null }],
  }
}

function woke(state: SessionState): Step {
  if (state.link === 'up') return { state, effects: [{ type: 'probe' }] }
  if (state.link !== 'waiting') return { state, effects: [] }
  const next = attach({ ...state, failures: 0 })
  return { state: next.state, effects: [{ type: 'cancel-retry' }, ...next.effects] }
}

/** Leaves the connection, whatever state it is in. */
function leaveLink(state: SessionState): Step {
  switch (state.link) {
    case 'none':
      return { state, effects: [] }
    case 'waiting':
      return { state: { ...state, link: 'none' }, effects: [{ type: 'cancel-retry' }] }
    default:
      return { state: { ...state, link: 'none' }, effects: [{ type: 'detach' }] }
  }
}

/** Ends the session: undoes the swap first where that is asked for, or where a fresh start did not get to `ready`. */
function end(state: SessionState, reason: Reason): Step {
  if (!mustRevert(state, reason)) return finish(state, reason, state.touched ? 'swapped' : 'untouched')
  const left = leaveLink(state)
  return { state: { ...left.state, step: 'undo', ending: reason }, effects: [...left.effects, { type: 'revert' }] }
}

function finish(state: SessionState, reason: Reason, cluster: Outcome['cluster']): Step {
  const left = leaveLink(state)
  const outcome: Outcome = { reason, cluster }
  return {
    state: { ...left.state, step: 'over', ending: reason },
    effects: [...left.effects, { type: 'end', outcome }],
  }
}

function mustRevert(state: SessionState, reason: Reason): boolean {
  if (!state.touched) return false
  // The one who asked does what is to be done, or somebody else holds the workload now.
  if (reason.kind === 'stopped') return false
  if (reason.kind === 'failed' && reason.error.code === 'held') return false
  const isUnwanted = !state.readyOnce || (reason.kind === 'interrupted' && reason.undo === true)
  return state.options.downOnExit || (state.fresh && isUnwanted)
}

function undoing(state: SessionState, event: SessionEvent): Step {
  const reason = state.ending
  assert(reason, 'an end has a reason')
  const over = (outcome: Outcome): Step => ({
    state: { ...state, step: 'over' },
    effects: [{ type: 'end', outcome }],
  })
  switch (event.type) {
    case 'reverted':
      return over({ reason, cluster: 'reverted' })
    case 'revert-failed':
      return over({ reason, cluster: 'revert-failed', revertError: event.error })
    case 'interrupted':
      // The second time the person means it: nothing is waited for any more.
      return over({ reason: { kind: 'interrupted', signal: event.signal }, cluster: 'swapped' })
    default:
      return { state, effects: [] }
  }
}

/**
 * Whether trying again cannot help. Once a connection has stood, only a lost right ends the session: a token can be
 * renewed, a network comes back, and whether the clone is still there is for its watch to say.
 */
function isFinal(code: ErrorCode, attachedOnce: boolean): boolean {
  if (attachedOnce) return code === 'forbidden'
  return !['unreachable', 'timeout', 'agent', 'conflict', 'not-found'].includes(code)
}

function isLive(state: SessionState, attempt: number): boolean {
  return attempt === state.attempt && state.link === 'up'
}

function phaseOf(state: SessionState): Phase {
  switch (state.step) {
    case 'begin':
      return 'idle'
    case 'claim':
    case 'forwards':
      return 'starting'
    case 'swap':
      return 'swapping'
    case 'undo':
      return 'reverting'
    case 'over':
      return 'ended'
    case 'ready':
      return 'ready'
    default:
      break
  }
  if (state.readyOnce) return 'reconnecting'
  const phases = { pod: 'waiting-pod', attach: 'attaching', sync: 'first-sync', command: 'starting-command' } as const
  return phases[state.step]
}
