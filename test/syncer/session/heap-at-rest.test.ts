import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { compactHeap, heapHeldBytes } from '../../../syncer/base/compact-heap.ts'
import { HeapAtRest } from '../../../syncer/session/heap-at-rest.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const megabyte = 1e6

/** @param gives what the compactions of a run give back, in order, MB; nothing where there is no more */
function heap(gives: number[] = [30, 20, 6]) {
  const world = { isIdle: true, folded: 0, times: 0, heldBytes: 150 * megabyte }
  let left = [...gives]
  const rest = new HeapAtRest(() => world.isIdle, {
    fold: () => {
      world.folded += 1
      left = [...gives]
    },
    compact: () => {
      expect(world.folded).toBeGreaterThan(0)
      world.times += 1
      world.heldBytes -= (left.shift() ?? 0) * megabyte
    },
    heldBytes: () => world.heldBytes,
  })
  return { world, rest }
}

test('the heap is folded once and compacted in small steps, when nothing was under way at two looks in a row', () => {
  const { world, rest } = heap()
  world.isIdle = false
  rest.begin()
  vi.advanceTimersByTime(60_000)
  world.isIdle = true
  vi.advanceTimersByTime(2_000)
  world.isIdle = false
  vi.advanceTimersByTime(2_000)
  world.isIdle = true
  vi.advanceTimersByTime(2_000)
  expect(world.folded).toBe(0)
  vi.advanceTimersByTime(2_000)
  expect(world).toMatchObject({ folded: 1, times: 0 })
  vi.advanceTimersByTime(2_000)
  expect(world.times).toBe(1)
  // something to do goes before
  world.isIdle = false
  vi.advanceTimersByTime(10_000)
  expect(world.times).toBe(1)
  world.isIdle = true
  vi.advanceTimersByTime(4_000)
  expect(world.times).toBe(2)
})

test('a change between two looks is no rest, though nothing is under way at either', () => {
  const { world, rest } = heap()
  rest.begin()
  for (let look = 0; look < 20; look++) {
    rest.changed()
    vi.advanceTimersByTime(2_000)
  }
  expect(world.folded).toBe(0)
  vi.advanceTimersByTime(2_000)
  expect(world.folded).toBe(1)
})

test('it is compacted until that has given back little twice in a row', () => {
  const { world, rest } = heap([30, 0.5, 20, 0.9, 0.9, 10])
  rest.begin()
  vi.advanceTimersByTime(600_000)
  expect(world).toMatchObject({ folded: 1, times: 5 })
})

test('and not for ever where each gives back some', () => {
  const { world, rest } = heap(Array.from({ length: 100 }, () => 2))
  rest.begin()
  vi.advanceTimersByTime(60_000)
  expect(world).toMatchObject({ folded: 1, times: 12 })
})

test('what grew since is folded and compacted at the next rest, a minute later at the earliest', () => {
  const { world, rest } = heap()
  rest.begin()
  vi.advanceTimersByTime(60_000)
  expect(world).toMatchObject({ folded: 1, times: 5 })
  const settledBytes = world.heldBytes
  world.heldBytes = settledBytes + 5 * megabyte
  vi.advanceTimersByTime(600_000)
  expect(world.folded).toBe(1)
  world.heldBytes = settledBytes + 80 * megabyte
  vi.advanceTimersByTime(20_000)
  expect(world).toMatchObject({ folded: 2, times: 10 })
  world.heldBytes += 80 * megabyte
  vi.advanceTimersByTime(50_000)
  expect(world.folded).toBe(2)
  vi.advanceTimersByTime(20_000)
  expect(world.folded).toBe(3)
})

test('not before anybody said so, and not after the end', () => {
  const { world, rest } = heap()
  vi.advanceTimersByTime(60_000)
  rest.begin()
  rest.begin()
  rest.close()
  rest.begin()
  vi.advanceTimersByTime(60_000)
  expect(world).toMatchObject({ folded: 0, times: 0 })
  expect(vi.getTimerCount()).toBe(0)
})

test('what nobody holds any more is gone afterwards', async () => {
  vi.useRealTimers()
  const seen = weakly({ some: 'thing' })
  // A weak reference that was made in this turn holds on to its object until the turn ends.
  await new Promise<void>(resolve => setImmediate(resolve))
  compactHeap()
  expect(seen.deref()).toBeUndefined()
})

test('buffers count as what the heap takes', () => {
  vi.useRealTimers()
  const before = heapHeldBytes()
  const buffer = Buffer.alloc(200 * megabyte)
  expect(heapHeldBytes() - before).toBeGreaterThan(100 * megabyte)
  expect(buffer.length).toBe(200 * megabyte)
})

function weakly(target: object): WeakRef<object> {
  return new WeakRef(target)
}
