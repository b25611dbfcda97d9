import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { limits } from '../../../syncer/base/limits.ts'
import { Priority } from '../../../syncer/wire/frame-payload.ts'
import { SendScheduler, starvationBytes } from '../../../syncer/wire/send-scheduler.ts'

/** Lets streams that never run dry send until so many bytes have gone; answers the bytes of each. */
function run(
  streams: Record<string, Priority>,
  totalBytes: number,
): { bytes: Record<string, number>; order: string[] } {
  const scheduler = new SendScheduler<string>()
  const bytes: Record<string, number> = {}
  const order: string[] = []
  for (const [name, priority] of Object.entries(streams)) scheduler.add(name, priority)
  for (let sent = 0; sent < totalBytes; ) {
    const turn = scheduler.next()!
    bytes[turn.stream] = (bytes[turn.stream] ?? 0) + turn.bytesMax
    order.push(turn.stream)
    sent += turn.bytesMax
    scheduler.add(turn.stream, turn.priority)
    scheduler.sent(turn.priority, turn.bytesMax)
  }
  return { bytes, order }
}

describe('SendScheduler', () => {
  it('lets streams of one class take turns', () => {
    const { order } = run({ a: Priority.interactive, b: Priority.interactive, c: Priority.interactive }, 300_000)
    expect(order.slice(0, 6)).toEqual(['a', 'b', 'c', 'a', 'b', 'c'])
  })

  it('prefers higher classes, and starves none', () => {
    const { bytes } = run({ key: Priority.control, query: Priority.interactive, content: Priority.bulk }, 100_000_000)
    const share = (name: string) => (bytes[name] ?? 0) / 100_000_000
    expect(share('key')).toBeGreaterThan(0.7)
    expect(share('query')).toBeGreaterThan(0.05)
    expect(share('content')).toBeGreaterThan(0.05)
  })

  it('gives bulk whole frames when it is alone, small ones when somebody waits', () => {
    const scheduler = new SendScheduler<string>()
    scheduler.add('bulk', Priority.bulk)
    expect(scheduler.next()).toEqual({ stream: 'bulk', priority: Priority.bulk, bytesMax: limits.framePayloadBytesMax })
    scheduler.add('bulk', Priority.bulk)
    scheduler.add('key', Priority.control)
    expect(scheduler.next()?.stream).toBe('key')
    scheduler.add('key', Priority.control)
    scheduler.sent(Priority.control, starvationBytes)
    expect(scheduler.next()).toEqual({
      stream: 'bulk',
      priority: Priority.bulk,
      bytesMax: limits.interactiveChunkBytes,
    })
  })

  it('gives each ready stream a turn after a bounded number of bytes, whatever comes and goes', () => {
    const step = fc.record({ stream: fc.nat(9), remove: fc.boolean(), bytes: fc.integer({ min: 1, max: 32_768 }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), steps => {
        const scheduler = new SendScheduler<number>()
        const waiting = new Map<number, number>()
        for (const { stream, remove, bytes } of steps) {
          const priority = (stream % 3) as Priority
          if (remove) {
            scheduler.remove(stream)
            waiting.delete(stream)
          } else {
            scheduler.add(stream, priority)
            if (!waiting.has(stream)) waiting.set(stream, 0)
          }
          const turn = scheduler.next()
          expect(turn === undefined).toBe(waiting.size === 0)
          if (!turn) continue
          waiting.delete(turn.stream)
          scheduler.sent(turn.priority, bytes)
          for (const [name, waited] of waiting) {
            waiting.set(name, waited + bytes)
            // ten streams: at most that many go first in the own class, each for the price of the others
            expect(waited).toBeLessThan(10 * 3 * (starvationBytes + 32_768))
          }
        }
      }),
    )
  })
})
