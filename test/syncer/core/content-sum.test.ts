import { hash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { blockHash, ContentSum, contentHash, type Grain, hashOfBlocks } from '../../../syncer/core/content-sum.ts'

const grain: Grain = { smallBytesMax: 40, blockBytes: 16 }

test('a small file has its sha256, a large one the hash of its blocks', () => {
  const small = Buffer.alloc(40, 1)
  expect(contentHash(small, grain)).toBe(hash('sha256', small, 'hex'))
  const large = Buffer.alloc(41, 1)
  const blocks = [large.subarray(0, 16), large.subarray(16, 32), large.subarray(32)].map(blockHash)
  expect(contentHash(large, grain)).toBe(hash('sha512-256', Buffer.concat(blocks), 'hex'))
})

test('however it is cut into pieces, a content has one hash', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 8 }), pieces => {
      const sum = new ContentSum(grain)
      for (const piece of pieces) sum.update(piece)
      const { hash: own, blocks } = sum.digest()
      const whole = Buffer.concat(pieces)
      expect(own).toBe(contentHash(whole, grain))
      expect(blocks === undefined).toBe(whole.length <= grain.smallBytesMax)
      if (blocks !== undefined) {
        expect(blocks).toHaveLength(32 * Math.ceil(whole.length / grain.blockBytes))
        expect(hashOfBlocks(blocks)).toBe(own)
      }
    }),
  )
})

test('a small file that lists the blocks of a large one has another hash', () => {
  const wide: Grain = { smallBytesMax: 64, blockBytes: 40 }
  const large = Buffer.alloc(80, 7)
  const list = Buffer.concat([blockHash(large.subarray(0, 40)), blockHash(large.subarray(40))])
  expect(list).toHaveLength(64)
  expect(contentHash(list, wide)).not.toBe(contentHash(large, wide))
})
