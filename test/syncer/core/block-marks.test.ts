import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BlockMarks, BlockSum, findAnchor, sha256OfBlocks } from '../../../syncer/core/block-marks.ts'
import type { Grain } from '../../../syncer/core/content-sum.ts'

const grain: Grain = { smallBytesMax: 40, blockBytes: 16 }
const marks = new BlockMarks(Buffer.alloc(16, 'key'), grain)
const block = fc.uint8Array({ minLength: 1, maxLength: 16 }).map(bytes => Buffer.from(bytes))

test('blocks have one mark where they are the same, and another under another key', () => {
  const others = new BlockMarks(Buffer.alloc(16, 'other'), grain)
  fc.assert(
    fc.property(block, block, (a, b) => {
      expect(marks.of(a)).toHaveLength(marks.valueBytes)
      expect(marks.of(a).equals(marks.of(b))).toBe(a.equals(b))
      expect(others.of(a).equals(marks.of(a))).toBe(false)
    }),
  )
})

test.each([marks, sha256OfBlocks])('however it is cut into pieces, a content has one list of values', measure => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 8 }), pieces => {
      const sum = new BlockSum(measure, grain)
      for (const piece of pieces) sum.update(piece)
      const whole = Buffer.concat(pieces)
      const values: Uint8Array[] = []
      for (let at = 0; at < whole.length; at += grain.blockBytes)
        values.push(measure.of(whole.subarray(at, at + grain.blockBytes)))
      expect(sum.digest().equals(Buffer.concat(values))).toBe(true)
    }),
  )
})

test('an anchor rolls through each place before the end, and is that of the block that begins there', () => {
  const { windowBytes } = marks
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(90), (array, end) => {
      const bytes = Buffer.from(array)
      const anchors: number[] = []
      expect(findAnchor(bytes, windowBytes, end, anchor => anchors.push(anchor) < 0)).toBe(-1)
      expect(anchors).toHaveLength(Math.max(0, Math.min(end, bytes.length - windowBytes + 1)))
      for (const [at, anchor] of anchors.entries())
        expect(anchor).toBe(marks.anchorIn(marks.of(bytes.subarray(at, at + grain.blockBytes))))
    }),
  )
})
