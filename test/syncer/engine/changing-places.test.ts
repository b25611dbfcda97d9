import { describe, expect, test } from 'vitest'
import type { DiskOperation } from '../../../syncer/disk/memory-operation.ts'
import { crashPod, rest, saved, type Way, ways } from './exchanging-pair.ts'
import { Pair, treeOf } from './pair.ts'

const names = ['a', 'b', 'c', 'd/e', 'f']
const rounds = 3

/** In step over some files, which change places two at a time in the pod; the laptop has just saved them all. */
function savedAll(way: Way): Pair {
  const pair = new Pair(undefined, { changedAtOnceMax: 2 })
  pair.disks.pod[way]()
  const { people } = pair.disks.laptop
  people.mkdir('d')
  for (const name of names) people.save(name, Buffer.from('base'))
  pair.connect()
  pair.settle()
  pair.clock.ms += 1_000
  pair.together = true
  for (const name of names) {
    people.save(name, Buffer.from(`laptop ${name}`))
    pair.laptop.hint(name)
  }
  return pair
}

function operations(way: Way): DiskOperation[] {
  const pair = savedAll(way)
  const seen: DiskOperation[] = []
  pair.disks.pod.before = operation => {
    seen.push(operation)
    return undefined
  }
  pair.settle()
  return seen
}

const wanted = { d: '/', ...Object.fromEntries(names.map(name => [name, `laptop ${name}`])) }

describe.each(ways)('files that change places, whose disk does this: %s', way => {
  const moments = operations(way).map((operation, at) => ({ operation, at }))

  test('the next ones are made ready while names are exchanged', () => {
    const order = operations(way).filter(operation => operation === 'create' || operation === 'exchange')
    const first = order.indexOf('exchange')
    const after = order.slice(first)
    expect(after.filter(operation => operation === 'exchange')).toHaveLength(names.length)
    expect(after.slice(0, after.lastIndexOf('exchange'))).toContain('create')
  })

  test.each(moments)('a save of somebody before operation $at ($operation) stays', ({ at }) => {
    for (const name of ['a', 'c', 'd/e']) {
      const pair = savedAll(way)
      let left = at
      pair.disks.pod.before = () => {
        if (left-- === 0) pair.disks.pod.people.save(name, Buffer.from('pod'))
        return undefined
      }
      const tree = rest(pair, rounds)
      expect(left).toBeLessThan(0)
      expect(Object.values(tree)).toContain('pod')
      for (const other of names) if (other !== name) expect(tree[other]).toBe(`laptop ${other}`)
    }
  })

  test.each(moments)('an agent that dies before operation $at ($operation) loses nothing', ({ at }) => {
    const pair = savedAll(way)
    let left = at
    pair.disks.pod.before = () => {
      if (left-- <= 0) throw new Error('crash')
      return undefined
    }
    crashPod(pair)
    expect(rest(pair, rounds)).toEqual(wanted)
  })

  test.each(['ENOENT', 'ETIME', 'EIO', 'EXDEV', 'ENOSYS'])('exchanges that fail with %s lose nothing', code => {
    const pair = savedAll(way)
    let count = 0
    pair.disks.pod.before = operation => (operation === 'exchange' && count++ % 2 === 0 ? code : undefined)
    pair.settle()
    expect(count).toBeGreaterThanOrEqual(names.length)
    expect(rest(pair, rounds)).toEqual(wanted)
  })

  test('one path twice takes its turns', () => {
    const pair = savedAll(way)
    const { people } = pair.disks.laptop
    people.save('a', Buffer.from('once more'))
    pair.laptop.hint('a')
    pair.settle()
    expect(treeOf(pair.disks.pod)).toEqual({ ...wanted, a: 'once more' })
  })
})

test.each(['write', 'rename', 'exchange'] as const)(
  'what the disk made and could neither use nor remove is gone soon (refused: %s)',
  refused => {
    const pair = saved('file', 'placeFiles')
    rest(pair, 1)
    pair.disks.laptop.people.save('file', Buffer.from('again'))
    pair.laptop.hint('file', 'rename')
    let left = 2
    pair.disks.pod.before = (operation, at) => {
      if (at?.area === 'own' && at.name.startsWith('trash-in-')) return undefined
      const isRefused = operation === refused ? left === 2 : operation === 'unlink' && left === 1
      if (isRefused) left -= 1
      return isRefused ? 'EIO' : undefined
    }
    expect(rest(pair, 20)).toEqual({ file: 'again' })
    expect(left).toBe(0)
    const files = pair.disks.pod.listOwn().filter(name => name.startsWith('stage-') || name.startsWith('trash-pod-'))
    expect(files).toEqual([])
  },
)
