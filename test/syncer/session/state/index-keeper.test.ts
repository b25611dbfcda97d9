import { expect, test } from 'vitest'
import { IndexKeeper } from '../../../../syncer/session/state/index-keeper.ts'

/** An index of so many pieces, each of which costs so much, in a world where time passes by hand. */
function keeper(costMs: number, { pieces = 1, fails = 0 } = {}) {
  const world = { nowMs: 0, begun: 0, closed: 0 }
  const timers: { atMs: number; action: () => void }[] = []
  const clock = { now: () => world.nowMs, monotonic: () => world.nowMs }
  const begin = () => {
    world.begun += 1
    let left = pieces
    const step = () => {
      world.nowMs += costMs
      left -= 1
      return left > 0 ? ('more' as const) : world.begun <= fails ? ('failed' as const) : ('written' as const)
    }
    return { step, close: () => (world.closed += 1) }
  }
  const after = (delayMs: number, action: () => void) => {
    const timer = { atMs: world.nowMs + delayMs, action }
    timers.push(timer)
    return () => timers.splice(timers.indexOf(timer), 1)
  }
  const kept = new IndexKeeper(clock, { after }, begin)
  const until = (atMs: number) => {
    for (;;) {
      const next = timers.findIndex(timer => timer.atMs <= atMs)
      if (next < 0) break
      const [timer] = timers.splice(next, 1)
      world.nowMs = Math.max(world.nowMs, timer!.atMs)
      timer!.action()
    }
    world.nowMs = Math.max(world.nowMs, atMs)
  }
  const checkpoint = (atMs: number, state: string) => {
    until(atMs)
    kept.checkpoint(state)
    return world.begun
  }
  return { checkpoint, until, kept, world, timers }
}

test('an idle session writes its index once', () => {
  const { checkpoint } = keeper(400)
  expect(checkpoint(30_000, 'a')).toBe(1)
  for (let atMs = 60_000; atMs < 3_600_000; atMs += 30_000) expect(checkpoint(atMs, 'a')).toBe(1)
})

test('what is new is written at the next checkpoint where that costs little', () => {
  const { checkpoint } = keeper(1)
  expect([checkpoint(30_000, 'a'), checkpoint(60_000, 'b'), checkpoint(90_000, 'c')]).toEqual([1, 2, 3])
})

test('an index that is dear to write waits, and is written then', () => {
  const { checkpoint } = keeper(4, { pieces: 100 })
  expect([checkpoint(30_000, 'a'), checkpoint(60_000, 'b'), checkpoint(120_000, 'b')]).toEqual([1, 1, 1])
  expect([checkpoint(180_000, 'b'), checkpoint(600_000, 'b')]).toEqual([2, 2])
})

test('an index that could not be written is tried again', () => {
  const { checkpoint } = keeper(1, { fails: 2 })
  const atMs = [30_000, 60_000, 90_000, 120_000]
  expect(atMs.map(each => checkpoint(each, 'a'))).toEqual([1, 2, 3, 3])
})

test('it is written piece by piece, with time between them, and one at a time', () => {
  const { checkpoint, until, world, timers } = keeper(1, { pieces: 100 })
  checkpoint(30_000, 'a')
  expect(world.nowMs).toBe(30_001)
  checkpoint(30_500, 'b')
  expect([world.begun, timers.length]).toEqual([1, 1])
  until(60_000)
  expect(timers).toEqual([])
  expect(checkpoint(90_000, 'b')).toBe(2)
})

test('at the end what is half written is left, and all of it is written at once', () => {
  const { checkpoint, kept, world, timers } = keeper(1, { pieces: 100 })
  checkpoint(30_000, 'a')
  kept.save()
  expect(timers).toEqual([])
  expect(world).toEqual({ nowMs: 30_101, begun: 2, closed: 1 })
})
