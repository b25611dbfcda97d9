import { describe, expect, test } from 'vitest'
import { Pair, treeOf } from './pair.ts'

const ends = ['laptop', 'pod'] as const
type End = (typeof ends)[number]

/** A folder at both ends, in which `other` has something that does not travel. */
function seeded(other: End): Pair {
  const pair = new Pair()
  pair.ignored = path => path.endsWith('ignored')
  pair.initial = 'keep'
  pair.start('laptop')
  pair.disks.laptop.people.mkdir('d')
  pair.disks.laptop.people.save('d/a', Buffer.from('1'))
  pair.clock.ms += 1_000
  pair.connect()
  pair.settle()
  pair.disks[other].people.save('d/ignored', Buffer.from('made here'))
  pair[other].hint('d/ignored')
  pair.settle()
  pair.clock.ms += 1_000
  return pair
}

/** As long as somebody has to make room, the two cannot come to rest. */
function run(pair: Pair): void {
  for (let step = 0; step < 3_000; step++) pair.step()
}

/** Somebody puts a file in the place of the folder. */
function replace(pair: Pair, end: End, how: string): void {
  const { people } = pair.disks[end]
  people.removeAll('d')
  if (how === 'in two steps') {
    pair[end].hint('d')
    pair.settle()
    pair.clock.ms += 1_000
  }
  people.save('d', Buffer.from('what a person wrote'))
  pair[end].hint('d')
  run(pair)
}

function codesOf(pair: Pair, path: string): string[] {
  return pair.events.flatMap(event => (event.type === 'problem' && event.path === path ? [event.code] : []))
}

describe('a file in the place of a folder that holds what does not travel', () => {
  test.each(['at once', 'in two steps'])('stays at the laptop, and is told until there is room: %s', how => {
    const pair = seeded('pod')
    const { laptop, pod } = pair.disks
    replace(pair, 'laptop', how)
    expect(treeOf(laptop)).toEqual({ d: 'what a person wrote' })
    expect(treeOf(pod)['d/ignored']).toBe('made here')
    expect(codesOf(pair, 'd').at(-1)).toBe('ENOTEMPTY')
    pod.people.removeAll('d')
    pair.pod.hint('d')
    pair.settle()
    expect(treeOf(pod)).toEqual({ d: 'what a person wrote' })
    expect(codesOf(pair, 'd').at(-1)).toBe('')
  })

  test.each(['at once', 'in two steps'])('from the pod comes to the laptop beside it: %s', how => {
    const pair = seeded('laptop')
    const { laptop, pod } = pair.disks
    replace(pair, 'pod', how)
    expect(treeOf(laptop)['d/ignored']).toBe('made here')
    const texts = [...Object.values(treeOf(laptop)), ...Object.values(treeOf(pod))]
    expect(texts).toContain('what a person wrote')
  })

  test.each(['mirror', 'keep'] as const)('is not removed at first contact: %s', initial => {
    const pair = new Pair()
    pair.initial = initial
    pair.ignored = path => path.endsWith('ignored')
    pair.start('laptop')
    pair.disks.pod.people.mkdir('data')
    pair.disks.pod.people.save('data/ignored', Buffer.from('of the image'))
    pair.disks.laptop.people.save('data', Buffer.from('what a person wrote'))
    pair.clock.ms += 1_000
    pair.connect()
    run(pair)
    expect(treeOf(pair.disks.laptop)).toEqual({ data: 'what a person wrote' })
    expect(treeOf(pair.disks.pod)['data/ignored']).toBe('of the image')
  })
})

test('push: what stands in the pod where a folder was is told, and gives way', () => {
  const pair = new Pair({ mode: 'push' })
  const { laptop, pod } = pair.disks
  laptop.people.mkdir('d')
  laptop.people.save('d/a', Buffer.from('1'))
  pair.clock.ms += 1_000
  pair.connect()
  pair.settle()
  pod.people.removeAll('d')
  pod.people.save('d', Buffer.from('a file of the pod'))
  pair.pod.sweep()
  pair.settle()
  pair.clock.ms += 1_000
  laptop.people.save('d/a', Buffer.from('2'))
  pair.laptop.hint('d/a')
  run(pair)
  expect(codesOf(pair, 'd/a').at(-1)).toBe('ENOTDIR')
  pod.people.unlink('d')
  run(pair)
  expect(treeOf(pod)['d/a']).toBe('2')
  expect(codesOf(pair, 'd/a').at(-1)).toBe('')
})

describe('another mode than before', () => {
  test('push, later two-way: nothing goes from the laptop', () => {
    const pair = new Pair({ mode: 'push' })
    for (let i = 0; i < 30; i++) pair.disks.laptop.people.save(`f${i}`, Buffer.from(`${i}`))
    pair.clock.ms += 1_000
    pair.connect()
    pair.settle()
    for (let i = 0; i < 20; i++) pair.disks.pod.people.unlink(`f${i}`)
    pair.disks.pod.people.save('f25', Buffer.from('of a tool in the pod'))
    pair.sweep()
    expect(Object.keys(treeOf(pair.disks.laptop))).toHaveLength(30)
    pair.anew({ mode: 'two-way' })
    const tree = treeOf(pair.disks.laptop)
    for (let i = 0; i < 30; i++) expect(tree[`f${i}`]).toBe(`${i}`)
    expect(Object.values(tree)).toContain('of a tool in the pod')
    expect(treeOf(pair.disks.pod)).toEqual(tree)
  })

  test('pull, later two-way: nothing goes from the pod', () => {
    const pair = new Pair({ mode: 'pull' })
    for (let i = 0; i < 300; i++) pair.disks.pod.people.save(`f${i}`, Buffer.from(`${i}`))
    pair.clock.ms += 1_000
    pair.connect()
    pair.settle()
    for (let i = 0; i < 300; i++) pair.disks.laptop.people.unlink(`f${i}`)
    pair.sweep()
    pair.anew({ mode: 'two-way' })
    expect(Object.keys(treeOf(pair.disks.pod))).toHaveLength(300)
    // From then on it is as ever.
    pair.clock.ms += 1_000
    pair.disks.laptop.people.unlink('f1')
    pair.anew({ mode: 'two-way' })
    expect(Object.keys(treeOf(pair.disks.pod))).toHaveLength(299)
  })
})
