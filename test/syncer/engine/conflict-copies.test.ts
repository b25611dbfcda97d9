import { expect, test } from 'vitest'
import { Pair, problemsOf, runFor, runUntil, treeOf } from './pair.ts'

const text = (number: number) => Buffer.from(`made by a program, ${number}`)

/** The laptop's version of `f` is on its way; a program in the pod wrote it, too, and goes on. */
function pairInConflict(delayMs = 30, pair = new Pair(), first = text(0)): Pair {
  pair.initial = 'keep'
  pair.disks.laptop.people.save('f', Buffer.from('agreed'))
  pair.connect()
  pair.settle()
  pair.sweep()
  pair.delayMs = () => delayMs
  pair.disks.laptop.people.save('f', Buffer.from('written by hand'))
  pair.laptop.hint('f', 'rename')
  write(pair, 0, first)
  return pair
}

function write(pair: Pair, number: number, content = text(number)): void {
  pair.disks.pod.people.save('f', content)
  pair.pod.hint('f', 'rename')
}

const conflicts = (pair: Pair) => pair.events.filter(({ type }) => type === 'conflict').length
const copiesIn = (pair: Pair, side: 'laptop' | 'pod') =>
  Object.entries(treeOf(pair.disks[side])).filter(([path]) => path !== 'f')

test('a program that goes on writing during a conflict leaves one copy: its last version', () => {
  const pair = pairInConflict()
  for (let number = 1; number <= 100; number++) {
    runFor(pair, 20)
    write(pair, number)
  }
  pair.settle()
  pair.sweep()
  const copies = copiesIn(pair, 'laptop')
  expect(copies).toHaveLength(1)
  expect(copiesIn(pair, 'pod')).toEqual(copies)
  expect(conflicts(pair)).toBe(1)
  expect(problemsOf(pair)).toEqual({})
})

/** The name of the only copy, once it is there. */
function theCopy(pair: Pair): string {
  runUntil(pair, () => copiesIn(pair, 'laptop').length === 1)
  return copiesIn(pair, 'laptop')[0]![0]
}

const contents = (pair: Pair) => copiesIn(pair, 'laptop').map(([, content]) => content)

test('a copy that somebody edited stays as it is, and the next version gets another', () => {
  const pair = pairInConflict()
  const copy = theCopy(pair)
  pair.disks.laptop.people.save(copy, Buffer.from('looked through'))
  pair.laptop.hint(copy, 'rename')
  write(pair, 1)
  pair.settle()
  pair.sweep()
  expect(contents(pair)).toEqual(expect.arrayContaining(['looked through', text(1).toString()]))
  expect(copiesIn(pair, 'pod')).toEqual(copiesIn(pair, 'laptop'))
})

test('a copy that somebody deleted does not come back with the next version: that gets another', () => {
  const pair = pairInConflict()
  pair.disks.laptop.people.unlink(theCopy(pair))
  write(pair, 1)
  pair.settle()
  pair.sweep()
  expect(contents(pair)).toEqual([text(1).toString()])
})

test('what a person still writes into a copy that gave way comes back beside it', () => {
  const pair = pairInConflict()
  const file = pair.disks.laptop.people.open(theCopy(pair), 'r+')
  write(pair, 1)
  runUntil(pair, () => contents(pair).includes(text(1).toString()))
  file.write(Buffer.from('written late, by a person'))
  file.close()
  pair.settle()
  runFor(pair, 70_000)
  pair.sweep()
  expect(contents(pair)).toEqual(
    expect.arrayContaining([expect.stringContaining('written late, by a person'), text(1).toString()]),
  )
})

test('another conflict, later, gets a copy of its own', () => {
  const pair = pairInConflict()
  pair.settle()
  for (const [side, words] of [
    ['laptop', 'by hand again'],
    ['pod', 'by the program again'],
  ] as const) {
    pair.disks[side].people.save('f', Buffer.from(words))
    pair[side].hint('f', 'rename')
  }
  pair.settle()
  pair.sweep()
  expect(contents(pair)).toEqual(expect.arrayContaining([text(0).toString(), 'by the program again']))
  expect(conflicts(pair)).toBe(2)
})

test('where the copy cannot give way, the next version gets another', () => {
  const pair = pairInConflict()
  const copy = theCopy(pair)
  pair.disks.laptop.before = (operation, at) =>
    operation === 'link' && at?.area === 'tree' && at.path === copy ? 'EACCES' : undefined
  write(pair, 1)
  pair.settle()
  pair.sweep()
  expect(contents(pair)).toEqual(expect.arrayContaining([text(0).toString(), text(1).toString()]))
})

test('what sync itself took away in the pod, in vain, stays in its copy', () => {
  const pair = new Pair()
  pair.connect()
  pair.settle()
  pair.delayMs = () => 30
  pair.disks.laptop.people.mkdir('f')
  pair.disks.laptop.people.save('f/inside', Buffer.from('by hand'))
  pair.laptop.hint('f', 'rename')
  write(pair, 0)
  let isMade = false
  pair.disks.pod.before = (operation, at) => {
    if (isMade || operation !== 'mkdir' || at?.area !== 'tree' || at.path !== 'f') return undefined
    isMade = true
    write(pair, 1)
    return undefined
  }
  pair.settle()
  pair.sweep()
  expect(isMade).toBe(true)
  const texts = Object.values(treeOf(pair.disks.laptop))
  expect(texts).toEqual(expect.arrayContaining(['by hand', text(0).toString(), text(1).toString()]))
})

test('what sync put aside in the pod before a cut stays in its copy', () => {
  const pair = pairInConflict(0)
  runUntil(pair, () => pair.disks.pod.people.read('f').toString() === 'written by hand')
  pair.cutWithoutGoodbye()
  pair.start('pod')
  write(pair, 1)
  pair.connect()
  pair.settle()
  pair.sweep()
  expect(Object.values(treeOf(pair.disks.laptop))).toEqual(
    expect.arrayContaining([text(0).toString(), text(1).toString()]),
  )
})

const withLargeFiles = () => new Pair(undefined, { grain: { smallBytesMax: 1_000, blockBytes: 500 } })
const large = (number: number) => Buffer.from(`${text(number)}`.padEnd(9_000, '.'))

test.each(['travel', 'do not'])('large files leave one copy, too, and are not read for that (copies %s)', which => {
  const pair = withLargeFiles()
  pair.ignored = path => which === 'do not' && path.includes('.conflict-')
  pairInConflict(30, pair, large(0))
  for (let number = 1; number <= 10; number++) {
    runFor(pair, 150)
    write(pair, number, large(number))
  }
  pair.settle()
  pair.sweep()
  expect(copiesIn(pair, 'laptop')).toHaveLength(1)
  expect(copiesIn(pair, 'pod')).toEqual(which === 'travel' ? copiesIn(pair, 'laptop') : [])
})

test('a large copy that somebody touched and that does not travel is not kept open', () => {
  const pair = withLargeFiles()
  pair.ignored = path => path.includes('.conflict-')
  pairInConflict(30, pair, large(0))
  write(pair, 1, large(1))
  runUntil(pair, () => contents(pair).includes(`${large(1)}`))
  pair.disks.laptop.people.save(copiesIn(pair, 'laptop').find(([, content]) => content === `${large(1)}`)![0], large(2))
  write(pair, 3, large(3))
  pair.settle()
  expect(contents(pair)).toEqual(expect.arrayContaining([large(2), large(3)].map(String)))
  expect(pair.laptop.exchange.replica.looker.isReading).toBe(false)
})

test('what somebody in the pod moves from the copy over the path itself is kept', () => {
  const pair = withLargeFiles()
  let bulkMs = 600
  pairInConflict(5, pair, large(0))
  pair.delayMs = (to, lane) => (to === 'pod' && lane === 'bulk' ? bulkMs : 5)
  pair.disks.laptop.people.save('f', Buffer.from('by hand'.padEnd(9_000, '-')))
  pair.laptop.hint('f', 'rename')
  let number = 1
  // A busy program keeps ours out until a copy is there.
  for (; copiesIn(pair, 'pod').every(([, content]) => content.length < 9_000) && number < 1_000; number++) {
    write(pair, number, large(number))
    runFor(pair, 20)
  }
  bulkMs = 5_000
  write(pair, number, large(number))
  runUntil(pair, () => contents(pair).includes(`${large(number)}`))
  const [copy, moved] = copiesIn(pair, 'pod').find(([, content]) => content.length === 9_000)!
  expect(contents(pair)).not.toContain(moved)
  pair.disks.pod.people.rename(copy, 'f')
  for (const path of ['f', copy]) pair.pod.hint(path, 'rename')
  pair.settle()
  pair.sweep()
  expect(contents(pair)).toContain(moved)
})
