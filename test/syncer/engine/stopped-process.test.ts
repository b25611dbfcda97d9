import { expect, test } from 'vitest'
import { Pair, treeOf } from './pair.ts'

for (const end of ['laptop', 'pod'] as const)
  test(`what is written late into a replaced file at the ${end} is saved, though the process stood still for two hours`, () => {
    const pair = new Pair()
    pair.disks.laptop.people.save('f', Buffer.from('one'))
    pair.connect()
    pair.settle()
    const writer = pair.disks[end].people.open('f', 'a')
    const other = end === 'laptop' ? 'pod' : 'laptop'
    pair.disks[other].people.save('f', Buffer.from('two'))
    pair[other].hint('f', 'rename')
    pair.settle()
    writer.write(Buffer.from(' and a half'))
    writer.close()
    pair.clock.ms += 7_200_000
    for (let step = 0; step < 100; step++) pair.step()
    pair.settle()
    const contents = Object.values(treeOf(pair.disks[end]))
    expect(contents).toContain('one and a half')
    expect(contents).toContain('two')
  })
