import { expect, test, vi } from 'vitest'
import { twoWay } from '../../../syncer/core/sync-policy.ts'
import type { Place } from '../../../syncer/disk/disk.ts'
import { Pair, runFor } from '../engine/pair.ts'

/** The agent may read none of these in the pod. */
function bar(pair: Pair, ...barred: string[]): void {
  const disk = pair.disks.pod
  const refuse = (path: string) => {
    if (barred.includes(path)) throw Object.assign(new Error('no permission'), { code: 'EACCES' })
  }
  const { read, readInto, open, listStats } = disk
  vi.spyOn(disk, 'read').mockImplementation((at, length) => {
    refuse(pathOf(at))
    return read.call(disk, at, length)
  })
  vi.spyOn(disk, 'readInto').mockImplementation((at, target) => {
    refuse(pathOf(at))
    return readInto.call(disk, at, target)
  })
  vi.spyOn(disk, 'open').mockImplementation(at => {
    refuse(pathOf(at))
    return open.call(disk, at)
  })
  vi.spyOn(disk, 'listStats').mockImplementation((dir, names) => {
    refuse(dir)
    return listStats.call(disk, dir, names)
  })
}

const pathOf = (at: Place) => ('path' in at ? String(at.path) : '')

/** A pod whose image brought what `image` makes, and in which `work` was done since. */
function begun(image: (pair: Pair) => void, barred: string[], policy = twoWay): Pair {
  const pair = new Pair(policy)
  image(pair)
  pair.clock.ms += 10_000
  pair.beganNs = BigInt(pair.clock.ms) * 1_000_000n
  pair.start('pod')
  bar(pair, ...barred)
  pair.connect()
  runFor(pair, 2_000)
  return pair
}

/** Of the paths that are a problem of the pod: whether they are there alone. */
function problems(pair: Pair): Record<string, boolean> {
  const found: Record<string, boolean> = {}
  for (const event of pair.events) {
    if (event.type !== 'problem' || event.side !== 'pod') continue
    if (event.code === '') delete found[event.path]
    else found[event.path] = event.isUnread
  }
  return found
}

test('what the image brought is nobody’s work; what was written since and cannot be read is in the pod alone', () => {
  const pair = begun(({ disks }) => disks.pod.people.save('image', Buffer.from('of the image')), ['image', 'written'])
  expect(problems(pair)).toEqual({ image: false })
  pair.disks.pod.people.save('written', Buffer.from('since'))
  pair.pod.hint('written', 'rename')
  runFor(pair, 2_000)
  expect(problems(pair)).toEqual({ image: false, written: true })
  pair.disks.pod.people.save('image', Buffer.from('another'))
  pair.pod.hint('image', 'change')
  runFor(pair, 2_000)
  expect(problems(pair)).toEqual({ image: true, written: true })
})

test('it is over when it can be read, and when it is gone', () => {
  const pair = begun(() => {}, ['one', 'two'])
  for (const path of ['one', 'two']) pair.disks.pod.people.save(path, Buffer.from(path))
  pair.pod.sweep()
  runFor(pair, 2_000)
  expect(problems(pair)).toEqual({ one: true, two: true })
  vi.restoreAllMocks()
  pair.disks.pod.people.unlink('two')
  pair.pod.sweep()
  pair.pod.flush(1)
  runFor(pair, 2_000)
  expect(problems(pair)).toEqual({})
  expect(pair.disks.laptop.people.read('one')).toEqual(Buffer.from('one'))
})

test('a folder in which something was made since, and which may not be read', () => {
  const image = ({ disks: { pod } }: Pair) => {
    pod.people.mkdir('old')
    pod.people.save('old/data', Buffer.from('of the image'))
  }
  const pair = begun(image, ['old', 'new'])
  pair.disks.pod.people.mkdir('new')
  pair.disks.pod.people.save('new/data', Buffer.from('data'))
  pair.pod.sweep()
  runFor(pair, 2_000)
  expect(problems(pair)).toEqual({ old: false, new: true })
})

test('where nothing of the pod is to travel, nothing is missed', () => {
  const pair = begun(() => {}, ['written'], { ...twoWay, mode: 'push' })
  pair.disks.pod.people.save('written', Buffer.from('since'))
  pair.pod.sweep()
  runFor(pair, 2_000)
  expect(problems(pair)).toEqual({ written: false })
})
