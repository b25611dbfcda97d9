import { expect, test } from 'vitest'
import type { MemoryDisk } from '../../../syncer/disk/memory-disk.ts'
import { of, Pair } from './pair.ts'

const ends = ['laptop', 'pod'] as const
const other = { laptop: 'pod', pod: 'laptop' } as const

const whole = 'the old text of this file'
const text = (disk: MemoryDisk) => disk.people.read('f').toString()

/** Two ends in step, whose systems tell who has a file open. */
function pairOf(isKnown?: (path: string) => boolean): Pair {
  const pair = new Pair()
  pair.disks.laptop.people.save('f', Buffer.from(whole))
  for (const end of ends) {
    pair.disks[end].tellRest(isKnown)
    pair.start(end)
  }
  pair.connect()
  pair.settle()
  pair.clock.ms += 5_000
  pair.settle()
  pair.sent = []
  return pair
}

/** Lets so much time pass in small steps, in which both ends do all that is to be done. */
function pass(pair: Pair, ms: number): void {
  for (let tenth = 0; tenth < ms * 10; tenth++) {
    pair.clock.ms += 0.1
    pair.laptop.tick()
    pair.pod.tick()
    while (pair.queued('control') + pair.queued('bulk') > 0) pair.step()
  }
}

test.each(ends)('what is written in place at the %s, and closed, is at the other end after 2 ms', side => {
  const pair = pairOf()
  const [here, there] = [pair.disks[side], pair.disks[other[side]]]
  const file = here.people.open('f', 'w')
  file.write(Buffer.from('a new text of this file'))
  file.close()
  pair[side].hint('f', 'change')
  pass(pair, 1.8)
  expect(text(there)).toBe(whole)
  pass(pair, 0.4)
  expect(text(there)).toBe('a new text of this file')
  pair.settle()
  expect(of(pair, 'put')).toHaveLength(1)
})

test.each(ends)('what a program at the %s has written half of, and keeps open, does not go after 2 ms', side => {
  const pair = pairOf()
  const [here, there] = [pair.disks[side], pair.disks[other[side]]]
  const file = here.people.open('f', 'w')
  file.write(Buffer.from('half of the new te'))
  pair[side].hint('f', 'change')
  pass(pair, 4)
  expect(text(there)).toBe(whole)
  file.write(Buffer.from('xt'))
  pair[side].hint('f', 'change')
  pass(pair, 4)
  expect(text(there)).toBe(whole)
  // No word comes of its end.
  file.close()
  pass(pair, 1.2)
  expect(text(there)).toBe('half of the new text')
})

test('what is opened twice in a row goes once, and whole', () => {
  const pair = pairOf()
  const { laptop, pod } = pair.disks
  for (const [flags, part] of [
    ['w', 'first of two '],
    ['a', 'second of two'],
  ] as const) {
    const file = laptop.people.open('f', flags)
    file.write(Buffer.from(part))
    file.close()
    pair.laptop.hint('f', 'change')
    pass(pair, 1.5)
    expect(text(pod)).toBe(whole)
  }
  pass(pair, 1)
  expect(text(pod)).toBe('first of two second of two')
  expect(of(pair, 'put')).toHaveLength(1)
})

test('what is not known of a file leaves it held for 5 ms', () => {
  const pair = pairOf(() => false)
  pair.disks.laptop.people.append('f', Buffer.from(' and more'))
  pair.laptop.hint('f', 'change')
  pass(pair, 4.8)
  expect(text(pair.disks.pod)).toBe(whole)
  pass(pair, 0.4)
  expect(text(pair.disks.pod)).toBe(`${whole} and more`)
})

test('what was emptied is not asked about, closed or not', () => {
  const pair = pairOf()
  pair.disks.laptop.people.open('f', 'w').close()
  pair.laptop.hint('f', 'change')
  pass(pair, 15)
  expect(text(pair.disks.pod)).toBe(whole)
  pair.disks.laptop.people.append('f', Buffer.from('the new text of this file'))
  pair.laptop.hint('f', 'change')
  pass(pair, 2.2)
  expect(text(pair.disks.pod)).toBe('the new text of this file')
})

test('what is written to between the question and the reading of it is held again', () => {
  const pair = pairOf()
  const { laptop, pod } = pair.disks
  const file = laptop.people.open('f', 'a')
  file.write(Buffer.from(' and more'))
  file.close()
  pair.laptop.hint('f', 'change')
  let asked = 0
  laptop.before = operation => {
    if (operation === 'isAtRest') asked += 1
    if (operation !== 'open' || asked !== 1) return undefined
    asked += 1
    const again = laptop.people.open('f', 'w')
    again.write(Buffer.from('half of it'))
    return undefined
  }
  pass(pair, 4)
  expect([asked, text(pod)]).toEqual([2, whole])
})
