import { expect, test } from 'vitest'
import { Pair, treeOf } from './pair.ts'

// As FSEvents and ReadDirectoryChangesW tell it: the names that changed in their folder, and nothing of what is below.
test.each(['laptop', 'pod'] as const)(
  'a folder that takes the place of another on the %s is read at all depths',
  side => {
    const pair = new Pair()
    const { people } = pair.disks[side]
    people.mkdir('dist/assets')
    people.save('dist/assets/app.js', Buffer.from('old'))
    pair.initial = 'keep'
    pair.start('laptop')
    pair.connect()
    pair.settle()
    pair.clock.ms += 5_000
    people.mkdir('dist.new/assets')
    people.save('dist.new/assets/app.js', Buffer.from('new'))
    pair[side].hint('dist.new', 'rename')
    pair.settle()
    pair.clock.ms += 5_000
    people.rename('dist', 'dist.old')
    people.rename('dist.new', 'dist')
    for (const name of ['dist', 'dist.old', 'dist.new']) pair[side].hint(name, 'rename')
    pair.settle()
    expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
    expect(pair.disks.pod.people.read('dist/assets/app.js').toString()).toBe('new')
    expect(pair.disks.laptop.people.read('dist/assets/app.js').toString()).toBe('new')
  },
)
