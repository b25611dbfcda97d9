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
  const world = { isIdle: false, folded: 0, times: 0 }
  const rest = new HeapAtRest(() => world.isIdle, {
    fold: () => {
      world.folded += 1
    },
    compact: () => {
      expect(world.folded).toBe(1)
      world.times += 1
    },
  })
  return { world, rest }
}

test('the heap is folded once and compacted in small steps, when nothing was under way at two looks in a row', () => {
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
  expect(world).toMatchObject({ folded: 1, times: 0 })
  vi.advanceTimersByTime(2_000)
  expect(world.times).toBe(1)
  // something to do goes before
  world.isIdle = false
  vi.advanceTimersByTime(10_000)
  expect(world.times).toBe(1)
  world.isIdle = true
  vi.advanceTimersByTime(8_000)
  expect(world.times).toBe(4)
  rest.begin()
  vi.advanceTimersByTime(60_000)
  expect(world.times).toBe(4)
})

test('after a sweep the heap is compacted again, and not while the first steps are under way', () => {
  const { world, rest } = heap()
  world.isIdle = true
  rest.swept()
  vi.advanceTimersByTime(60_000)
  expect(world.times).toBe(0)
  rest.begin()
  rest.swept()
  vi.advanceTimersByTime(60_000)
  expect(world.times).toBe(4)
  rest.swept()
  vi.advanceTimersByTime(60_000)
  expect(world).toMatchObject({ folded: 1, times: 6 })
  rest.close()
  rest.swept()
  vi.advanceTimersByTime(60_000)
  expect(world.times).toBe(6)
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

test('what nobody holds any more is gone afterwards', async () => {
  vi.useRealTimers()
  const seen = weakly({ some: 'thing' })
  // A weak reference that was made in this turn holds on to its object until the turn ends.
  await new Promise<void>(resolve => setImmediate(resolve))
  compactHeap()
  expect(seen.deref()).toBeUndefined()
})

function weakly(target: object): WeakRef<object> {
  return new WeakRef(target)
}
