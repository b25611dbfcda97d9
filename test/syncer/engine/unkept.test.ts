import { expect, test } from 'vitest'
import { Pair, treeOf } from './pair.ts'

function save(pair: Pair, side: 'laptop' | 'pod', path: string): void {
  pair.disks[side].people.save(path, Buffer.from(`from the ${side}`))
  pair[side].hint(path, 'rename')
}

function runFor(pair: Pair, ms: number): void {
  const untilMs = pair.clock.ms + ms
  while (pair.clock.ms < untilMs) pair.step()
}

const told = (pair: Pair) => pair.events.flatMap(event => (event.type === 'unkept' ? [event.code] : []))
const both = { mine: 'from the laptop', theirs: 'from the pod' }

test('nothing is sent that could not be written down; it is told once, and goes on when there is room', () => {
  const pair = new Pair()
  pair.connect()
  pair.settle()
  pair.journal.refusal = 'ENOSPC'
  save(pair, 'laptop', 'mine')
  save(pair, 'pod', 'theirs')
  runFor(pair, 5_000)
  expect(treeOf(pair.disks.pod)).toEqual({ theirs: 'from the pod' })
  expect(told(pair)).toEqual(['ENOSPC'])
  pair.journal.refusal = undefined
  pair.settle()
  expect([treeOf(pair.disks.laptop), treeOf(pair.disks.pod)]).toEqual([both, both])
  expect(told(pair)).toEqual(['ENOSPC', ''])
  const agreed = pair.journal.records.flatMap(record => ('path' in record ? [record.path] : []))
  expect(agreed).toEqual(expect.arrayContaining(['mine', 'theirs']))
})

test('a connection that ends meanwhile, and one that begins, change nothing of that', () => {
  const pair = new Pair()
  pair.connect()
  pair.settle()
  pair.journal.refusal = 'ENOSPC'
  save(pair, 'pod', 'theirs')
  runFor(pair, 3_000)
  pair.cut()
  save(pair, 'laptop', 'mine')
  pair.connect()
  runFor(pair, 3_000)
  expect(treeOf(pair.disks.pod)).toEqual({ theirs: 'from the pod' })
  pair.journal.refusal = undefined
  pair.settle()
  expect([treeOf(pair.disks.laptop), treeOf(pair.disks.pod)]).toEqual([both, both])
  expect(told(pair)).toEqual(['ENOSPC', ''])
  expect(pair.events.filter(({ type }) => type === 'conflict')).toEqual([])
})
