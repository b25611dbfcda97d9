import { describe, expect, test, vi } from 'vitest'
import { TimerQueue } from '../../../syncer/base/timer-queue.ts'
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

describe('where the system tells who has a file open', () => {
  const isOpen = (path: string) => path.startsWith('open')

  /** One end over these files of 1,000 bytes, all of which were written to at once; what went, and when, and was asked. */
  function written(paths: string[], now: Stat = stat(1_001, 0)) {
    const tree = new Tree()
    const asked: string[] = []
    const holds = new Holds((entry, shown) => {
      asked.push(`${entry.path} of ${shown.size}`)
      return !isOpen(entry.path)
    })
    const entries = paths.map(path => {
      const entry = tree.ensure(path)
      entry.key = stat(1_000, -1)
      return entry
    })
    const hint = (ms: number, shown = now) => entries.map(entry => holds.hint(entry, shown, 'change', ms))
    const take = (ms: number, shown: Stat | null = now) =>
      [...holds.take(ms, () => shown)].map(({ entry }) => entry.path)
    hint(0)
    return { holds, entries, asked, hint, take }
  }

  test('one that nobody has open goes after 2 ms, and its time is kept', () => {
    const { holds, asked, take } = written(['f'])
    expect([holds.nextSaveDue(), take(1), asked]).toEqual([2, [], []])
    expect(take(2)).toEqual(['f'])
    expect([asked, holds.size]).toEqual([['f of 1001'], 0])
  })

  test('one that somebody has open, or of which it is not known, goes after 5 ms as it would', () => {
    const { holds, entries, asked, take } = written(['open'])
    expect([holds.dueOf(entries[0]!), take(2), holds.nextSaveDue()]).toEqual([5, [], 5])
    expect([take(4), take(5)]).toEqual([[], ['open']])
    expect(asked).toEqual(['open of 1001'])
  })

  test('one that is written to again is asked about anew, 2 ms later', () => {
    const { holds, asked, hint, take } = written(['f', 'open'])
    const more = stat(1_002, 1)
    hint(1, more)
    expect([take(2, more), asked]).toEqual([[], []])
    expect(take(3, more)).toEqual(['f'])
    expect(holds.nextSaveDue()).toBe(6)
    const evenMore = stat(1_003, 4)
    holds.hint(holds.entries()[Symbol.iterator]().next().value!, evenMore, 'change', 4)
    expect([take(6, evenMore), take(8, evenMore), take(9, evenMore)]).toEqual([[], [], ['open']])
    expect(asked).toEqual(['f of 1002', 'open of 1002', 'open of 1003'])
  })

  test('one that changed with no word of it yet is not asked about, and held on', () => {
    const { asked, take } = written(['f'])
    const more = stat(1_002, 1)
    expect([take(2, more), asked]).toEqual([[], []])
    expect(take(4, more)).toEqual(['f'])
    expect(asked).toEqual(['f of 1002'])
  })

  test('one that is gone by then is looked at when its time is up', () => {
    const { asked, take } = written(['f'])
    expect([take(2, null), asked, take(5, null)]).toEqual([[], [], ['f']])
  })

  test.each([
    ['empty', stat(0, 0), 200],
    ['cut to half', stat(500, 0), 50],
    ['large', stat(2_000_000, 0), 25],
  ])('one that is %s is not asked about', (_, now, heldMs) => {
    const { holds, asked, take } = written(['f'], now)
    expect(holds.nextSaveDue()).toBe(heldMs)
    expect([take(heldMs - 1), take(heldMs), asked]).toEqual([[], ['f'], []])
  })

  test('a new one that is empty yet is not asked about', () => {
    const holds = new Holds(() => true)
    holds.hint(new Tree().ensure('new'), stat(0, 0), 'change', 0)
    expect(holds.nextSaveDue()).toBe(5)
  })

  test('many at once are not asked about: neither the first ones nor the last', () => {
    const paths = Array.from({ length: 5_000 }, (_, i) => `f${i}`)
    const { asked, take } = written(paths)
    let looks = 0
    const { holds } = written(paths)
    const counted = (ms: number) => [
      ...holds.take(ms, () => {
        looks += 1
        return stat(1_001, 0)
      }),
    ]
    expect([counted(2).length, looks, counted(5).length, looks]).toEqual([0, 0, 5_000, 5_000])
    expect([take(2), take(4), take(5).length, asked]).toEqual([[], [], 5_000, []])
  })

  test('one that is kept open and written all the time leaves no timers behind', () => {
    const holds = new Holds(() => false)
    const log = new Tree().ensure('log')
    log.key = stat(1_000, -1)
    const added = vi.spyOn(TimerQueue.prototype, 'add')
    let writes = 0
    for (let ms = 0; ms < 900; ms += 0.5) {
      if (ms % 2.5 === 0) {
        writes += 1
        holds.hint(log, stat(1_000 + writes, 0), 'change', ms)
      }
      for (const _ of holds.take(ms, () => stat(1_000 + writes, 0))) expect.unreachable()
    }
    const { length } = added.mock.calls
    added.mockRestore()
    expect(length).toBeLessThanOrEqual(3 * writes)
  })

  test('one that is written again and again goes no sooner than it did', () => {
    const { holds, entries, asked } = written(['f'])
    const goes: number[] = []
    for (let ms = 0; ms < 100; ms += 1) {
      const now = stat(1_001, ms - (ms % 10))
      if (ms % 10 === 0) holds.hint(entries[0]!, now, 'change', ms)
      for (const _ of holds.take(ms, () => now)) goes.push(ms)
    }
    // After 2 ms the first time, and after 5 ms where it went out less than 20 ms before.
    expect(goes).toEqual([2, 15, 25, 35, 45, 55, 65, 75, 85, 95])
    expect(asked).toHaveLength(1)
  })

  test.each([2.5, 3, 4.5])('one that is written every %d ms goes no sooner than it did', gapMs => {
    const goes = (isAtRest?: () => boolean) => {
      const holds = new Holds(isAtRest)
      const entry = new Tree().ensure('f')
      entry.key = stat(1_000, -1)
      const times: number[] = []
      let writes = 0
      for (let ms = 0; ms < 4_000; ms += 0.5) {
        const now = () => ({ ...stat(1_000, 0), mtimeNs: BigInt(writes) })
        if (ms % gapMs === 0) {
          writes += 1
          holds.hint(entry, now(), 'change', ms)
        }
        for (const _ of holds.take(ms, now)) times.push(ms)
      }
      return times
    }
    // But for the first time, when nobody knows that more is to come.
    expect(goes(() => true).filter(ms => ms > 2)).toHaveLength(goes().length)
  })

  test('a log is throttled as it was', () => {
    const { holds, asked } = written([])
    const log = new Tree().ensure('log')
    log.key = stat(1_000, -1)
    const goes: number[] = []
    for (let ms = 0; ms < 2_000; ms += 1) {
      const now = stat(1_000 + Math.ceil((ms + 1) / 10), ms - (ms % 10))
      if (ms % 10 === 0) holds.hint(log, now, 'change', ms)
      for (const { stat: shown } of holds.take(ms, () => now)) {
        goes.push(ms)
        log.key = shown
      }
    }
    expect(goes.slice(0, 9)).toEqual([2, 15, 25, 35, 45, 55, 65, 75, 85])
    expect(goes.length).toBeLessThan(9 + 4)
    expect(asked.length).toBeLessThan(1 + 4)
  })
})
