import fc from 'fast-check'
import { expect, test } from 'vitest'
import { QueueSet } from '../../../syncer/base/queue-set.ts'

test('behaves as a set whose first is taken, whatever comes and goes', () => {
  const step = fc.record({ what: fc.constantFrom('add', 'delete', 'take'), item: fc.nat(6) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), steps => {
      const queue = new QueueSet<number>()
      const plain = new Set<number>()
      for (const { what, item } of steps) {
        if (what === 'take') {
          const [first] = plain
          if (first !== undefined) plain.delete(first)
          expect(queue.take()).toBe(first)
        } else if (what === 'add') {
          queue.add(item)
          plain.add(item)
        } else {
          queue.delete(item)
          plain.delete(item)
        }
        expect([...queue]).toEqual([...plain])
        expect(queue.size).toBe(plain.size)
        expect(queue.has(item)).toBe(plain.has(item))
      }
    }),
    { numRuns: 500 },
  )
})
