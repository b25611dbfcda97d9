import { expect, test } from 'vitest'
import { IndexKeeper } from '../../../syncer/session/index-keeper.ts'

function keeper(costMs: number, isWritten: (saves: number) => boolean = () => true) {
  const world = { nowMs: 0, saves: 0 }
  const clock = { now: () => world.nowMs, monotonic: () => world.nowMs }
  const kept = new IndexKeeper(clock, () => {
    world.saves += 1
    world.nowMs += costMs
    return isWritten(world.saves)
  })
  const checkpoint = (atMs: number, state: string) => {
    world.nowMs = atMs
    kept.checkpoint(state)
    return world.saves
  }
  return checkpoint
}

test('an idle session writes its index once', () => {
  const checkpoint = keeper(400)
  expect(checkpoint(30_000, 'a')).toBe(1)
  for (let atMs = 60_000; atMs < 3_600_000; atMs += 30_000) expect(checkpoint(atMs, 'a')).toBe(1)
})

test('what is new is written at the next checkpoint where that costs little', () => {
  const checkpoint = keeper(1)
  expect([checkpoint(30_000, 'a'), checkpoint(60_000, 'b'), checkpoint(90_000, 'c')]).toEqual([1, 2, 3])
})

test('an index that is dear to write waits, and is written then', () => {
  const checkpoint = keeper(400)
  expect([checkpoint(30_000, 'a'), checkpoint(60_000, 'b'), checkpoint(120_000, 'b')]).toEqual([1, 1, 1])
  expect([checkpoint(180_000, 'b'), checkpoint(600_000, 'b')]).toEqual([2, 2])
})

test('an index that could not be written is tried again', () => {
  const checkpoint = keeper(1, saves => saves > 2)
  const atMs = [30_000, 60_000, 90_000, 120_000]
  expect(atMs.map(each => checkpoint(each, 'a'))).toEqual([1, 2, 3, 3])
})
