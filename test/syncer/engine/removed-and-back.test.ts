import { expect, test } from 'vitest'
import { absent } from '../../../syncer/core/content.ts'
import { twoWay } from '../../../syncer/core/sync-policy.ts'
import type { MemoryDisk } from '../../../syncer/disk/memory-disk.ts'
import { of, Pair, runFor, runUntil, treeOf } from './pair.ts'

const ends = ['laptop', 'pod'] as const
const count = 100

function fill({ people }: MemoryDisk): void {
  people.mkdir('d')
  for (let i = 0; i < count; i++) people.save(`d/f${i}`, Buffer.from(`${i}`))
}

/** Both ends hold as many files as a halt needs. */
function filled(stepsMax?: number): Pair {
  const pair = new Pair(twoWay, stepsMax === undefined ? {} : { stepsMax })
  fill(pair.disks.laptop)
  pair.connect()
  pair.settle()
  pair.sent = []
  return pair
}

const isThought = (pair: Pair) => pair.laptop.exchange.replica.tree.find('d/f0')?.current !== absent

test('an emptied pod halts where files are back of which it is still thought that they are gone here', () => {
  const pair = filled(2)
  const before = treeOf(pair.disks.laptop)
  pair.delayMs = () => 50
  pair.disks.pod.people.removeAll('d')
  pair.pod.sweep()
  runUntil(pair, () => of(pair, 'put').length > count)
  pair.disks.laptop.people.removeAll('d')
  pair.laptop.sweep()
  while (isThought(pair)) pair.laptop.tick()
  fill(pair.disks.laptop)
  pair.clock.ms += 50
  runUntil(pair, () => pair.events.some(({ type }) => type === 'halted'))
  expect(treeOf(pair.disks.laptop)).toEqual(before)
})

test.each(ends)('what both ends removed at once and was made again at the %s stays, though it is as before', again => {
  const pair = filled()
  const before = treeOf(pair.disks.laptop)
  pair.delayMs = () => 50
  for (const side of ends) {
    pair.disks[side].people.removeAll('d')
    pair[side].sweep()
  }
  runUntil(pair, () => of(pair, 'put').filter(({ data }) => data === absent).length > 2 * count)
  fill(pair.disks[again])
  runFor(pair, 1_000)
  pair[again].sweep()
  pair.settle()
  expect(treeOf(pair.disks.laptop)).toEqual(before)
  expect(treeOf(pair.disks.pod)).toEqual(before)
  expect(pair.events.filter(({ type }) => type === 'conflict')).toEqual([])
})
