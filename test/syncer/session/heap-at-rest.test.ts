import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { compactHeap } from '../../../syncer/base/compact-heap.ts'
import { HeapAtRest } from '../../../syncer/session/heap-at-rest.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function heap() {
  const world = { isIdle: false, times: 0 }
  const rest = new HeapAtRest(
    () => world.isIdle,
    () => {
      world.times += 1
    },
  )
  return { world, rest }
}

test('the heap is compacted once, when nothing was under way at two looks in a row', () => {
  const { world, rest } = heap()
  rest.begin()
  vi.advanceTimersByTime(60_000)
  expect(world.times).toBe(0)
  world.isIdle = true
  vi.advanceTimersByTime(2_000)
  world.isIdle = false
  vi.advanceTimersByTime(2_000)
  world.isIdle = true
  vi.advanceTimersByTime(2_000)
  expect(world.times).toBe(0)
  vi.advanceTimersByTime(2_000)
  expect(world.times).toBe(1)
  rest.begin()
  vi.advanceTimersByTime(60_000)
  expect(world.times).toBe(1)
})

test('not before anybody said so, and not after the end', () => {
  const { world, rest } = heap()
  world.isIdle = true
  vi.advanceTimersByTime(60_000)
  rest.begin()
  rest.close()
  vi.advanceTimersByTime(60_000)
  expect(world.times).toBe(0)
})

test('what nobody holds any more is gone afterwards', () => {
  let dropped: object | undefined = { some: 'thing' }
  const seen = new WeakRef(dropped)
  dropped = undefined
  // A reference that was followed in this turn is kept until its end, so none is followed before.
  compactHeap()
  expect(seen.deref()).toBeUndefined()
})
