import { describe, expect, test } from 'vitest'
import type { MemoryDisk } from '../../../syncer/disk/memory-disk.ts'
import { Entry } from '../../../syncer/endpoint/tree.ts'
import { InlineWindow } from '../../../syncer/engine/offer/inline-window.ts'
import { of, Pair, runUntil } from './pair.ts'

/** As a program does that opens the file and writes. */
function write({ people }: MemoryDisk, path: string, text: string): void {
  if (people.find(path) === undefined) people.save(path, Buffer.from(text))
  else {
    const file = people.open(path, 'w')
    file.write(Buffer.from(text))
    file.close()
  }
}

/** Folders that an end has read since. */
function countListings(pair: Pair): Record<'laptop' | 'pod', string[]> {
  const read = { laptop: [] as string[], pod: [] as string[] }
  for (const side of ['laptop', 'pod'] as const) {
    const disk = pair.disks[side]
    const listStats = disk.listStats.bind(disk)
    disk.listStats = dir => {
      read[side].push(dir)
      return listStats(dir)
    }
  }
  return read
}

function pairWith(files: Record<string, string>, stepsMax?: number): Pair {
  const pair = new Pair(undefined, stepsMax === undefined ? {} : { stepsMax })
  for (const dir of ['dir', 'large']) pair.disks.laptop.people.mkdir(dir)
  for (const [path, text] of Object.entries(files)) write(pair.disks.laptop, path, text)
  pair.connect()
  pair.settle()
  // What was written for the other end is no echo any more, and not racy.
  pair.clock.ms += 5_000
  pair.settle()
  return pair
}

describe('a save', () => {
  test('reads its file alone, at both ends: how many names are beside it does not count', () => {
    const pair = pairWith({ 'dir/a': 'old', 'dir/b': 'other' })
    const listed = countListings(pair)
    write(pair.disks.laptop, 'dir/a', 'a new text')
    pair.laptop.hint('dir/a', 'change')
    runUntil(pair, () => pair.disks.pod.people.read('dir/a').toString() === 'a new text')
    pair.pod.hint('dir/a', 'rename')
    pair.settle()
    pair.clock.ms += 2_000
    pair.settle()
    expect(listed).toEqual({ laptop: [], pod: [] })
  })

  test('is read once where its times tell it from any later one, and its content goes along', () => {
    const pair = pairWith({ a: 'old' })
    const { looker } = pair.laptop.exchange.replica
    const before = looker.hashedBytes
    write(pair.disks.laptop, 'a', 'twelve bytes')
    pair.clock.ms += 50
    pair.laptop.hint('a', 'change')
    pair.settle()
    expect(pair.disks.pod.people.read('a').toString()).toBe('twelve bytes')
    expect(looker.hashedBytes - before).toBe(12)
    expect(of(pair, 'content')).toEqual([])
  })

  test('that is written to again while it is released is held again', () => {
    const pair = pairWith({ a: 'old' })
    write(pair.disks.laptop, 'a', 'first')
    pair.laptop.hint('a', 'change')
    pair.clock.ms += 5
    pair.sent = []
    const { exchange } = pair.laptop
    exchange.live = false
    pair.laptop.tick()
    expect([...exchange.released.keys()].map(({ path }) => path)).toEqual(['a'])
    write(pair.disks.laptop, 'a', 'half of wh')
    exchange.live = true
    pair.laptop.tick()
    expect(of(pair, 'put')).toEqual([])
    write(pair.disks.laptop, 'a', 'half of what it is')
    pair.laptop.hint('a', 'change')
    pair.settle()
    expect(of(pair, 'put')).toHaveLength(1)
    expect(pair.disks.pod.people.read('a').toString()).toBe('half of what it is')
  })

  test('is held from its event on; from the look at it where that comes late', () => {
    const pair = pairWith({ a: 'old' })
    const { laptop, disks, clock } = pair
    const heldAfter = (lookMs: number) => {
      write(disks.laptop, 'a', `look after ${lookMs}`)
      const toldMs = clock.ms
      disks.laptop.before = operation => {
        if (operation === 'stat') clock.ms += lookMs
        return undefined
      }
      laptop.hint('a', 'change')
      disks.laptop.before = undefined
      const heldMs = laptop.saveDue() - toldMs
      pair.settle()
      clock.ms += 5_000
      pair.settle()
      return heldMs
    }
    expect(heldAfter(0.25)).toBe(5)
    expect(heldAfter(30)).toBeCloseTo(34.7)
  })

  test('is waited for; a removal is not', () => {
    const pair = pairWith({ a: 'old', b: 'old' })
    const { laptop, disks, clock } = pair
    expect(laptop.saveDue()).toBe(Number.POSITIVE_INFINITY)
    write(disks.laptop, 'a', 'new')
    laptop.hint('a', 'change')
    expect(laptop.saveDue()).toBe(clock.ms + 5)
    pair.settle()
    disks.laptop.people.unlink('b')
    laptop.hint('b', 'rename')
    expect(laptop.exchange.holds.size).toBe(1)
    expect(laptop.saveDue()).toBe(Number.POSITIVE_INFINITY)
  })

  test('does not wait for a folder that is being read', () => {
    const files = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`large/${i}`, `${i}`]))
    const pair = pairWith({ ...files, a: 'old' }, 8)
    write(pair.disks.laptop, 'a', 'saved')
    pair.laptop.hint('a', 'rename')
    pair.clock.ms += 5
    pair.laptop.hintFolder('large')
    pair.sent = []
    pair.laptop.tick()
    expect(of(pair, 'put').map(({ path }) => path)).toEqual(['a'])
    pair.settle()
  })

  test('in the other end’s next moment is found, though its event is taken for an echo', () => {
    const pair = pairWith({ a: 'old', b: 'old' })
    for (const path of ['a', 'b']) {
      write(pair.disks.laptop, path, 'from the laptop')
      pair.laptop.hint(path, 'change')
    }
    const isThere = (path: string) => pair.disks.pod.people.read(path).toString() === 'from the laptop'
    runUntil(pair, () => isThere('a') && isThere('b'))
    pair.clock.ms += 50
    write(pair.disks.pod, 'a', 'from the pod')
    pair.pod.hint('a', 'change')
    pair.disks.pod.people.unlink('b')
    pair.pod.hint('b', 'rename')
    pair.settle()
    expect(pair.disks.laptop.people.read('a').toString()).toBe('from the pod')
    expect(pair.disks.laptop.people.find('b')).toBeUndefined()
  })
})

describe('content inside PUTs', () => {
  const kb = 1024
  const size = 64 * kb

  function fill(window: InlineWindow, nowMs: number): Entry[] {
    const sent: Entry[] = []
    while (window.hasRoom(size)) {
      const entry = new Entry(`${sent.length}`, null)
      window.add(entry, size, nowMs)
      sent.push(entry)
    }
    return sent
  }

  test('half a megabyte is under way at once, more where answers are quick, and less again where they are slow', () => {
    const window = new InlineWindow()
    const first = fill(window, 0)
    expect(first).toHaveLength(8)
    for (const entry of first.slice(0, 4)) window.answered(entry, 20)
    const second = fill(window, 20)
    expect(second.length).toBeGreaterThan(4)
    for (const entry of [...first.slice(4), ...second]) window.answered(entry, 2_000)
    expect(fill(window, 3_000)).toHaveLength(8)
  })

  test('what finds no room waits for it where the other end is quick, and not where it is slow', () => {
    const window = new InlineWindow()
    expect(window.isWorthWaiting).toBe(false)
    const sent = fill(window, 0)
    expect(window.isWorthWaiting).toBe(true)
    for (const entry of sent) window.answered(entry, 1_000)
    expect(window.isWorthWaiting).toBe(false)
    const slow = fill(window, 1_000)
    expect(slow).toHaveLength(8)
    expect([window.hasRoom(1), window.isWorthWaiting]).toEqual([false, false])
    for (const entry of slow) window.answered(entry, 1_001)
    for (let ms = 1_001; ms < 1_050; ms++) for (const entry of fill(window, ms)) window.answered(entry, ms + 1)
    fill(window, 1_050)
    expect([window.hasRoom(1), window.isWorthWaiting]).toEqual([false, true])
    // Nothing is under way whose answer would make room.
    window.reset()
    expect([window.hasRoom(1), window.isWorthWaiting]).toEqual([true, false])
  })

  test('never more than eight megabytes', () => {
    const window = new InlineWindow()
    let sent = fill(window, 0)
    for (let round = 0; round < 200; round++) {
      for (const entry of sent.splice(0, 4)) window.answered(entry, round)
      sent = [...sent, ...fill(window, round)]
    }
    expect(sent).toHaveLength((8 * 1024 * kb) / size)
    window.reset()
    expect(fill(window, 0)).toHaveLength(8)
  })
})
