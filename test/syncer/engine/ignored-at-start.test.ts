import { expect, test } from 'vitest'
import { keptIndex, startLaptopFrom } from './kept-index.ts'
import { Pair, treeOf } from './pair.ts'

test('a folder goes though a file in it, whose hash was kept, is ignored since the last run', () => {
  const pair = new Pair()
  pair.disks.laptop.people.mkdir('d')
  pair.disks.laptop.people.save('d/f', Buffer.from('f'))
  pair.connect()
  pair.settle()
  const kept = keptIndex(pair)
  pair.cut()
  pair.ignored = path => path === 'd/f'
  startLaptopFrom(pair, kept)
  expect(pair.laptop.exchange.replica.tree.find('d/f')?.current).not.toBe('')
  pair.start('pod')
  pair.disks.pod.people.removeAll('d')
  pair.connect()
  pair.settle()
  expect(treeOf(pair.disks.laptop)).toEqual({ d: '/', 'd/f': 'f' })
  expect(treeOf(pair.disks.pod)).toEqual({})
})
