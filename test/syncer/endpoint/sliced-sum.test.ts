import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BlockMarks } from '../../../syncer/core/block-marks.ts'
import { contentHash, type Grain } from '../../../syncer/core/content-sum.ts'
import type { OpenFile, Stat } from '../../../syncer/disk/disk.ts'
import { type FileBlocks, type FileSum, SlicedSum } from '../../../syncer/endpoint/sliced-sum.ts'

const grain: Grain = { smallBytesMax: 40, blockBytes: 16 }
const measure = new BlockMarks(Buffer.alloc(16, 'key'), grain)
const content = fc.uint8Array({ minLength: 41, maxLength: 400 }).map(bytes => Buffer.from(bytes))

function fileOf(bytes: Buffer): OpenFile {
  const times = { mtimeNs: 1n, ctimeNs: 1n, ino: 1n }
  const opened: Stat = { kind: 'file', size: bytes.length, mode: 0o644, mount: false, ...times }
  return { opened, stat: () => opened, read: (at, length) => bytes.subarray(at, at + length), close: () => {} }
}

function sumOf(bytes: Buffer, before?: FileBlocks): FileSum {
  const sum = new SlicedSum(fileOf(bytes), grain, { measure, before })
  for (;;) {
    const result = sum.step()
    if (result !== 'more') return result as FileSum
  }
}

test('whatever was known before, a content has its hash and its blocks', () => {
  fc.assert(
    fc.property(content, content, fc.nat(400), (old, other, at) => {
      const cut = Math.min(at, old.length)
      const now = Buffer.concat([old.subarray(0, cut), other, old.subarray(cut)])
      for (const [bytes, before] of [
        [now, old],
        [old, now],
        [old, old],
        [other, old],
      ] as const) {
        const anew = sumOf(bytes)
        expect(sumOf(bytes, sumOf(before).blocks)).toEqual(anew)
        expect(anew.hash).toBe(contentHash(bytes, grain))
      }
    }),
    { numRuns: 30 },
  )
})

test('a block with the mark that it had is not hashed again, any other is', () => {
  const old = Buffer.alloc(80, 'old')
  const blocks = sumOf(old).blocks!
  const hashes = Buffer.alloc(blocks.hashes.length, 7)
  const now = Buffer.from(old)
  now[40]! ^= 1
  const anew = sumOf(now).blocks!.hashes
  expect(sumOf(now, { ...blocks, hashes }).blocks!.hashes).toEqual(
    Buffer.concat([hashes.subarray(0, 64), anew.subarray(64, 96), hashes.subarray(0, 64)]),
  )
})

test('what was not marked is hashed', () => {
  const old = Buffer.alloc(80, 'old')
  const { hashes } = sumOf(old).blocks!
  expect(sumOf(old, { hashes: Buffer.alloc(hashes.length), marks: undefined }).blocks!.hashes).toEqual(hashes)
})
