import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Shaper } from '../../bench/shaper.ts'

/** Everything that arrives, with the time. */
function drain(shaper: Shaper): { atMs: number; flow: number; length: number }[] {
  const arrived: { atMs: number; flow: number; length: number }[] = []
  for (let atMs = shaper.dueMs(); atMs < Infinity; atMs = shaper.dueMs()) {
    for (const { flow, bytes } of shaper.take(atMs)) arrived.push({ atMs, flow, length: bytes.length })
  }
  return arrived
}

describe('a slow link', () => {
  it('takes the delay and the time that the bytes need', () => {
    const shaper = new Shaper({ delayMs: 25, bytesPerSecond: 1_000_000 })
    shaper.push(1, Buffer.alloc(1_000), 100)
    expect(drain(shaper)).toEqual([{ atMs: 126, flow: 1, length: 1_000 }])
  })

  it('is one link for all flows, in turns', () => {
    const shaper = new Shaper({ delayMs: 0, bytesPerSecond: 1_500_000 })
    shaper.push(1, Buffer.alloc(6_000), 0)
    shaper.push(2, Buffer.alloc(1_500), 0)
    expect(drain(shaper).map(({ atMs, flow }) => [atMs, flow])).toEqual([
      [1, 1],
      [2, 2],
      [3, 1],
      [4, 1],
      [5, 1],
    ])
  })

  it('does not save up for later while nothing goes', () => {
    const shaper = new Shaper({ delayMs: 0, bytesPerSecond: 1_000 })
    shaper.push(1, Buffer.alloc(10), 0)
    drain(shaper)
    shaper.push(1, Buffer.alloc(10), 5_000)
    expect(drain(shaper).map(({ atMs }) => atMs)).toEqual([5_010])
  })

  it('keeps its rate where it is looked at late', () => {
    const shaper = new Shaper({ delayMs: 0, bytesPerSecond: 1_500_000 })
    shaper.push(1, Buffer.alloc(150_000), 0)
    const lengths = [50, 100].map(nowMs => shaper.take(nowMs).reduce((sum, { bytes }) => sum + bytes.length, 0))
    expect(lengths).toEqual([75_000, 75_000])
  })

  it('forgets a flow that is gone', () => {
    const shaper = new Shaper({ delayMs: 10, bytesPerSecond: 1_000_000 })
    shaper.push(1, Buffer.alloc(3_000), 0)
    shaper.push(2, Buffer.alloc(100), 0)
    shaper.take(0)
    shaper.forget(1)
    expect(drain(shaper).map(({ flow, length }) => [flow, length])).toEqual([[2, 100]])
  })

  it('loses nothing, and keeps the order of each flow', () => {
    const pushes = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.uint8Array({ minLength: 1, maxLength: 4_000 })))
    fc.assert(
      fc.property(pushes, all => {
        const shaper = new Shaper({ delayMs: 3, bytesPerSecond: 50_000 })
        const sent = new Map<number, Buffer[]>()
        const got = new Map<number, Buffer[]>()
        const add = (to: Map<number, Buffer[]>, flow: number, bytes: Buffer) =>
          to.set(flow, [...(to.get(flow) ?? []), bytes])
        for (const [index, [flow, bytes]] of all.entries()) {
          shaper.push(flow, Buffer.from(bytes), index)
          add(sent, flow, Buffer.from(bytes))
          for (const piece of shaper.take(index)) add(got, piece.flow, piece.bytes)
        }
        for (let atMs = shaper.dueMs(); atMs < Infinity; atMs = shaper.dueMs()) {
          for (const piece of shaper.take(atMs)) add(got, piece.flow, piece.bytes)
        }
        for (const [flow, parts] of sent) {
          expect(Buffer.concat(got.get(flow) ?? []).equals(Buffer.concat(parts))).toBe(true)
        }
      }),
      { numRuns: 50 },
    )
  })
})
