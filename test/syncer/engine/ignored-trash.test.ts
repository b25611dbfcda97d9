import { expect, test } from 'vitest'
import { listTrash } from '../../../syncer/endpoint/trash-list.ts'
import { keptIndex, startLaptopFrom } from './kept-index.ts'
import { Pair } from './pair.ts'

test('what gave way stays in the trash, though its path is ignored since and the index shows its inode there', () => {
  const pair = new Pair({ mode: 'two-way', prefer: 'remote' })
  pair.keepMs = 1e9
  pair.disks.laptop.people.save('f', Buffer.from('laptop'))
  pair.connect()
  pair.settle()
  const kept = keptIndex(pair)
  pair.disks.pod.people.save('f', Buffer.from('pod'))
  pair.sweep()
  const trashed = () => listTrash(pair.disks.laptop).map(({ path }) => path)
  expect(trashed()).toEqual(['f'])

  pair.cut()
  pair.ignored = path => path === 'f'
  startLaptopFrom(pair, kept)
  pair.connect()
  pair.settle()
  expect(trashed()).toEqual(['f'])
})
