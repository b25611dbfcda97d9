import { expect, test } from 'vitest'
import { Pair, runUntil, treeOf } from './pair.ts'

test('a folder goes though a path in it is ignored from the moment on when a new agent tells what it holds', () => {
  const pair = new Pair()
  pair.rulesOf = text => ({ ignored: path => path === text })
  pair.start('laptop')
  pair.start('pod')
  pair.disks.laptop.people.mkdir('d')
  pair.disks.laptop.people.save('d/f', Buffer.from('f'))
  pair.connect()
  pair.settle()
  pair.cut()
  pair.disks.laptop.people.removeAll('d')
  pair.laptop.sweep()
  pair.sent = []
  pair.connect()
  // What goes is queued when the connection ends: the path is known still.
  runUntil(pair, () => pair.sent.some(({ type }) => type === 'bases'))
  pair.cut()
  pair.start('pod')
  pair.sent = []
  pair.connect()
  runUntil(pair, () => pair.sent.some(({ type }) => type === 'index'))
  pair.laptop.setRules('d/f')
  pair.settle()
  expect(treeOf(pair.disks.laptop)).toEqual({})
  expect(treeOf(pair.disks.pod)).toEqual({ d: '/', 'd/f': 'f' })
})
