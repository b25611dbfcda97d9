import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FIRST_ATTACH_ATTEMPTS_MAX, initialState, step } from '../../../src/session/machine.ts'
import type { Effect, PodRef, SessionEvent, SessionOptions, SessionState } from '../../../src/session/session-state.ts'
import { type ErrorCode, UserError } from '../../../syncer/base/errors.ts'

const pod: PodRef = { name: 'web-podswap-1', uid: 'u1', container: 'app', incarnation: 'c1' }
const restarted: PodRef = { ...pod, incarnation: 'c2' }
const other: PodRef = { name: 'web-podswap-2', uid: 'u2', container: 'app', incarnation: 'c3' }
const foreground: SessionOptions = { endsWithCommand: true, downOnExit: false }
const background: SessionOptions = { endsWithCommand: false, downOnExit: false }
const error = (code: ErrorCode) => new UserError(code, code)

function play(events: SessionEvent[], options = foreground): { state: SessionState; effects: Effect[] } {
  let state = initialState(options)
  let effects: Effect[] = []
  for (const event of events) {
    const next = step(state, event)
    state = next.state
    effects = next.effects
  }
  return { state, effects }
}

const toSwap: SessionEvent[] = [
  { type: 'start' },
  { type: 'swap-claimed', tookOver: false },
  { type: 'forwards-bound' },
]
const toPod: SessionEvent[] = [...toSwap, { type: 'swap-touched' }, { type: 'swap-applied', resumed: false }]
const toAttach: SessionEvent[] = [...toPod, { type: 'pod-running', pod }]
const toSync: SessionEvent[] = [...toAttach, { type: 'attached', attempt: 1 }]
const toCommand: SessionEvent[] = [...toSync, { type: 'synced', attempt: 1 }]
const toReady: SessionEvent[] = [...toCommand, { type: 'command-started', attempt: 1 }]
const resumedToAttach: SessionEvent[] = [
  ...toSwap,
  { type: 'swap-applied', resumed: true },
  { type: 'pod-running', pod },
]

const left = (kind: 'left' | 'stopped') => ({ type: 'end', outcome: { reason: { kind }, cluster: 'swapped' } })

describe('the way to ready', () => {
  test.each<[string, SessionEvent[], string, object[]]>([
    ['start', [{ type: 'start' }], 'starting', [{ type: 'claim-swap' }]],
    ['claimed', toSwap.slice(0, 2), 'starting', [{ type: 'bind-forwards', patient: false }]],
    [
      'claimed from somebody else',
      [{ type: 'start' }, { type: 'swap-claimed', tookOver: true }],
      'starting',
      [{ type: 'bind-forwards', patient: true }],
    ],
    ['forwards bound', toSwap, 'swapping', [{ type: 'apply-swap' }]],
    ['swap applied', toPod, 'waiting-pod', [{ type: 'watch-pod' }]],
    ['pod pending', [...toPod, { type: 'pod-pending' }], 'waiting-pod', []],
    ['pod running', toAttach, 'attaching', [{ type: 'attach', attempt: 1, pod }]],
    ['attached', toSync, 'first-sync', [{ type: 'sync', attempt: 1 }]],
    ['synced', toCommand, 'starting-command', [{ type: 'start-command', attempt: 1, pod }]],
    ['command started', toReady, 'ready', [{ type: 'be-ready', again: false }]],
  ])('%s', (_name, events, phase, effects) => {
    const at = play(events)
    expect(at.state.phase).toBe(phase)
    expect(at.effects).toEqual(effects)
  })
})

describe('losing and finding the pod again', () => {
  test.each<[string, SessionEvent[], string, object[]]>([
    [
      'the connection goes after a while: at once again',
      [...toReady, { type: 'detached', attempt: 1, upMs: 60_000 }],
      'reconnecting',
      [{ type: 'detach' }, { type: 'attach', attempt: 2, pod }],
    ],
    [
      'the connection goes twice in a row: the second time a wait',
      [
        ...toReady,
        { type: 'detached', attempt: 1, upMs: 10 },
        { type: 'attached', attempt: 2 },
        { type: 'detached', attempt: 2, upMs: 10 },
      ],
      'reconnecting',
      [{ type: 'detach' }, { type: 'retry-later', attempt: 2, waitMs: 200, error: null }],
    ],
    ['what an older attempt says is void', [...toReady, { type: 'detached', attempt: 0, upMs: 1 }], 'ready', []],
    [
      'attaching fails after it had stood: a wait',
      [
        ...toReady,
        { type: 'detached', attempt: 1, upMs: 60_000 },
        { type: 'attach-failed', attempt: 2, error: error('unauthorized') },
      ],
      'reconnecting',
      [{ type: 'retry-later', attempt: 2, waitMs: 200, error: error('unauthorized') }],
    ],
    [
      'the wait is over',
      [
        ...toReady,
        { type: 'detached', attempt: 1, upMs: 60_000 },
        { type: 'attach-failed', attempt: 2, error: error('unreachable') },
        { type: 'retry-due', attempt: 2 },
      ],
      'reconnecting',
      [{ type: 'attach', attempt: 3, pod }],
    ],
    ['the pod goes', [...toReady, { type: 'pod-gone' }], 'reconnecting', [{ type: 'detach' }]],
    [
      'another pod fails to come up',
      [...toReady, { type: 'pod-failed', error: error('pod-failed') }],
      'reconnecting',
      [{ type: 'detach' }],
    ],
    [
      'another pod comes',
      [...toReady, { type: 'pod-gone' }, { type: 'pod-running', pod: other }],
      'reconnecting',
      [{ type: 'attach', attempt: 2, pod: other }],
    ],
    [
      'the container was restarted in the same pod',
      [...toReady, { type: 'pod-running', pod: restarted }],
      'reconnecting',
      [{ type: 'detach' }, { type: 'attach', attempt: 2, pod: restarted }],
    ],
    ['the same pod is seen once more', [...toReady, { type: 'pod-running', pod }], 'ready', []],
    [
      'the pod is seen while a retry waits: at once',
      [
        ...toReady,
        { type: 'detached', attempt: 1, upMs: 60_000 },
        { type: 'attach-failed', attempt: 2, error: error('unreachable') },
        { type: 'pod-running', pod },
      ],
      'reconnecting',
      [{ type: 'cancel-retry' }, { type: 'attach', attempt: 3, pod }],
    ],
    [
      'the laptop woke with a connection that seems to stand',
      [...toReady, { type: 'woke' }],
      'ready',
      [{ type: 'probe' }],
    ],
    [
      'the laptop woke while a retry waits',
      [
        ...toReady,
        { type: 'detached', attempt: 1, upMs: 60_000 },
        { type: 'attach-failed', attempt: 2, error: error('unreachable') },
        { type: 'woke' },
      ],
      'reconnecting',
      [{ type: 'cancel-retry' }, { type: 'attach', attempt: 3, pod }],
    ],
    [
      'ready again',
      [
        ...toReady,
        { type: 'detached', attempt: 1, upMs: 60_000 },
        { type: 'attached', attempt: 2 },
        { type: 'synced', attempt: 2 },
        { type: 'command-started', attempt: 2 },
      ],
      'ready',
      [{ type: 'be-ready', again: true }],
    ],
  ])('%s', (_name, events, phase, effects) => {
    const at = play(events)
    expect(at.state.phase).toBe(phase)
    expect(at.effects).toEqual(effects)
  })

  test('the waits grow to five seconds and never end the session once it had stood', () => {
    let { state } = play([...toReady, { type: 'detached', attempt: 1, upMs: 60_000 }])
    const waits: number[] = []
    for (let attempt = 2; attempt < 40; attempt++) {
      const failed = step(state, { type: 'attach-failed', attempt, error: error('unreachable') })
      const [wait] = failed.effects
      if (wait?.type === 'retry-later') waits.push(wait.waitMs)
      state = step(failed.state, { type: 'retry-due', attempt }).state
    }
    expect(waits.slice(0, 7)).toEqual([200, 400, 800, 1600, 3200, 5000, 5000])
    expect(waits).toHaveLength(38)
  })
})

describe('the end', () => {
  const failed = (code: ErrorCode, cluster: string) => ({
    type: 'end',
    outcome: { reason: { kind: 'failed', error: error(code) }, cluster },
  })
  const exited = { kind: 'command-exited', code: 3, signal: undefined }
  test.each<[string, SessionOptions, SessionEvent[], object[]]>([
    [
      'a busy port: nothing was touched',
      foreground,
      [{ type: 'start' }, { type: 'failed', error: error('port-in-use') }],
      [failed('port-in-use', 'untouched')],
    ],
    [
      'the swap fails before it wrote anything',
      foreground,
      [...toSwap, { type: 'failed', error: error('not-found') }],
      [failed('not-found', 'untouched')],
    ],
    [
      'the swap fails half-way: undone',
      foreground,
      [...toSwap, { type: 'swap-touched' }, { type: 'failed', error: error('rejected') }],
      [{ type: 'revert' }],
    ],
    [
      'undone',
      foreground,
      [...toSwap, { type: 'swap-touched' }, { type: 'failed', error: error('rejected') }, { type: 'reverted' }],
      [failed('rejected', 'reverted')],
    ],
    [
      'undoing fails',
      foreground,
      [...toPod, { type: 'interrupted', signal: 'SIGINT' }, { type: 'revert-failed', error: error('unreachable') }],
      [
        {
          type: 'end',
          outcome: {
            reason: { kind: 'interrupted', signal: 'SIGINT' },
            cluster: 'revert-failed',
            revertError: error('unreachable'),
          },
        },
      ],
    ],
    [
      'the first pod cannot start: undone',
      foreground,
      [...toPod, { type: 'pod-failed', error: error('pod-failed') }],
      [{ type: 'revert' }],
    ],
    [
      'Ctrl-C before it was ready: undone',
      foreground,
      [...toSync, { type: 'interrupted', signal: 'SIGINT' }],
      [{ type: 'detach' }, { type: 'revert' }],
    ],
    [
      'Ctrl-C twice: not waited for',
      foreground,
      [...toSync, { type: 'interrupted', signal: 'SIGINT' }, { type: 'interrupted', signal: 'SIGINT' }],
      [{ type: 'end', outcome: { reason: { kind: 'interrupted', signal: 'SIGINT' }, cluster: 'swapped' } }],
    ],
    [
      'Ctrl-C before it was ready in a session that was resumed: left on',
      foreground,
      [...resumedToAttach, { type: 'interrupted', signal: 'SIGINT' }],
      [
        { type: 'detach' },
        { type: 'end', outcome: { reason: { kind: 'interrupted', signal: 'SIGINT' }, cluster: 'swapped' } },
      ],
    ],
    [
      'SIGTERM when ready: left on',
      foreground,
      [...toReady, { type: 'interrupted', signal: 'SIGTERM' }],
      [
        { type: 'detach' },
        { type: 'end', outcome: { reason: { kind: 'interrupted', signal: 'SIGTERM' }, cluster: 'swapped' } },
      ],
    ],
    [
      'as the dev that it serves came to nothing: undone',
      foreground,
      [...toReady, { type: 'interrupted', signal: 'SIGTERM', undo: true }],
      [{ type: 'detach' }, { type: 'revert' }],
    ],
    [
      'the same, swapped before: left on',
      foreground,
      [...resumedToAttach, { type: 'interrupted', signal: 'SIGTERM', undo: true }],
      [
        { type: 'detach' },
        {
          type: 'end',
          outcome: { reason: { kind: 'interrupted', signal: 'SIGTERM', undo: true }, cluster: 'swapped' },
        },
      ],
    ],
    ['left', foreground, [...toReady, { type: 'left' }], [{ type: 'detach' }, left('left')]],
    [
      'left with --down-on-exit',
      { ...foreground, downOnExit: true },
      [...toReady, { type: 'left' }],
      [{ type: 'detach' }, { type: 'revert' }],
    ],
    [
      'stopped by down, which undoes it',
      foreground,
      [...toSync, { type: 'stopped' }],
      [{ type: 'detach' }, left('stopped')],
    ],
    [
      'the program ends in the foreground',
      foreground,
      [...toReady, { type: 'command-exited', code: 3 }],
      [{ type: 'detach' }, { type: 'end', outcome: { reason: exited, cluster: 'swapped' } }],
    ],
    ['the program ends in the background', background, [...toReady, { type: 'command-exited', code: 3 }], []],
    [
      'somebody else took the workload: not undone',
      { ...foreground, downOnExit: true },
      [...toReady, { type: 'failed', error: error('held') }],
      [{ type: 'detach' }, failed('held', 'swapped')],
    ],
    [
      'the right to attach is lost',
      foreground,
      [
        ...toReady,
        { type: 'detached', attempt: 1, upMs: 60_000 },
        { type: 'attach-failed', attempt: 2, error: error('forbidden') },
      ],
      [failed('forbidden', 'swapped')],
    ],
    [
      'no right to attach from the start: undone',
      foreground,
      [...toAttach, { type: 'attach-failed', attempt: 1, error: error('forbidden') }],
      [{ type: 'revert' }],
    ],
  ])('%s', (_name, options, events, effects) => {
    expect(play(events, options).effects).toEqual(effects)
  })

  test('the first attach is tried a limited number of times', () => {
    let { state, effects } = play(toAttach)
    let failures = 0
    while (state.step !== 'undo' && failures < 100) {
      failures++
      ;({ state, effects } = step(state, { type: 'attach-failed', attempt: state.attempt, error: error('agent') }))
      if (state.link === 'waiting') ({ state, effects } = step(state, { type: 'retry-due', attempt: state.attempt }))
    }
    expect(failures).toBe(FIRST_ATTACH_ATTEMPTS_MAX)
    expect(effects).toEqual([{ type: 'revert' }])
  })
})

describe('whatever happens', () => {
  const code = fc.constantFrom<ErrorCode>('agent', 'unreachable', 'forbidden', 'not-found', 'held', 'unauthorized')
  const attempt = fc.nat(4)
  const event: fc.Arbitrary<SessionEvent> = fc.oneof(
    fc.constantFrom<SessionEvent>(
      { type: 'swap-claimed', tookOver: false },
      { type: 'forwards-bound' },
      { type: 'swap-touched' },
      { type: 'swap-applied', resumed: false },
      { type: 'swap-applied', resumed: true },
      { type: 'pod-running', pod },
      { type: 'pod-running', pod: restarted },
      { type: 'pod-running', pod: other },
      { type: 'pod-pending' },
      { type: 'pod-gone' },
      { type: 'woke' },
      { type: 'left' },
      { type: 'stopped' },
      { type: 'command-exited', code: 1 },
      { type: 'interrupted', signal: 'SIGINT' },
      { type: 'reverted' },
    ),
    code.map(of => ({ type: 'failed', error: error(of) }) as const),
    code.map(of => ({ type: 'pod-failed', error: error(of) }) as const),
    code.map(of => ({ type: 'swap-gone', error: error(of) }) as const),
    code.map(of => ({ type: 'revert-failed', error: error(of) }) as const),
    attempt.map(of => ({ type: 'attached', attempt: of }) as const),
    attempt.map(of => ({ type: 'synced', attempt: of }) as const),
    attempt.map(of => ({ type: 'command-started', attempt: of }) as const),
    attempt.map(of => ({ type: 'retry-due', attempt: of }) as const),
    fc.record({ type: fc.constant('detached' as const), attempt, upMs: fc.constantFrom(1, 60_000) }),
    fc.record({ type: fc.constant('attach-failed' as const), attempt, error: code.map(error) }),
  )
  const run = fc.record({
    events: fc.array(event, { maxLength: 60 }),
    options: fc.record({ endsWithCommand: fc.boolean(), downOnExit: fc.boolean() }),
  })
  /** Attempts that did happen, in their order, so that random events reach the later states often. */
  const fitted = (state: SessionState, given: SessionEvent): SessionEvent =>
    'attempt' in given && given.attempt > 1 ? { ...given, attempt: state.attempt } : given

  test('there is one end, it comes last, and nothing follows it', () => {
    fc.assert(
      fc.property(run, ({ events, options }) => {
        let state = step(initialState(options), { type: 'start' }).state
        let ends = 0
        for (const given of events) {
          const next = step(state, fitted(state, given))
          if (ends > 0) expect(next.effects).toEqual([])
          next.effects.forEach((effect, index) => {
            if (effect.type !== 'end') return
            ends++
            expect(index).toBe(next.effects.length - 1)
          })
          state = next.state
          expect(state.phase === 'ended').toBe(ends === 1)
        }
        expect(ends).toBeLessThanOrEqual(1)
      }),
      { numRuns: 2_000 },
    )
  })

  test('a living session with a pod always has a connection, an attempt under way or a wait for the next', () => {
    fc.assert(
      fc.property(run, ({ events, options }) => {
        let state = step(initialState(options), { type: 'start' }).state
        for (const given of events) {
          const before = state
          const next = step(state, fitted(state, given))
          state = next.state
          if (state.step === 'over' || state.step === 'undo') continue
          expect(state.pod === null).toBe(state.link === 'none')
          const kinds = next.effects.map(effect => effect.type)
          if (state.link === 'connecting' && state.attempt !== before.attempt) expect(kinds).toContain('attach')
          if (state.link === 'waiting' && before.link !== 'waiting') expect(kinds).toContain('retry-later')
          if (before.link === 'up' && state.link !== 'up') expect(kinds).toContain('detach')
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('ready is reached only through sync and the command, on the attempt that stands', () => {
    fc.assert(
      fc.property(run, ({ events, options }) => {
        let state = step(initialState(options), { type: 'start' }).state
        let synced = -1
        for (const given of events) {
          const actual = fitted(state, given)
          const before = state
          const next = step(state, actual)
          state = next.state
          if (next.effects.some(effect => effect.type === 'start-command')) {
            expect(actual.type).toBe('synced')
            synced = state.attempt
          }
          if (state.step === 'ready' && before.step !== 'ready') {
            expect(synced).toBe(state.attempt)
            expect(state.link).toBe('up')
          }
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('an untouched cluster is never reverted; a fresh start that fails always is', () => {
    fc.assert(
      fc.property(run, ({ events, options }) => {
        let state = step(initialState(options), { type: 'start' }).state
        for (const given of events) {
          const before = state
          const next = step(state, fitted(state, given))
          state = next.state
          const kinds = next.effects.map(effect => effect.type)
          if (kinds.includes('revert')) expect(before.touched).toBe(true)
          const ends = next.effects.find(effect => effect.type === 'end')
          const { ending } = state
          const ownFailure = ending?.kind === 'failed' && ending.error.code !== 'held'
          // what somebody else ended has nothing left to undo
          if (
            ends &&
            given.type !== 'swap-gone' &&
            before.step !== 'undo' &&
            before.fresh &&
            before.touched &&
            !before.readyOnce
          ) {
            expect(ownFailure).toBe(false)
          }
        }
      }),
      { numRuns: 2_000 },
    )
  })
})
