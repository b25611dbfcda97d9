import { expect, test } from 'vitest'
import { rest, saved } from './exchanging-pair.ts'

/** Later than the last look at what was replaced. */
const rounds = 20
/** Operations on private files that follow a change of a name, where a save of the last moment came away with it. */
const nths = [0, 1, 2, 3, 4, 5, 6, 7].map(nth => ({ nth }))

test.each(nths)('a save that came away is found where private operation $nth after that fails once', ({ nth }) => {
  const pair = saved()
  const { pod } = pair.disks
  let exchanges = 0
  let left = nth
  pod.before = (operation, at) => {
    if (operation === 'exchange' && exchanges++ === 0) pod.people.save('file', Buffer.from('pod'))
    else if (exchanges > 0 && at?.area === 'own' && left-- === 0) return 'EIO'
    return undefined
  }
  pair.settle()
  expect(left).toBeLessThan(0)
  const texts = Object.values(rest(pair, rounds)).sort()
  expect(texts).toEqual(['laptop', 'pod'])
  expect(pod.listOwn().filter(name => !name.startsWith('trash-places'))).toHaveLength(1)
})

test.each(nths.slice(0, 5))('nor is one that was about to be deleted lost where operation $nth fails', ({ nth }) => {
  const pair = saved()
  const { pod, laptop } = pair.disks
  pair.settle()
  pair.clock.ms += 1_000
  laptop.people.unlink('file')
  pair.laptop.hint('file')
  let isGrabbed = false
  let left = nth
  pod.before = (operation, at, to) => {
    if (!isGrabbed && operation === 'rename' && at?.area === 'tree' && to?.area === 'own') {
      isGrabbed = true
      pod.people.save('file', Buffer.from('pod'))
    } else if (isGrabbed && at?.area === 'own' && left-- === 0) return 'EIO'
    return undefined
  }
  pair.settle()
  expect(left).toBeLessThan(0)
  expect(Object.values(rest(pair, rounds))).toEqual(['pod'])
})
