import { expect, test } from 'vitest'
import { fileToken } from '../../../../syncer/core/content.ts'
import { Tree } from '../../../../syncer/endpoint/tree.ts'
import { packIndex, unpackIndex } from '../../../../syncer/session/state/index-cache.ts'

const nowMs = 1_767_225_600_000

/** Files that changed so long before the index was written. */
function treeOf(agesMs: Record<string, number>): Tree {
  const tree = new Tree()
  for (const [path, ageMs] of Object.entries(agesMs)) {
    const entry = tree.ensure(path)
    const ns = BigInt(nowMs - ageMs) * 1_000_000n
    entry.current = fileToken('0'.repeat(64), false)
    entry.key = { kind: 'file', mtimeNs: 1n, ctimeNs: ns, ino: 7n, size: 3, mode: 0o644, mount: false }
  }
  return tree
}

function known(bytes: Buffer, otherBoot: boolean, presentMs = nowMs + 3_600_000): string[] {
  const tree = new Tree()
  unpackIndex(bytes, tree, otherBoot, BigInt(presentMs) * 1_000_000n)
  return [...tree.walk()].filter(({ key }) => key !== null).map(({ path }) => path)
}

test('case 77b: after a power cut no hash is believed of a file that changed shortly before the index was written', () => {
  const bytes = packIndex(treeOf({ old: 120_000, new: 20_000, ahead: -5_000 }), nowMs)
  expect(known(bytes, true)).toEqual(['old'])
  expect(known(bytes, false).sort()).toEqual(['ahead', 'new', 'old'])
})

test('no hash is believed of a file with a stamp that may come again: the clock was set back', () => {
  const bytes = packIndex(treeOf({ old: 120_000, new: 20_000 }), nowMs)
  expect(known(bytes, false, nowMs - 60_000)).toEqual(['old'])
  expect(known(bytes, true, nowMs - 180_000)).toEqual([])
})

test('a damaged index is no index', () => {
  const bytes = packIndex(treeOf({ old: 120_000 }), nowMs)
  for (let at = 0; at < bytes.length; at++) {
    const damaged = Buffer.from(bytes)
    damaged[at]! ^= 1
    expect(known(damaged, false)).toEqual([])
    expect(known(bytes.subarray(0, at), false)).toEqual([])
  }
})
