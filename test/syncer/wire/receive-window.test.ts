import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ReceiveWindow } from '../../../syncer/wire/receive-window.ts'

const size = { bytes: 256 * 1024, bytesMax: 4 * 1024 * 1024, bridgeMs: 0 }

/** A sender that always uses all of its credit, over a line with a round trip and a speed; answers bytes per ms. */
function simulate(
  window: ReceiveWindow,
  credit: number,
  line: { roundTripMs: number; bytesPerMs: number },
  forMs: number,
) {
  let nowMs = 0
  let received = 0
  let available = credit
  const grants: { atMs: number; bytes: number }[] = []
  while (nowMs < forMs) {
    for (const grant of grants.filter(({ atMs }) => atMs <= nowMs)) available += grant.bytes
    const due = grants.filter(({ atMs }) => atMs > nowMs)
    grants.splice(0, grants.length, ...due)
    const bytes = Math.min(available, line.bytesPerMs)
    available -= bytes
    expect(window.receive(bytes)).toBe(true)
    received += bytes
    const granted = window.consume(bytes, nowMs, line.roundTripMs)
    if (granted > 0) grants.push({ atMs: nowMs + line.roundTripMs, bytes: granted })
    nowMs++
  }
  return received / forMs
}

describe('ReceiveWindow', () => {
  it('notices who sends more than he may', () => {
    const window = new ReceiveWindow(size, 0)
    expect(window.receive(size.bytes)).toBe(true)
    expect(window.receive(1)).toBe(false)
  })

  it('never has more than its size under way, whatever is read when', () => {
    const step = fc.record({ bytes: fc.integer({ min: 1, max: 100_000 }), waitMs: fc.integer({ min: 0, max: 50 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 0, max: 300 }), (steps, roundTripMs) => {
        const window = new ReceiveWindow(size, 0)
        let credit = size.bytes
        let unread = 0
        let nowMs = 0
        for (const { bytes, waitMs } of steps) {
          const sent = Math.min(bytes, credit)
          credit -= sent
          unread += sent
          expect(window.receive(sent)).toBe(true)
          const read = Math.min(unread, bytes)
          unread -= read
          nowMs += waitMs
          credit += window.consume(read, nowMs, roundTripMs)
          expect(credit + unread).toBeLessThanOrEqual(size.bytesMax)
          // and a reader that has all is never left without credit worth sending
          if (unread === 0) expect(credit).toBeGreaterThan(size.bytes / 2)
        }
      }),
    )
  })

  it('grows where the round trip would limit the speed, and stays where not', () => {
    const far = simulate(new ReceiveWindow(size, 0), size.bytes, { roundTripMs: 80, bytesPerMs: 12_500 }, 5_000)
    expect(far).toBeGreaterThan(10_000)
    const near = new ReceiveWindow(size, 0)
    simulate(near, size.bytes, { roundTripMs: 1, bytesPerMs: 100_000 }, 1_000)
    expect(near.receive(size.bytes + 100_000)).toBe(false)
  })

  it('does not grow for a reader that is slow', () => {
    const window = new ReceiveWindow(size, 0)
    for (let nowMs = 0; nowMs < 10_000; nowMs += 10) {
      window.receive(1_000)
      window.consume(1_000, nowMs, 80)
    }
    expect(window.receive(size.bytes + 1)).toBe(false)
  })

  it('gives the difference when it is resized', () => {
    const window = new ReceiveWindow(size, 0)
    const larger = { bytes: 4 * 1024 * 1024, bytesMax: 16 * 1024 * 1024, bridgeMs: 50 }
    expect(window.resize(larger)).toBe(larger.bytes - size.bytes)
    expect(window.resize(size)).toBe(0)
    expect(window.receive(larger.bytes)).toBe(true)
  })
})
