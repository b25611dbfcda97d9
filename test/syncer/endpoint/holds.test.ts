import { expect, test } from 'vitest'
import type { Stat } from '../../../syncer/disk/disk.ts'
import { Holds } from '../../../syncer/endpoint/holds.ts'
import { Tree } from '../../../syncer/endpoint/tree.ts'

const stat = (size: number, atMs: number): Stat => ({
  kind: 'file',
  size,
  mtimeNs: BigInt(atMs) * 1_000_000n,
  ctimeNs: BigInt(atMs) * 1_000_000n,
  ino: 7n,
  mode: 0o644,
  mount: false,
})

/** A file of 1,000 bytes that a program goes on writing, as `at` has it; what is released, and when. */
function releases(at: (ms: number) => Stat, endMs: number): { atMs: number; size: number | undefined }[] {
  const entry = new Tree().ensure('file')
  entry.key = stat(1_000, -1)
  const holds = new Holds()
  const released: { atMs: number; size: number | undefined }[] = []
  let last: Stat | null = entry.key
  for (let ms = 0; ms < endMs; ms++) {
    const now = at(ms)
    if (now.mtimeNs !== last?.mtimeNs && released.length === 0) holds.hint(entry, now, 'change', ms)
    last = now
    for (const { stat: shown } of holds.take(ms, () => now)) released.push({ atMs: ms, size: shown?.size })
  }
  return released
}

test('a file that is written again and again goes out after a second', () => {
  expect(releases(ms => stat(1_000, ms - (ms % 3)), 1_200)).toEqual([{ atMs: 1_000, size: 1_000 }])
})

test('one that is cut and written anew, 3 ms and 40 ms of each, is never taken while it is cut', () => {
  const rewritten = (ms: number) => stat(ms % 43 < 40 ? 0 : 1_000, ms - (ms % 43) + (ms % 43 < 40 ? 0 : 40))
  for (const { size } of releases(rewritten, 4_900)) expect(size).toBe(1_000)
})

test('one that stays cut goes out when it has come to rest', () => {
  expect(releases(ms => stat(0, Math.min(ms, 10)), 1_000)).toEqual([{ atMs: 210, size: 0 }])
})

test('one that is cut and written for ever goes out after five seconds all the same', () => {
  expect(releases(ms => stat(0, ms - (ms % 20)), 6_000).map(({ atMs }) => atMs)).toEqual([5_000])
})
