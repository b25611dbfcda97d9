import { describe, expect, test } from 'vitest'
import { DeleteGuard } from '../../../../syncer/engine/intake/delete-guard.ts'
import type { Put } from '../../../../syncer/wire/change-message.ts'

const removal = (index: number): Put => ({
  type: 'put',
  seq: index,
  path: `f${index}`,
  base: 'f00',
  data: '',
  mtimeMs: 0,
  live: true,
})

/** Removals of these files arrive at one moment. */
function arrive(guard: DeleteGuard, nowMs: number, from: number, to: number): void {
  for (let index = from; index < to; index++) guard.add(removal(index), nowMs)
}

/** Looks when it asks to be looked at, each time so many ms late. */
function judge(guard: DeleteGuard, lateMs = 0) {
  for (let looks = 1; ; looks++) {
    const nowMs = guard.due() + lateMs
    const burst = guard.take(nowMs, 80)
    if (burst !== undefined) return { removals: burst.puts.length, allowed: burst.allowed, nowMs, looks }
    if (looks > 1_000) throw new Error('it never judges')
  }
}

describe('removals from the pod', () => {
  test('few are let through soon', () => {
    const guard = new DeleteGuard()
    arrive(guard, 1_000, 0, 10)
    const few = judge(guard)
    expect(few).toMatchObject({ removals: 10, allowed: true })
    expect(few.nowMs).toBeLessThanOrEqual(1_100)
    arrive(guard, 3_000, 0, 50)
    const more = judge(guard)
    expect(more).toMatchObject({ removals: 50, allowed: true })
    expect(more.nowMs).toBeLessThanOrEqual(3_300)
    expect(guard.due()).toBe(Number.POSITIVE_INFINITY)
  })

  test('case 59: many are not, however they are spread over a moment', () => {
    const guard = new DeleteGuard()
    for (let index = 0; index < 80; index++) {
      const nowMs = 1_000 + index * 20
      expect(guard.take(nowMs, 80)).toBeUndefined()
      arrive(guard, nowMs, index, index + 1)
    }
    expect(judge(guard)).toMatchObject({ removals: 80, allowed: false })
  })

  test('case 59: what the pod finds a little later belongs to it', () => {
    for (const gapMs of [100, 200]) {
      const guard = new DeleteGuard()
      arrive(guard, 1_000, 0, 48)
      expect(guard.take(1_000 + gapMs, 80)).toBeUndefined()
      arrive(guard, 1_000 + gapMs, 48, 80)
      expect(judge(guard)).toMatchObject({ removals: 80, allowed: false })
    }
  })

  test('two bursts that are each allowed are not when they come within a second', () => {
    for (const [gapMs, allowed] of [
      [400, false],
      [1_300, true],
    ] as const) {
      const guard = new DeleteGuard()
      arrive(guard, 1_000, 0, 40)
      const { nowMs } = judge(guard)
      arrive(guard, nowMs + gapMs, 40, 80)
      expect(judge(guard)).toMatchObject({ removals: 40, allowed })
    }
  })

  test('a standstill of this process is not taken for their end', () => {
    for (const stillMs of [50, 51, 55, 60, 100, 5_000]) {
      const guard = new DeleteGuard()
      arrive(guard, 1_000, 0, 40)
      // what arrived meanwhile has not been read yet: timers come first
      const nowMs = 1_000 + stillMs
      expect(guard.take(nowMs, 80)).toBeUndefined()
      arrive(guard, nowMs, 40, 80)
      expect(judge(guard)).toMatchObject({ removals: 80, allowed: false })
    }
  })

  test('a machine that is always late holds them back for a while, not for ever', () => {
    const guard = new DeleteGuard()
    arrive(guard, 1_000, 0, 3)
    const judged = judge(guard, 200)
    expect(judged).toMatchObject({ removals: 3, allowed: true })
    expect(judged.looks).toBeLessThan(30)
  })
})
