import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type BoundedEntry, beyondBounds, type TrashBounds } from '../../../syncer/endpoint/trash-bounds.ts'

const nowMs = 1_000_000
const entry = fc.record({
  path: fc.constantFrom('a', 'b', 'c', 'd/a', 'd/b'),
  atMs: fc.integer({ min: 0, max: nowMs }),
  bytes: fc.integer({ min: 0, max: 100 }),
  isNeeded: fc.boolean(),
})
const bounds = fc.record({
  keepMs: fc.integer({ min: 0, max: nowMs }),
  bytesMax: fc.integer({ min: 0, max: 500 }),
  spared: fc.record({ bytesMax: fc.integer({ min: 0, max: 500 }), entriesMax: fc.integer({ min: 0, max: 5 }) }),
})
const standing = fc.subarray(['a', 'b', 'c', 'd/a', 'd/b'])

function goneOf(entries: BoundedEntry[], limits: TrashBounds, standing: string[] = []): Set<BoundedEntry> {
  return new Set(beyondBounds(entries, limits, nowMs, path => standing.includes(path)))
}

test('what is young and fits stays, what is needed stays', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 30 }), bounds, standing, (entries, limits, there) => {
      const gone = goneOf(entries, limits, there)
      const all = entries.reduce((sum, { bytes }) => sum + bytes, 0)
      for (const each of entries) {
        if (each.isNeeded) expect(gone).not.toContain(each)
        if (nowMs - each.atMs <= limits.keepMs && all <= limits.bytesMax) expect(gone).not.toContain(each)
      }
    }),
  )
})

test('the oldest go first, but for those that are spared', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 30 }), bounds, (entries, { keepMs, bytesMax }) => {
      const kept = entries.filter(each => !each.isNeeded && !goneOf(entries, { keepMs, bytesMax }).has(each))
      for (const lost of goneOf(entries, { keepMs, bytesMax })) {
        for (const each of kept) expect(each.atMs).toBeGreaterThanOrEqual(lost.atMs)
      }
    }),
  )
})

test('the newest of a path goes for its size never, for its age only where something stands there', () => {
  const spared = { bytesMax: Number.POSITIVE_INFINITY, entriesMax: Number.POSITIVE_INFINITY }
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 30 }), bounds, standing, (entries, { keepMs, bytesMax }, there) => {
      const gone = goneOf(entries, { keepMs, bytesMax, spared }, there)
      for (const path of new Set(entries.map(each => each.path))) {
        const newest = Math.max(...entries.filter(each => each.path === path).map(({ atMs }) => atMs))
        const left = entries.filter(each => each.path === path && each.atMs === newest && !gone.has(each))
        if (!there.includes(path) || nowMs - newest <= keepMs) expect(left).not.toEqual([])
      }
    }),
  )
})

test('what was spared has a bound of its own', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 60 }), bounds, (entries, limits) => {
      const plain = entries.map(each => ({ ...each, isNeeded: false }))
      const gone = goneOf(plain, limits)
      const kept = plain.filter(each => !gone.has(each))
      const bytes = kept.reduce((sum, each) => sum + each.bytes, 0)
      expect(bytes).toBeLessThanOrEqual(limits.bytesMax + limits.spared.bytesMax)
      const old = kept.filter(({ atMs }) => nowMs - atMs > limits.keepMs)
      expect(old.length).toBeLessThanOrEqual(limits.spared.entriesMax)
    }),
  )
})
