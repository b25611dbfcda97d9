import { describe, expect, test } from 'vitest'
import { Tree } from '../../../syncer/endpoint/tree.ts'
import { agreementDigest } from '../../../syncer/engine/contact/agreement-digest.ts'
import { of, Pair, treeOf } from './pair.ts'

const bytes = (text: string) => Buffer.from(text)

/** In step, and apart: the agent lives on, and the laptop's process is another one. */
function apart(): Pair {
  const pair = new Pair()
  const { people } = pair.disks.laptop
  people.mkdir('dir')
  for (const path of ['a', 'b', 'dir/c', 'dir/d']) people.save(path, bytes(`old ${path}`))
  pair.connect()
  pair.settle()
  pair.clock.ms += 10_000
  pair.settle()
  pair.cut()
  pair.start('laptop')
  pair.sent = []
  return pair
}

function named(pair: Pair): string[] {
  return of(pair, 'index')
    .flatMap(({ entries }) => entries)
    .map(({ path }) => path)
}

describe('a connection to an agent that was there before', () => {
  test('names no path where nothing has changed, and the pod reads no folder before changes flow', () => {
    const pair = apart()
    const { pod } = pair.disks
    let listings = 0
    const listStats = pod.listStats.bind(pod)
    pod.listStats = dir => {
      listings += 1
      expect(pair.pod.live).toBe(true)
      return listStats(dir)
    }
    pair.connect()
    pair.settle()
    expect(of(pair, 'welcome').map(({ agreesWith }) => agreesWith)).toEqual([true])
    expect(named(pair)).toEqual([])
    expect(of(pair, 'bases').flatMap(({ entries }) => entries)).toEqual([])
    expect(of(pair, 'put')).toEqual([])
    expect(listings).toBe(0)
    pair.clock.ms += 2_000
    pair.pod.tick()
    pair.settle()
    expect(listings).toBeGreaterThan(0)
  })

  test('names what the pod was told of meanwhile; both ends’ changes meet', () => {
    const pair = apart()
    const { laptop, pod } = pair.disks
    pod.people.save('a', bytes('by the pod'))
    pair.pod.hint('a', 'rename')
    pod.people.unlink('dir/d')
    pair.pod.hint('dir/d', 'rename')
    pair.settlePod()
    laptop.people.save('b', bytes('by the laptop'))
    pair.connect()
    pair.settle()
    expect(named(pair).sort()).toEqual(['a', 'dir/d'])
    const tree = { a: 'by the pod', b: 'by the laptop', dir: '/', 'dir/c': 'old dir/c' }
    expect(treeOf(laptop)).toEqual(tree)
    expect(treeOf(pod)).toEqual(tree)
  })

  test('what no event told of is found soon after', () => {
    const pair = apart()
    pair.disks.pod.people.save('a', bytes('by the pod'))
    pair.connect()
    pair.settle()
    expect(treeOf(pair.disks.laptop).a).toBe('old a')
    pair.clock.ms += 2_000
    pair.pod.tick()
    pair.settle()
    expect(treeOf(pair.disks.laptop).a).toBe('by the pod')
  })

  test('a change whose answer was lost: all paths are named, and nothing is sent twice', () => {
    const pair = apart()
    pair.cut()
    pair.disks.laptop.people.save('a', bytes('new'))
    pair.connect()
    pair.laptop.sweep()
    let step = 0
    while (of(pair, 'put').length === 0 && step++ < 1_000) pair.step()
    while (treeOf(pair.disks.pod).a !== 'new' && step++ < 1_000) pair.step()
    pair.cut()
    pair.sent = []
    pair.start('laptop')
    pair.connect()
    pair.settle()
    expect(of(pair, 'welcome').map(({ agreesWith }) => agreesWith)).toEqual([false])
    expect(named(pair).sort()).toEqual(['a', 'b', 'dir', 'dir/c', 'dir/d'])
    expect(of(pair, 'put')).toEqual([])
    expect(treeOf(pair.disks.laptop)).toEqual(treeOf(pair.disks.pod))
  })

  test('a marker that is gone: what the pod has is known from what both remember, and nothing is sent', () => {
    const pair = apart()
    pair.marker = null
    pair.connect()
    pair.settle()
    expect(named(pair)).toEqual([])
    expect(pair.events.some(({ type }) => type === 'first-contact')).toBe(true)
    expect([...of(pair, 'put'), ...of(pair, 'content'), ...of(pair, 'graft')]).toEqual([])
    expect(pair.marker).not.toBeNull()
  })

  test('an agent that was started anew remembers nothing: all paths are named', () => {
    const pair = apart()
    pair.start('pod')
    pair.connect()
    pair.settle()
    expect(of(pair, 'welcome').map(({ agreesWith }) => agreesWith)).toEqual([false])
    expect(named(pair)).toHaveLength(5)
    expect(of(pair, 'put')).toEqual([])
  })
})

describe('the digest of what is agreed', () => {
  const digestOf = (agreed: [string, string][]) => {
    const tree = new Tree()
    for (const [path, token] of agreed) tree.ensure(path).agreed = token
    return agreementDigest(tree)
  }
  const all: [string, string][] = Array.from({ length: 300 }, (_, i) => [`d${i % 20}/f${i}`, `f${i}`])

  test('is the same in any order, and none where nothing is agreed', () => {
    expect(digestOf(all)).toBe(digestOf([...all].reverse()))
    expect(digestOf([])).toBe('')
    expect(digestOf([['a/b', '']])).toBe('')
  })

  test('differs with each path, each token, and with which token is where', () => {
    const digests = new Set([digestOf(all)])
    for (const [at, [path, token]] of all.entries()) {
      digests.add(digestOf(all.with(at, [path, `${token}x`])))
      if (at < 100) digests.add(digestOf(all.with(at, [`${path}x`, token])))
      if (at < 100) digests.add(digestOf(all.toSpliced(at, 1)))
    }
    expect(digests.size).toBe(1 + 300 + 200)
    const swapped = all.with(0, [all[0]![0], all[1]![1]]).with(1, [all[1]![0], all[0]![1]])
    expect(digests.has(digestOf(swapped))).toBe(false)
    expect(digestOf([['a/bc', 'd']])).not.toBe(digestOf([['ab/c', 'd']]))
  })
})
