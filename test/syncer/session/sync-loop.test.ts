import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { SyncEngine } from '../../../syncer/engine/engine.ts'
import { SyncLoop } from '../../../syncer/session/sync-loop.ts'

/** Due as it is told to be; notes when it gets its turns. */
class DueEngine {
  due = () => this.dueMs
  saveDue = () => (this.isSave ? this.dueMs : Number.POSITIVE_INFINITY)
  readonly turns: number[] = []
  dueMs = Number.POSITIVE_INFINITY
  isSave = true
  private readonly clock: { ms: number }

  constructor(clock: { ms: number }) {
    this.clock = clock
  }

  tick(): void {
    this.turns.push(this.clock.ms)
    if (this.clock.ms >= this.dueMs) this.dueMs = Number.POSITIVE_INFINITY
  }
}

function started(dueMs: number, isSave: boolean) {
  const clock = { ms: 100 }
  const engine = new DueEngine(clock)
  Object.assign(engine, { dueMs, isSave })
  const fail = (reason: Error) => {
    throw reason
  }
  const loop = new SyncLoop({ now: () => 0, monotonic: () => clock.ms }, { failed: fail, turned: () => {} })
  loop.run(engine as unknown as SyncEngine)
  vi.runOnlyPendingTimers()
  engine.turns.length = 0
  return { clock, engine, loop }
}

describe('a turn for a save', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate'] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('comes at its time, not before, where timers are early', () => {
    const { clock, engine, loop } = started(104.6, true)
    for (const ms of [103.7, 104.1, 104.5, 104.6]) {
      expect(engine.turns).toEqual([])
      clock.ms = ms
      vi.runOnlyPendingTimers()
    }
    expect(engine.turns).toEqual([104.6])
    expect(vi.getTimerCount()).toBe(0)
    loop.close()
  })

  test('does not hold up what comes in the last moment before it', () => {
    const { clock, engine, loop } = started(104.6, true)
    clock.ms = 104.1
    vi.runOnlyPendingTimers()
    loop.wake()
    vi.runOnlyPendingTimers()
    expect(engine.turns).toEqual([104.1])
    clock.ms = 104.7
    vi.runOnlyPendingTimers()
    expect(engine.turns).toEqual([104.1, 104.7])
    loop.close()
  })

  test('ends with the loop', () => {
    const { clock, engine, loop } = started(104.6, true)
    clock.ms = 104.1
    vi.runOnlyPendingTimers()
    loop.close()
    expect(vi.getTimerCount()).toBe(0)
    expect(engine.turns).toEqual([])
  })

  test('that nobody waits for is left to a timer', () => {
    const { clock, engine, loop } = started(100.5, false)
    vi.advanceTimersByTime(0)
    expect(engine.turns).toEqual([])
    clock.ms = 101
    vi.advanceTimersByTime(1)
    expect(engine.turns).toEqual([101])
    loop.close()
  })
})
