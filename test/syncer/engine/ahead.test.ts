import { describe, expect, test } from 'vitest'
import { type SyncPolicy, twoWay } from '../../../syncer/core/sync-policy.ts'
import { of, Pair, runUntil, treeOf } from './pair.ts'

/** Folders of some files each, and a laptop that needs many turns to read them. */
function seeded(policy: SyncPolicy = twoWay): Pair {
  const pair = new Pair(policy, { stepsMax: 5 })
  const { laptop } = pair.disks
  for (let dir = 0; dir < 6; dir++) {
    laptop.people.mkdir(`d${dir}`)
    laptop.people.mkdir(`d${dir}/in`)
    for (const file of ['a', 'b', 'in/c']) laptop.people.save(`d${dir}/${file}`, Buffer.from(`${dir} ${file}`))
  }
  pair.clock.ms += 1_000
  return pair
}

/** Until something is staged at the pod, and nothing is agreed. */
function untilStaged(pair: Pair): void {
  runUntil(pair, () => of(pair, 'staged').length >= 2)
  expect(of(pair, 'put')).toEqual([])
}

function expectSame(pair: Pair): void {
  expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
  expect(pair.disks.pod.listOwn().filter(name => name.startsWith('stage-'))).toEqual([])
}

describe('subtrees go ahead while the laptop still reads', () => {
  test('and their PUTs follow: each file is read and sent once', () => {
    const pair = seeded()
    let reads = 0
    pair.disks.laptop.before = operation => {
      if (operation === 'read') reads += 1
      return undefined
    }
    pair.connect()
    untilStaged(pair)
    expect(Object.keys(treeOf(pair.disks.pod))).toEqual([])
    pair.settle()
    expectSame(pair)
    const members = of(pair, 'graft').map(({ path }) => path)
    expect(new Set(members).size).toBe(members.length)
    expect(of(pair, 'put')).toHaveLength(of(pair, 'graft-end').length)
    expect(reads).toBe(18)
  })

  test('also what was read before the pod was there', () => {
    const pair = seeded()
    for (let turn = 0; turn < 4; turn++) pair.laptop.tick()
    pair.connect()
    untilStaged(pair)
    pair.settle()
    expectSame(pair)
  })

  test('and their PUTs leave a few in a turn, before anything else that is in them', () => {
    const pair = new Pair(twoWay, { stepsMax: 5 })
    const { laptop } = pair.disks
    for (let dir = 0; dir < 40; dir++) {
      laptop.people.mkdir(`d${dir}`)
      laptop.people.save(`d${dir}/a`, Buffer.from(`${dir}`))
    }
    pair.clock.ms += 1_000
    pair.connect()
    // The marker comes late: everything is staged before the two agree.
    pair.delayMs = (to, lane) => (to === 'pod' && lane === 'control' ? 200 : 0)
    runUntil(pair, () => pair.laptop.live)
    expect(of(pair, 'staged')).toHaveLength(40)
    expect(pair.laptop.idle()).toBe(false)
    laptop.people.save('d39/a', Buffer.from('edited'))
    pair.laptop.hint('d39/a', 'rename')
    let most = 0
    for (let before = 0; before < 40; ) {
      pair.step()
      const now = of(pair, 'put').length
      most = Math.max(most, now - before)
      before = now
    }
    expect(most).toBeLessThan(20)
    pair.settle()
    expectSame(pair)
    expect(laptop.people.read('d39/a').toString()).toBe('edited')
    expect(of(pair, 'forget')).toEqual([])
    expect(of(pair, 'graft-end')).toHaveLength(40)
  })

  test('but nothing that the pod has something of', () => {
    const pair = seeded()
    pair.disks.pod.people.mkdir('d5')
    pair.disks.pod.people.save('d5/a', Buffer.from('of the image'))
    pair.clock.ms += 1_000
    pair.connect()
    untilStaged(pair)
    const ahead = of(pair, 'graft').map(({ path }) => path)
    expect(ahead.length).toBeGreaterThan(0)
    expect(ahead.filter(path => path.startsWith('d5'))).toEqual([])
    pair.settle()
    expectSame(pair)
  })

  test('nothing at all into a copy that has a marker', () => {
    const pair = seeded()
    pair.marker = { id: 'another', epoch: 3 }
    pair.connect()
    runUntil(pair, () => of(pair, 'epoch').length > 0)
    expect(of(pair, 'graft')).toEqual([])
    pair.settle()
    expectSame(pair)
  })

  test('nothing at all where the laptop only receives', () => {
    const pair = seeded({ ...twoWay, mode: 'pull' })
    pair.connect()
    runUntil(pair, () => of(pair, 'epoch').length > 0)
    pair.settle()
    expect(of(pair, 'graft')).toEqual([])
  })

  test('a cut leaves nothing of them, and they go again', () => {
    const pair = seeded()
    pair.connect()
    untilStaged(pair)
    pair.cut()
    expect(pair.disks.pod.listOwn().filter(name => name.startsWith('stage-'))).toEqual([])
    pair.connect()
    pair.settle()
    expectSame(pair)
  })

  test.each([
    ['edited', (pair: Pair) => pair.disks.laptop.people.save('d5/a', Buffer.from('newer'))],
    ['removed', (pair: Pair) => pair.disks.laptop.people.unlink('d5/a')],
    ['a folder', (pair: Pair) => replaceByFolder(pair)],
    ['gone with its folder', (pair: Pair) => pair.disks.laptop.people.removeAll('d5')],
  ])('what is %s meanwhile is so in the pod too', (_, change) => {
    const pair = seeded()
    pair.connect()
    untilStaged(pair)
    expect(of(pair, 'graft').map(({ path }) => path)).toContain('d5/a')
    pair.clock.ms += 50
    change(pair)
    pair.laptop.hint('d5/a', 'change')
    pair.laptop.hint('d5', 'rename')
    pair.settle()
    expectSame(pair)
  })

  test('what is forbidden meanwhile does not appear', () => {
    const pair = seeded()
    pair.connect()
    untilStaged(pair)
    pair.ignored = path => path === 'd5' || path.startsWith('d5/')
    pair.laptop.setRules('d5')
    pair.settle()
    expect(Object.keys(treeOf(pair.disks.pod)).filter(path => path.startsWith('d5'))).toEqual([])
    expect(Object.keys(treeOf(pair.disks.pod))).toHaveLength(25)
  })

  test('what somebody makes in the pod meanwhile is kept beside it', () => {
    const pair = seeded()
    pair.connect()
    untilStaged(pair)
    pair.disks.pod.people.mkdir('d5')
    pair.disks.pod.people.save('d5/new', Buffer.from('made in the pod'))
    pair.settle()
    pair.sweep()
    expectSame(pair)
    expect(treeOf(pair.disks.laptop)['d5/new']).toBe('made in the pod')
    expect(treeOf(pair.disks.laptop)['d5/a']).toBe('5 a')
  })
})

function replaceByFolder({ disks: { laptop } }: Pair): void {
  laptop.people.unlink('d5/a')
  laptop.people.mkdir('d5/a')
  laptop.people.save('d5/a/x', Buffer.from('x'))
}
