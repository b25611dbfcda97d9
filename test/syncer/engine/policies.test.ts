import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { errnoOf } from '../../../syncer/base/errors.ts'
import { MemoryDisk } from '../../../syncer/disk/memory-disk.ts'
import { listTrash } from '../../../syncer/endpoint/trash-list.ts'
import { Pair, problemsOf, runFor, treeOf } from './pair.ts'

type Side = 'laptop' | 'pod'
interface Step {
  side: Side
  what: 'save' | 'remove' | 'folder'
  path: string
}

const side = fc.constantFrom<Side>('laptop', 'pod')
const files = ['a', 'b', 'd/a', 'd/b', 'd/e/f']
const folders = ['d', 'd/e']
// No file where the other end has a folder: what is only there would be in the way for good.
const step = fc.oneof<fc.Arbitrary<Step>[]>(
  fc.record({ side, what: fc.constant('save'), path: fc.constantFrom(...files) }),
  fc.record({ side, what: fc.constant('folder'), path: fc.constantFrom(...folders) }),
  fc.record({ side, what: fc.constant('remove'), path: fc.constantFrom(...files, ...folders) }),
)
const steps = fc.array(fc.tuple(step, fc.boolean()), { maxLength: 25 })

/** What a person does, where the folder allows it. */
function act(disk: MemoryDisk, { what, path }: Step, text: string): void {
  try {
    if (what === 'save') disk.people.save(path, Buffer.from(text))
    else if (what === 'folder') disk.people.mkdir(path)
    else disk.people.removeAll(path)
  } catch (error) {
    if (errnoOf(error) === undefined) throw error
  }
}

/** Both at work, in step now and then. @returns what the folder of `alone` is where nobody syncs it */
function atWork(pair: Pair, all: [Step, boolean][], alone: Side): MemoryDisk {
  const undisturbed = new MemoryDisk({ clock: pair.clock })
  pair.connect()
  pair.settle()
  for (const [index, [each, rests]] of all.entries()) {
    pair.clock.ms += 10
    act(pair.disks[each.side], each, `${index}`)
    if (each.side === alone) act(undisturbed, each, `${index}`)
    pair[each.side].hint(each.path)
    if (rests) pair.settle()
  }
  pair.settle()
  pair.sweep()
  return undisturbed
}

describe('one way only', () => {
  test.each<['push' | 'pull', Side, Side]>([
    ['push', 'laptop', 'pod'],
    ['pull', 'pod', 'laptop'],
  ])(
    'case 31: %s: nothing changes the %s’s folder but its own people, and what they change next arrives',
    (mode, from, to) => {
      fc.assert(
        fc.property(steps, all => {
          const pair = new Pair({ mode })
          const undisturbed = atWork(pair, all, from)
          expect(treeOf(pair.disks[from])).toEqual(treeOf(undisturbed))
          // every file of it, once more
          for (const path of filesOf(pair.disks[from])) {
            pair.clock.ms += 10
            pair.disks[from].people.save(path, Buffer.from(`again ${path}`))
            pair[from].hint(path)
          }
          for (let round = 0; round < 3; round++) pair.sweep()
          const there = treeOf(pair.disks[to])
          for (const path of filesOf(pair.disks[from])) {
            expect(there[path]).toBe(`again ${path}`)
          }
        }),
        { numRuns: 60, seed: 20261121 },
      )
    },
  )

  test('push: what only the pod has stays there with keep, over a new connection, too', () => {
    const pair = new Pair({ mode: 'push' })
    pair.initial = 'keep'
    pair.start('laptop')
    pair.disks.laptop.people.save('a', Buffer.from('laptop'))
    pair.disks.pod.people.save('a', Buffer.from('image'))
    pair.disks.pod.people.save('made', Buffer.from('there'))
    pair.connect()
    pair.settle()
    pair.disks.pod.people.save('a', Buffer.from('edited there'))
    pair.sweep()
    pair.cut()
    pair.connect()
    pair.settle()
    expect(treeOf(pair.disks.laptop)).toEqual({ a: 'laptop' })
    expect(treeOf(pair.disks.pod)).toEqual({ a: 'edited there', made: 'there' })
    expect([pair.laptop.pending(), pair.pod.pending()]).toEqual([0, 0])
  })

  test('push: an edit of the pod that gives way is told, and nothing else', () => {
    const pair = new Pair({ mode: 'push' })
    const { laptop, pod } = pair.disks
    for (const path of ['a', 'b', 'c']) laptop.people.save(path, Buffer.from('laptop'))
    pair.connect()
    pair.settle()
    pair.clock.ms += 1_000
    for (const path of ['a', 'b', 'new']) pod.people.save(path, Buffer.from('edited there'))
    pair.sweep()
    const told = () => pair.events.flatMap(event => (event.type === 'replaced' ? [event.path] : []))
    expect(told()).toEqual([])
    for (const path of ['a', 'c', 'new']) laptop.people.save(path, Buffer.from('edited here'))
    laptop.people.unlink('b')
    for (const path of ['a', 'b', 'c', 'new']) pair.laptop.hint(path, 'rename')
    pair.settle()
    expect(treeOf(pod)).toEqual({ a: 'edited here', c: 'edited here', new: 'edited here' })
    expect(told().sort()).toEqual(['a', 'b', 'new'])
  })

  test('pull: the pod’s comes, what gave way is in the trash, and the laptop’s own stays here', () => {
    const pair = new Pair({ mode: 'pull' })
    pair.disks.laptop.people.save('a', Buffer.from('laptop'))
    pair.disks.laptop.people.save('own', Buffer.from('mine'))
    pair.disks.pod.people.save('a', Buffer.from('pod'))
    pair.disks.pod.people.save('b', Buffer.from('b'))
    pair.connect()
    pair.settle()
    expect(treeOf(pair.disks.laptop)).toEqual({ a: 'pod', b: 'b', own: 'mine' })
    expect(treeOf(pair.disks.pod)).toEqual({ a: 'pod', b: 'b' })
    expect(listTrash(pair.disks.laptop).map(({ path }) => path)).toEqual(['a'])
  })
})

describe('both ways, with one preferred', () => {
  test.each([
    ['local', 'from the laptop', []],
    ['remote', 'from the pod', ['a']],
  ] as const)('%s', (prefer, stays, trashed) => {
    const pair = new Pair({ mode: 'two-way', prefer })
    pair.disks.laptop.people.save('a', Buffer.from('base'))
    pair.connect()
    pair.settle()
    pair.cut()
    pair.clock.ms += 1_000
    pair.disks.laptop.people.save('a', Buffer.from('from the laptop'))
    pair.disks.pod.people.save('a', Buffer.from('from the pod'))
    pair.connect()
    pair.sweep()
    expect(treeOf(pair.disks.laptop)).toEqual({ a: stays })
    expect(treeOf(pair.disks.pod)).toEqual({ a: stays })
    expect(listTrash(pair.disks.laptop).map(({ path }) => path)).toEqual(trashed)
    expect(pair.events.filter(({ type }) => type === 'conflict')).toEqual([])
  })

  test('whatever both do, both end with the same', () => {
    fc.assert(
      fc.property(steps, fc.constantFrom('local', 'remote'), (all, prefer) => {
        const pair = new Pair({ mode: 'two-way', prefer })
        atWork(pair, all, 'laptop')
        expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
      }),
      { numRuns: 60, seed: 20261121 },
    )
  })
})

function filesOf(disk: MemoryDisk): string[] {
  return Object.entries(treeOf(disk))
    .filter(([, content]) => content !== '/')
    .map(([path]) => path)
}

test('what could not be read in the pod keeps nobody busy once its changes stay there', () => {
  const pair = new Pair()
  pair.disks.laptop.people.save('f', Buffer.from('text'))
  pair.connect()
  pair.settle()
  pair.disks.pod.people.save('f', Buffer.from('changed'))
  pair.disks.pod.people.mount('f')
  pair.pod.exchange.queue(pair.pod.exchange.replica.tree.find('f')!, true)
  runFor(pair, 300)
  expect(problemsOf(pair)).toEqual({ f: 'mount-point' })
  expect(pair.pod.idle()).toBe(false)
  pair.rulesOf = () => ({ policy: { mode: 'push' as const }, ignored: () => false })
  pair.laptop.setRules('push')
  pair.settle()
  expect(pair.pod.idle()).toBe(true)
})
