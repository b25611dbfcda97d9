import { expect, test } from 'vitest'
import { crashPod, rest, saved } from './exchanging-pair.ts'

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

test.each([
  { how: 'its place cannot be looked at once', crashes: false },
  { how: 'the agent dies then', crashes: true },
])('what came away and is by chance what came from the laptop is looked at for late writes: $how', ({ crashes }) => {
  const pair = saved()
  const { pod } = pair.disks
  let exchanges = 0
  let writer: ReturnType<typeof pod.people.open> | undefined
  pod.before = (operation, at) => {
    if (operation === 'exchange' && exchanges++ === 0) {
      // In place, as far as it has come the same as the laptop's.
      writer = pod.people.open('file', 'w')
      writer.write(Buffer.from('laptop'))
    } else if (exchanges > 0 && operation === 'stat' && at?.area === 'own') {
      if (crashes) throw new Error('crash')
      pod.before = undefined
      return 'EIO'
    }
    return undefined
  }
  if (crashes) crashPod(pair)
  else pair.settle()
  for (let second = 0; second < 3; second++) {
    pair.clock.ms += 1_000
    pair.settle()
  }
  writer!.write(Buffer.from(' and more'))
  writer!.close()
  expect(Object.values(rest(pair, rounds))).toContain('laptop and more')
})
