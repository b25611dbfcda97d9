import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Scrollback, scrollbackBytesMax } from '../../../syncer/agent/scrollback.ts'
import { randomBytes, seededRandom } from '../wire/random.ts'

describe('Scrollback', () => {
  it('holds exactly the last bytes, however they came', () => {
    const lengths = fc.array(fc.integer({ min: 0, max: 2 * scrollbackBytesMax }), { maxLength: 8 })
    fc.assert(
      fc.property(lengths, fc.nat(), fc.nat(), (sizes, seed, where) => {
        const random = seededRandom(seed)
        const scrollback = new Scrollback()
        const pieces = sizes.map(size => randomBytes(random, size))
        for (const piece of pieces) scrollback.add(piece)
        const all = Buffer.concat(pieces)
        expect(scrollback.end).toBe(all.length)
        expect(scrollback.start).toBe(Math.max(0, all.length - scrollbackBytesMax))
        const from = scrollback.start + (where % (scrollback.end - scrollback.start + 1))
        expect(scrollback.read(from, 100_000).equals(all.subarray(from, from + 100_000))).toBe(true)
        expect(scrollback.read(scrollback.end, 10)).toHaveLength(0)
      }),
      { numRuns: 30 },
    )
  })

  it('gives copies', () => {
    const scrollback = new Scrollback()
    scrollback.add(Buffer.from('first'))
    const read = scrollback.read(0, 5)
    scrollback.add(Buffer.alloc(scrollbackBytesMax, 'x'))
    expect(read.toString()).toBe('first')
  })
})
