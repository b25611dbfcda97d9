import { expect, test } from 'vitest'
import { limits } from '../../../syncer/base/limits.ts'
import type { People } from '../../../syncer/disk/memory-people.ts'
import { Pair, runUntil } from './pair.ts'

const long = limits.inlineBytesMax + 1

test.each<[string, 'rename' | 'change', (people: People, count: number) => void]>([
  ['is replaced', 'rename', (people, count) => people.save('state', Buffer.alloc(count, 's'))],
  [
    'grows, too long to go with its change',
    'change',
    (people, count) =>
      count === 1 ? people.save('state', Buffer.alloc(long, 's')) : people.append('state', Buffer.from('s')),
  ],
])('a flush ends though a file %s all the time, and what was written before is there', (_, kind, write) => {
  const pair = new Pair()
  const { laptop, pod } = pair.disks
  pair.delayMs = () => 20
  pair.connect()
  pair.settle()
  let count = 0
  const writeOn = () => {
    count += 1
    pair.clock.ms += 3
    write(laptop.people, count)
    pair.laptop.hint('state', kind)
  }
  writeOn()
  for (const flush of [1, 4, 9]) {
    // at any place of the round trip
    for (let step = 0; step < flush; step++) {
      writeOn()
      pair.step()
    }
    const { length } = laptop.people.read('state')
    pair.laptop.flush(flush)
    runUntil(pair, () => {
      writeOn()
      return pair.events.some(event => event.type === 'flushed' && event.id === flush)
    })
    expect(pod.people.read('state').length).toBeGreaterThanOrEqual(length)
  }
})
