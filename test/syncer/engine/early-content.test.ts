import { expect, test } from 'vitest'
import { limits } from '../../../syncer/base/limits.ts'
import { fileToken } from '../../../syncer/core/content.ts'
import { contentHash, grainOfFiles } from '../../../syncer/core/content-sum.ts'
import { inTree } from '../../../syncer/disk/disk.ts'
import type { MemoryDisk } from '../../../syncer/disk/memory-disk.ts'
import type { Early } from '../../../syncer/wire/content-message.ts'
import { of, Pair, runUntil } from './pair.ts'

const ends = ['laptop', 'pod'] as const
const other = { laptop: 'pod', pod: 'laptop' } as const

/** As a program does that opens the file and writes. */
function write({ people }: MemoryDisk, path: string, text: string): void {
  const file = people.open(path, 'w')
  file.write(Buffer.from(text))
  file.close()
}

/** Both ends hold these files, and have answered each other at once. */
function pairOf(names: string[]): Pair {
  const pair = new Pair()
  for (const name of names) pair.disks.laptop.people.save(name, Buffer.from(`old ${name}`))
  pair.connect()
  pair.settle()
  for (const side of ends) {
    pair.disks[side].people.save(names[0]!, Buffer.from(`first of ${side}`))
    pair[side].hint(names[0]!, 'rename')
    pair.settle()
    pair.clock.ms += 5_000
    pair.settle()
  }
  pair.sent = []
  return pair
}

const staged = ({ volume }: MemoryDisk) => [...volume.own.entries!.keys()].filter(name => name.startsWith('stage-'))
const text = (disk: MemoryDisk, path = 'a') => disk.people.read(path).toString()

test.each(ends)('what is written in place at the %s is at the other end before it is decided that it stands', side => {
  const pair = pairOf(['a', 'b'])
  const [here, there] = [pair.disks[side], pair.disks[other[side]]]
  there.people.chmod('a', 0o640)
  pair[other[side]].hint('a', 'change')
  pair.settle()
  pair.clock.ms += 5_000
  pair.settle()
  pair.sent = []
  const before = text(there)
  write(here, 'a', 'new content')
  pair[side].hint('a', 'change')
  const heldUntilMs = pair.clock.ms + 5
  runUntil(pair, () => staged(there).length === 1)
  expect(pair.clock.ms).toBeLessThan(heldUntilMs)
  expect(text(there)).toBe(before)
  pair.settle()
  expect(text(there)).toBe('new content')
  expect(there.stat(inTree('a'))!.mode & 0o777).toBe(0o640)
  const [put, ...more] = of(pair, 'put')
  expect([put?.bytes, put?.staged, more]).toEqual([undefined, of(pair, 'early')[0]!.id, []])
  expect(of(pair, 'forget')).toEqual([])
  expect(staged(there)).toEqual([])
})

test.each(ends)('what changes while it is held at the %s is not taken from what went ahead', side => {
  const pair = pairOf(['a', 'b'])
  const [here, there] = [pair.disks[side], pair.disks[other[side]]]
  const before = text(there)
  write(here, 'a', 'half of')
  pair[side].hint('a', 'change')
  runUntil(pair, () => staged(there).length === 1)
  pair.clock.ms += 1
  write(here, 'a', 'half of it and the rest')
  pair[side].hint('a', 'change')
  runUntil(pair, () => text(there) !== before)
  expect(text(there)).toBe('half of it and the rest')
  pair.settle()
  expect(of(pair, 'put').map(({ staged: id, bytes }) => [id, bytes?.length])).toEqual([[undefined, 23]])
  expect(of(pair, 'forget').map(({ id }) => id)).toEqual(of(pair, 'early').map(({ id }) => id))
  expect(staged(there)).toEqual([])
})

test('what comes to rest late brings its content along: its time is to be that of now', () => {
  const pair = pairOf(['a', 'b'])
  const { laptop, pod } = pair.disks
  for (let touch = 0; touch < 20; touch++) {
    write(laptop, 'a', 'always the same')
    pair.laptop.hint('a', 'change')
    pair.laptop.tick()
    pair.clock.ms += 4
  }
  expect(of(pair, 'put')).toEqual([])
  expect(of(pair, 'forget').length).toBeGreaterThan(0)
  pair.settle()
  pair.clock.ms += 1_000
  pair.settle()
  expect(text(pod)).toBe('always the same')
  expect(staged(pod)).toEqual([])
})

test('nothing goes ahead to an end that is far away', () => {
  const pair = pairOf(['a', 'b'])
  pair.delayMs = () => 11
  for (let save = 0; save < 6; save++) {
    pair.sent = []
    write(pair.disks.laptop, 'a', `save ${save}`)
    pair.laptop.hint('a', 'change')
    pair.settle()
    pair.clock.ms += 1_000
    pair.settle()
  }
  expect(of(pair, 'early')).toEqual([])
  expect(text(pair.disks.pod)).toBe('save 5')
})

test.each([
  ['too large', (pair: Pair) => write(pair.disks.laptop, 'a', 'x'.repeat(limits.earlyBytesMax + 1))],
  ['empty for now', (pair: Pair) => write(pair.disks.laptop, 'a', '')],
  ['as it was', (pair: Pair) => write(pair.disks.laptop, 'a', text(pair.disks.laptop))],
])('what is %s does not go ahead', (_, change) => {
  const pair = pairOf(['a', 'b'])
  change(pair)
  pair.laptop.hint('a', 'change')
  pair.settle()
  expect(of(pair, 'early')).toEqual([])
  expect(text(pair.disks.pod)).toBe(text(pair.disks.laptop))
})

test('many files that are written at once bring their content along', () => {
  const names = Array.from({ length: 10 }, (_, i) => `f${i}`)
  const pair = pairOf(names)
  for (const name of names) write(pair.disks.laptop, name, `new ${name}`)
  for (const name of names) pair.laptop.hint(name, 'change')
  pair.settle()
  expect(of(pair, 'early')).toEqual([])
  expect(names.map(name => text(pair.disks.pod, name))).toEqual(names.map(name => `new ${name}`))
})

test('what the other end has dropped is sent once more', () => {
  const pair = pairOf(['a', 'b'])
  const { laptop, pod } = pair.disks
  write(laptop, 'a', 'new content')
  pair.laptop.hint('a', 'change')
  runUntil(pair, () => staged(pod).length === 1)
  pair.pod.exchange.replica.early.clear()
  expect(staged(pod)).toEqual([])
  pair.settle()
  expect(text(pod)).toBe('new content')
  expect(of(pair, 'rej').map(({ reason }) => reason)).toEqual(['need'])
})

test('a cut leaves nothing of it behind', () => {
  const pair = pairOf(['a', 'b'])
  const { laptop, pod } = pair.disks
  write(laptop, 'a', 'new content')
  pair.laptop.hint('a', 'change')
  runUntil(pair, () => staged(pod).length === 1)
  pair.cut()
  expect(staged(pod)).toEqual([])
  pair.connect()
  pair.settle()
  expect(text(pod)).toBe('new content')
})

test('an end keeps a few of these, and none that is not what its hash says', () => {
  const pair = pairOf(['a', 'b'])
  const tokenOf = (bytes: Buffer) => fileToken(contentHash(bytes, grainOfFiles), false)
  const early = (id: number, bytes: Buffer, token = tokenOf(bytes)): Early => {
    return { type: 'early', id, path: 'a', token, mtimeMs: 0, bytes }
  }
  for (let id = 1000; id < 1100; id++) pair.pod.receive('control', early(id, Buffer.from(`content ${id}`)))
  expect(staged(pair.disks.pod)).toHaveLength(limits.earlyMax)
  const [one, two] = [Buffer.from('one'), Buffer.from('two')]
  expect(() => pair.pod.receive('control', early(1, one, tokenOf(two)))).toThrow(/match its hash/)
  expect(staged(pair.disks.pod)).toHaveLength(limits.earlyMax)
})
