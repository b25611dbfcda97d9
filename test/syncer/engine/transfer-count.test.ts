import { expect, test } from 'vitest'
import { Pair, treeOf } from './pair.ts'

test('of a subtree on its way files are counted, neither folders nor links', () => {
  const pair = new Pair()
  const { people } = pair.disks.laptop
  people.mkdir('d')
  people.mkdir('d/e')
  for (let i = 0; i < 40; i++) people.save(`d/${i % 2 === 0 ? 'e/' : ''}${i}`, Buffer.alloc(50_000, i))
  people.symlink('1', 'd/link')
  pair.clock.ms += 1_000
  pair.connect()
  const { transfers } = pair.laptop
  const most = { pending: 0, done: 0 }
  const isThere = () => treeOf(pair.disks.pod)['d/link'] !== undefined && pair.laptop.idle()
  for (let step = 0; !isThere(); step++) {
    pair.step()
    most.pending = Math.max(most.pending, transfers.pending.files)
    most.done = Math.max(most.done, transfers.doneFiles)
    expect(step).toBeLessThan(10_000)
  }
  expect(most).toEqual({ pending: 40, done: 40 })
  expect(transfers.pending).toEqual({ bytes: 0, files: 0 })
})
