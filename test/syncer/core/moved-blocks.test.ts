import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BlockMarks, BlockSum } from '../../../syncer/core/block-marks.ts'
import type { Grain } from '../../../syncer/core/content-sum.ts'
import { MovedBlocks } from '../../../syncer/core/moved-blocks.ts'

const grain: Grain = { smallBytesMax: 40, blockBytes: 16 }
const measure = new BlockMarks(Buffer.alloc(16, 'key'), grain)

function blocksOf(content: Buffer): MovedBlocks {
  const sum = new BlockSum(measure, grain)
  sum.update(content)
  return new MovedBlocks(sum.digest(), content.length, measure, grain)
}

/** Where it finds what, looking on behind each find. */
function allFound(blocks: MovedBlocks, bytes: Buffer): { at: number; block: number }[] {
  const found = []
  for (let from = 0; ; ) {
    const next = blocks.find(bytes.subarray(from), bytes.length)
    if (next === undefined) return found
    found.push({ at: from + next.at, block: next.block })
    from += next.at + blocks.lengthOf(next.block)
  }
}

describe('blocks that have moved', () => {
  // Each block is another.
  const content = Buffer.from(Array.from({ length: 200 }, (_, i) => (i * 7 + (i >> 4) * 31) & 0xff))

  test('are found behind what was put in, in order', () => {
    const bytes = Buffer.concat([Buffer.from('abc'), content.subarray(0, 32), Buffer.from('de'), content.subarray(32)])
    const found = allFound(blocksOf(content), bytes)
    // The last one is too short to have an anchor.
    expect(found.map(({ block }) => block)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    expect(found.map(({ at }) => at)).toEqual([3, 19, ...Array.from({ length: 10 }, (_, i) => 37 + 16 * i)])
  })

  test('are not looked for at the end that was named, nor behind it', () => {
    const bytes = Buffer.concat([Buffer.from('abc'), content])
    expect(blocksOf(content).find(bytes, 3)).toBeUndefined()
    expect(blocksOf(content).find(bytes, 4)).toEqual({ at: 3, block: 0 })
  })

  test('are none where they are not whole', () => {
    expect(blocksOf(content).find(content.subarray(0, 15), 15)).toBeUndefined()
  })

  test('are not zeros', () => {
    expect(blocksOf(Buffer.alloc(64)).find(Buffer.alloc(64), 64)).toBeUndefined()
  })
})

test('what is said to be a block of the earlier content has its bytes', () => {
  const letters = fc.array(fc.constantFrom(0, 1, 97), { maxLength: 120 }).map(bytes => Buffer.from(bytes))
  fc.assert(
    fc.property(letters, letters, (before, now) => {
      const blocks = blocksOf(before)
      for (const { at, block } of allFound(blocks, now)) {
        const from = block * grain.blockBytes
        const length = blocks.lengthOf(block)
        expect(now.subarray(at, at + length).equals(before.subarray(from, from + length))).toBe(true)
      }
    }),
  )
})
