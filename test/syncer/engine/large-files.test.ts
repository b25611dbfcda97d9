import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { Grain } from '../../../syncer/core/content-sum.ts'
import { twoWay } from '../../../syncer/core/sync-policy.ts'
import { of, Pair, runFor, runUntil, treeOf } from './pair.ts'

const grain: Grain = { smallBytesMax: 1024, blockBytes: 128 }
const size = 100 * grain.blockBytes + 17
const ends = ['laptop', 'pod'] as const
const other = { laptop: 'pod', pod: 'laptop' } as const

/** A pair in step, with a large file. */
function started(content: Buffer, stepsMax?: number): Pair {
  const pair = new Pair(twoWay, { grain, ...(stepsMax !== undefined && { stepsMax }) })
  pair.disks.laptop.people.save('big', content)
  pair.connect()
  pair.settle()
  pair.clock.ms += 120_000
  pair.sweep()
  pair.sent = []
  return pair
}

function filledBytes(pair: Pair): number {
  return of(pair, 'fill').reduce((sum, { bytes }) => sum + bytes.length, 0)
}

function expectInStep(pair: Pair, content: Buffer, name = 'big'): void {
  for (const end of ends) expect(pair.disks[end].people.read(name).equals(content), end).toBe(true)
  expect(treeOf(pair.disks.laptop)).toEqual(treeOf(pair.disks.pod))
}

describe.each(ends)('a large file that changes at the %s', end => {
  const content = randomBytes(size)

  function changed(to: Buffer): Pair {
    const pair = started(content)
    pair.disks[end].people.save('big', to)
    pair.sweep()
    expectInStep(pair, to)
    return pair
  }

  test('case 4: an append sends the tail', () => {
    const pair = changed(Buffer.concat([content, randomBytes(50)]))
    expect(filledBytes(pair)).toBeLessThanOrEqual(2 * grain.blockBytes)
  })

  test('case 5: a changed byte sends its block', () => {
    const to = Buffer.from(content)
    to[size >> 1]! ^= 1
    expect(filledBytes(changed(to))).toBe(grain.blockBytes)
  })

  test.each([0, 1, 640, 5_001])('case 6: what is put in at %i sends little', at => {
    const to = Buffer.concat([content.subarray(0, at), randomBytes(37), content.subarray(at)])
    expect(filledBytes(changed(to))).toBeLessThanOrEqual(4 * grain.blockBytes)
  })

  test.each([0, 640, 5_001])('what is taken out at %i sends little', at => {
    const to = Buffer.concat([content.subarray(0, at), content.subarray(at + 37)])
    expect(filledBytes(changed(to))).toBeLessThanOrEqual(4 * grain.blockBytes)
  })

  test('what is put in and taken out at several places sends little', () => {
    const to = Buffer.concat([
      content.subarray(0, 1_000),
      randomBytes(37),
      content.subarray(1_000, 6_000),
      content.subarray(6_100, 9_000),
      randomBytes(300),
      content.subarray(9_000),
    ])
    expect(filledBytes(changed(to))).toBeLessThanOrEqual(9 * grain.blockBytes)
  })

  test('what moves within a file of the same size sends little', () => {
    const to = Buffer.concat([randomBytes(37), content.subarray(0, size - 37)])
    expect(filledBytes(changed(to))).toBeLessThanOrEqual(4 * grain.blockBytes)
  })

  test('far behind much that is new its old blocks are found again', () => {
    const to = Buffer.concat([randomBytes(3 * size), content])
    expect(filledBytes(changed(to))).toBeLessThanOrEqual(3 * size + 10 * 8 * grain.blockBytes)
  })

  test('what repeats itself arrives', () => {
    const line = Buffer.from('the same line again and again\n')
    const lines = (count: number) => Buffer.concat(Array.from({ length: count }, () => line))
    const pair = started(lines(400))
    for (const to of [lines(500), Buffer.concat([Buffer.from('a'), lines(450)]), lines(100)]) {
      pair.disks[end].people.save('big', to)
      pair.sweep()
      expectInStep(pair, to)
    }
  })

  test('something else altogether arrives whole, longer or shorter', () => {
    for (const length of [size, size + 300, 9 * grain.blockBytes, 900, 0]) changed(randomBytes(length))
  })

  test('zeros at its end are not sent', () => {
    const pair = changed(Buffer.concat([content, Buffer.alloc(50 * grain.blockBytes)]))
    expect(filledBytes(pair)).toBeLessThanOrEqual(2 * grain.blockBytes)
  })

  test('another permission sends nothing of it', () => {
    const pair = started(content)
    pair.disks[end].people.chmod('big', 0o755)
    pair.sweep()
    expect(filledBytes(pair)).toBe(0)
    expect(pair.disks[other[end]].people.find('big')!.mode & 0o100).not.toBe(0)
    expectInStep(pair, content)
  })
})

describe.each(ends)('a large file under another name at the %s', end => {
  const content = randomBytes(size)

  test('is not sent', () => {
    const pair = started(content)
    pair.disks[end].people.rename('big', 'new')
    pair.sweep()
    expectInStep(pair, content, 'new')
    expect(filledBytes(pair)).toBe(0)
  })

  test('is not sent when its old name was removed there before', () => {
    const pair = started(content)
    pair.disks[end].people.unlink('big')
    pair.sweep()
    expect(Object.keys(treeOf(pair.disks[other[end]]))).toEqual([])
    pair.disks[end].people.save('new', content)
    pair.sweep()
    expectInStep(pair, content, 'new')
    expect(filledBytes(pair)).toBe(0)
  })

  test('is not sent where it is a copy, and then an edit of one is one of that alone', () => {
    const pair = started(content)
    pair.disks[end].people.save('copy', content)
    pair.sweep()
    expect(filledBytes(pair)).toBe(0)
    pair.disks[end].people.append('copy', Buffer.from('more'))
    pair.sweep()
    expectInStep(pair, content)
    expectInStep(pair, Buffer.concat([content, Buffer.from('more')]), 'copy')
  })

  test('that does not travel tells nothing of itself', () => {
    const pair = new Pair(twoWay, { grain })
    pair.ignored = path => path === 'secret'
    pair.disks[other[end]].people.save('secret', content)
    pair.connect()
    pair.settle()
    pair.disks[end].people.save('new', content)
    pair.sweep()
    expect(of(pair, 'blocks').every(({ size: told }) => told === 0)).toBe(true)
    pair[end].exchange.send('control', { type: 'compare', id: 999, path: 'secret', source: 'secret' })
    pair.sent = []
    pair.sweep()
    expect(of(pair, 'blocks')).toMatchObject([{ id: 999, size: 0 }])
  })
})

describe.each(ends)('a transfer from the %s that is cut', end => {
  const content = randomBytes(size)

  function cutInTheMiddle(to: Buffer, cut: (pair: Pair) => void): Pair {
    const pair = started(content, 2)
    pair.disks[end].people.save('big', to)
    pair.clock.ms += 50
    pair[end].sweep()
    runUntil(pair, () => filledBytes(pair) > to.length * 0.7)
    while (pair.queued('bulk') > 0) pair.step()
    expect(pair.disks[other[end]].people.read('big').equals(content)).toBe(true)
    cut(pair)
    pair.sent = []
    pair.connect()
    pair.settle()
    pair.sweep()
    expectInStep(pair, to)
    return pair
  }

  test('case 48: goes on where it was', () => {
    const pair = cutInTheMiddle(randomBytes(size), one => one.cut())
    expect(filledBytes(pair)).toBeLessThan(size * 0.4)
    expect(pair.disks[other[end]].listOwn().filter(name => name.startsWith('part-'))).toEqual([])
  })

  test('case 7: goes on where it was when both processes are new', () => {
    const pair = cutInTheMiddle(randomBytes(size), one => {
      one.cutWithoutGoodbye()
      one.start('laptop')
      one.start('pod')
    })
    expect(filledBytes(pair)).toBeLessThan(size * 0.4)
  })

  test('what nobody wants any more is gone after an hour', () => {
    const pair = started(content, 2)
    const there = pair.disks[other[end]]
    pair.disks[end].people.save('big', randomBytes(size))
    pair.clock.ms += 50
    pair[end].sweep()
    runUntil(pair, () => filledBytes(pair) > size * 0.5)
    pair.cut()
    expect(there.listOwn().filter(name => name.startsWith('part-'))).toHaveLength(1)
    pair.disks[end].people.unlink('big')
    pair.connect()
    pair.settle()
    pair.clock.ms += 3_700_000
    pair.sweep()
    expect(there.listOwn().filter(name => name.startsWith('part-'))).toEqual([])
  })
})

describe.each(ends)('while a large file travels from the %s', end => {
  const content = randomBytes(size)
  const wanted = randomBytes(size)

  function underWay(): Pair {
    const pair = started(content, 2)
    pair.disks[end].people.save('big', wanted)
    pair.clock.ms += 50
    pair[end].sweep()
    runUntil(pair, () => filledBytes(pair) > size * 0.3)
    return pair
  }

  test('a newer edit ends it, and what went counts', () => {
    const pair = underWay()
    const newer = Buffer.from(wanted)
    newer[0]! ^= 1
    pair.disks[end].people.save('big', newer)
    pair[end].hint('big', 'rename')
    pair.settle()
    pair.sweep()
    expectInStep(pair, newer)
    expect(of(pair, 'put')).toHaveLength(1)
    expect(filledBytes(pair)).toBeLessThan(size * 1.4)
  })

  test('an edit there is kept beside it', () => {
    const pair = underWay()
    pair.disks[other[end]].people.append('big', Buffer.from('edited there'))
    pair.settle()
    pair.sweep()
    const texts = Object.values(treeOf(pair.disks.laptop))
    expect(texts).toContain(wanted.toString())
    expect(texts).toContain(Buffer.concat([content, Buffer.from('edited there')]).toString())
    expect(treeOf(pair.disks.laptop)).toEqual(treeOf(pair.disks.pod))
  })

  test('case 63: a small edit, and one of some messages, overtake it', () => {
    const pair = underWay()
    pair.disks[end].people.save('small', Buffer.from('s'))
    pair.disks[end].people.save('middle', randomBytes(1000))
    for (const name of ['small', 'middle']) pair[end].hint(name, 'rename')
    const { people } = pair.disks[other[end]]
    runUntil(pair, () => people.find('small') !== undefined && people.find('middle') !== undefined)
    expect(people.read('big').equals(content)).toBe(true)
    pair.settle()
    expectInStep(pair, wanted)
  })
})

test.each(ends)(
  'of a large file at the %s that is ignored while it is read nothing is held on to at either end',
  end => {
    const pair = started(randomBytes(size), 2)
    let isIgnored = false
    pair.ignored = path => isIgnored && path === 'big'
    const { looker } = pair[end]['options'].replica
    pair.disks[end].people.save('big', randomBytes(1024 * 1024))
    pair[end].hint('big', 'rename')
    runUntil(pair, () => looker.isReading && of(pair, 'blocks').some(({ size: told }) => told !== undefined))
    isIgnored = true
    pair.laptop.setRules('other rules')
    pair.sweep()
    expect(looker.isReading).toBe(false)
    expect(pair.disks[other[end]].listOwn().filter(name => name.startsWith('part-'))).toEqual([])
  },
)

describe.each(ends)('a large file at the %s that the other end has', end => {
  const content = randomBytes(size)

  test.each([
    ['in which a byte changed', (before: Buffer) => Buffer.concat([Buffer.from([before[0]! ^ 1]), before.subarray(1)])],
    ['that has moved', (before: Buffer) => Buffer.concat([randomBytes(20), before])],
  ])('%s is not mixed with what is written there, and not seen, while it is copied', (_, change) => {
    const pair = started(content, 2)
    const inode = pair.disks[other[end]].people.find('big')!
    const to = change(content)
    pair.disks[end].people.save('big', to)
    pair.clock.ms += 50
    pair[end].sweep()
    for (let part = 0; part < 3; part++) {
      const told = of(pair, 'blocks').length
      runUntil(pair, () => of(pair, 'blocks').length > told || of(pair, 'build').length > 0)
      // As through a mapping of a file in memory, which leaves its times as they are.
      inode.bytes = Buffer.from(inode.bytes).fill(`${part}`, 20 * part * grain.blockBytes)
    }
    pair.settle()
    pair.sweep()
    expectInStep(pair, to)
  })
})

test('content that is not what was said takes no place, and is sent again', () => {
  const content = randomBytes(size)
  const pair = started(content)
  const to = Buffer.concat([content.subarray(0, 5_000), randomBytes(40), content.subarray(5_000)])
  let damaged = 0
  pair.damage = message => message.type === 'fill' && message.bytes.length === 40 && damaged++ === 0
  pair.spoil = bytes => Buffer.alloc(bytes.length, 1)
  pair.disks.laptop.people.save('big', to)
  pair.sweep()
  expectInStep(pair, to)
})

test('many large files at once arrive', () => {
  const pair = new Pair(twoWay, { grain })
  for (let number = 0; number < 60; number++) pair.disks.laptop.people.save(`f${number}`, randomBytes(2_000))
  pair.connect()
  pair.settle()
  expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
  expect(Object.keys(treeOf(pair.disks.pod))).toHaveLength(60)
})

test.each([
  ['push', 'laptop', 'pod'],
  ['pull', 'pod', 'laptop'],
] as const)(
  '%s: a save at the %s replaces a large file that changed at the %s, once that was read',
  (mode, from, to) => {
    const pair = started(randomBytes(size), 3)
    pair.anew({ mode })
    pair.disks[to].people.save('big', randomBytes(1024 * 1024))
    pair[to].hint('big', 'rename')
    const wanted = randomBytes(size)
    pair.disks[from].people.save('big', wanted)
    pair[from].hint('big', 'rename')
    pair.sent = []
    runFor(pair, 20_000)
    expect(pair.disks[to].people.read('big').equals(wanted)).toBe(true)
    expect(of(pair, 'put').length).toBeLessThan(10)
  },
)

test('a large file in the trash that is as it was before it was read to the end holds up nothing', () => {
  const pair = started(randomBytes(size), 2)
  pair.keepMs = 3_600_000
  pair.anew(twoWay)
  const program = pair.disks.pod.people.open('big', 'a')
  pair.disks.laptop.people.save('big', randomBytes(size))
  pair.sweep()
  // After the first look, which knows it from then on.
  runFor(pair, 3_000)
  const { mtimeNs } = program.inode
  program.inode.mtimeNs += 1n
  runUntil(pair, () => pair.pod.due() === 0)
  program.inode.mtimeNs = mtimeNs
  runUntil(pair, () => pair.pod.due() > pair.clock.ms)
  pair.settle()
})

test('what changes without a word of it while it is sent holds up nothing', () => {
  const content = randomBytes(size)
  const pair = started(content)
  const edited = Buffer.concat([content.subarray(0, 5_001), randomBytes(37), content.subarray(5_001)])
  edited[300]! ^= 1
  pair.disks.laptop.people.save('big', edited)
  pair.laptop.hint('big', 'rename')
  runUntil(pair, () => of(pair, 'blocks').some(message => message.size !== undefined))
  // as a program does that has the file mapped into its memory
  const inode = pair.disks.laptop.people.find('big')!
  inode.bytes = Buffer.from(inode.bytes)
  inode.bytes[300]! ^= 1
  runUntil(pair, () => of(pair, 'unstaged').length > 0 || of(pair, 'put').length > 0)
  pair.settle()
  pair.sweep()
  expectInStep(pair, inode.bytes)
})
