import { expect, test } from 'vitest'
import { Pair, treeOf } from './pair.ts'

/** As of `packages/app/node_modules`, when somebody removes `packages`. */
for (const [end, other] of [
  ['laptop', 'pod'],
  ['pod', 'laptop'],
] as const)
  test(`folders that go at the ${end} stay at the other end for what does not travel, however deep it is`, () => {
    const pair = new Pair()
    pair.ignored = path => path.endsWith('modules')
    pair.disks.laptop.people.mkdir('a/b/c')
    pair.disks.laptop.people.save('a/b/c/file', Buffer.from('file'))
    pair.connect()
    pair.settle()
    pair.disks[other].people.mkdir('a/b/c/modules')
    pair.disks[other].people.save('a/b/c/modules/mine', Buffer.from('mine'))
    pair[other].hint('a/b/c/modules', 'rename')
    pair.settle()
    pair.disks[end].people.removeAll('a')
    pair[end].hint('a', 'rename')
    pair.settle()
    expect(pair.laptop.idle() && pair.pod.idle()).toBe(true)
    expect(treeOf(pair.disks[end])).toEqual({})
    expect(pair.disks[other].people.read('a/b/c/modules/mine').toString()).toBe('mine')
    expect(pair.disks[other].people.find('a/b/c/file')).toBeUndefined()
    pair.disks[end].people.mkdir('a/b')
    pair.disks[end].people.save('a/b/new', Buffer.from('new'))
    pair[end].hint('a', 'rename')
    pair.settle()
    expect(pair.disks[other].people.read('a/b/new').toString()).toBe('new')
  })
