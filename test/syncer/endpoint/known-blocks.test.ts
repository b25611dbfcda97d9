import { expect, test } from 'vitest'
import { KnownBlocks } from '../../../syncer/endpoint/known-blocks.ts'

const marks = { values: Buffer.alloc(20, 1), proof: Buffer.alloc(32, 2) }

test('marks of a content stay when it is read once more, under another name, and not marked', () => {
  const known = new KnownBlocks()
  known.keep('a', { hashes: Buffer.alloc(32, 3), marks })
  known.keep('a', { hashes: Buffer.alloc(32, 3), marks: undefined })
  expect(known.of('a')?.marks).toEqual(marks)
})

test('what was read last is known, as much of it as there is room for', () => {
  const known = new KnownBlocks()
  const hashes = Buffer.alloc(6 * 1024 * 1024)
  for (const hash of ['a', 'b', 'a', 'c']) known.keep(hash, { hashes, marks: undefined })
  expect(['a', 'b', 'c'].map(hash => known.of(hash) !== undefined)).toEqual([true, false, true])
})
