import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ProtocolError } from '../../../syncer/base/errors.ts'
import { listTrash } from '../../../syncer/endpoint/trash-list.ts'
import type { Move } from '../../../syncer/wire/change-message.ts'
import { of, Pair, runUntil, treeOf } from '../engine/pair.ts'
import { RealPair } from './real-pair.ts'

const sides = ['laptop', 'pod'] as const
const other = { laptop: 'pod', pod: 'laptop' } as const

/** Two ends that agree on a folder `d` of 60 files, two of them in `d/e`, and on as many files beside it. */
function agreed(ignored: Pair['ignored'] = () => false, beside = 0): Pair {
  const pair = new Pair()
  pair.ignored = ignored
  pair.start('laptop')
  pair.start('pod')
  const { people } = pair.disks.laptop
  people.mkdir('d/e')
  for (let file = 0; file < 58; file++) people.save(`d/f${file}`, Buffer.from(`content ${file}`))
  for (let file = 0; file < beside; file++) people.save(`beside-${file}`, Buffer.from(`${file}`))
  for (const file of ['a', 'b']) people.save(`d/e/${file}`, Buffer.from(file))
  pair.clock.ms += 1_000
  pair.connect()
  pair.settle()
  pair.clock.ms += 1_000
  pair.sweep()
  pair.sent.length = 0
  return pair
}

/** As a watcher tells it: both names. */
function rename(pair: Pair, side: 'laptop' | 'pod', from: string, to: string): void {
  pair.clock.ms += 1_000
  pair.disks[side].people.rename(from, to)
  pair[side].hint(from, 'rename')
  pair[side].hint(to, 'rename')
}

/** Changes of files and folders that were offered, but for folders that are new. */
function contents(pair: Pair): string[] {
  const puts = of(pair, 'put').filter(({ data }) => data !== 'd')
  return [...puts, ...of(pair, 'graft').filter(({ data }) => data !== 'd'), ...of(pair, 'content')].map(message =>
    'path' in message ? message.path : String(message.id),
  )
}

describe('case 43: a renamed folder', () => {
  test.each(sides)('of the %s goes by its name, and nothing in it is sent or read', side => {
    const pair = agreed()
    const before = treeOf(pair.disks[side])
    let reads = 0
    for (const each of sides) {
      pair.disks[each].before = operation => {
        if (operation === 'read') reads += 1
        return undefined
      }
    }
    rename(pair, side, 'd', 'new name')
    pair.settle()
    expect(treeOf(pair.disks[other[side]])).toEqual(treeOf(pair.disks[side]))
    expect(Object.values(treeOf(pair.disks.pod)).sort()).toEqual(Object.values(before).sort())
    expect(of(pair, 'move')).toHaveLength(1)
    expect(contents(pair)).toEqual([])
    expect(of(pair, 'ack')).toHaveLength(1)
    expect(reads).toBe(0)
    expect(pair.events.filter(({ type }) => type === 'halted')).toEqual([])
    expect(listTrash(pair.disks[other[side]])).toEqual([])
    for (const role of sides) {
      pair.cut()
      pair.start(role)
      pair.sent.length = 0
      pair.connect()
      pair.settle()
      expect(contents(pair)).toEqual([])
    }
  })

  test.each(sides)('of the %s with changes in it: only those are sent', side => {
    const pair = agreed()
    const { people } = pair.disks[side]
    rename(pair, side, 'd', 'n')
    people.save('n/f1', Buffer.from('edited'))
    people.save('n/e/new', Buffer.from('new'))
    people.unlink('n/f2')
    people.rename('n/e/a', 'n/e/c')
    pair.settle()
    pair.sweep()
    expect(treeOf(pair.disks[other[side]])).toEqual(treeOf(pair.disks[side]))
    expect(of(pair, 'move')).toHaveLength(1)
    expect([...new Set(contents(pair))].sort()).toEqual(['n/e/a', 'n/e/c', 'n/e/new', 'n/f1', 'n/f2'])
  })

  test.each(sides)('of the %s with changes at the other end, told or not: nothing of either is lost', side => {
    for (const isTold of [true, false]) {
      const pair = agreed(undefined, 200)
      const there = pair.disks[other[side]].people
      pair.clock.ms += 1_000
      there.save('d/f1', Buffer.from('of the other end'))
      there.save('d/only there', Buffer.from('new there'))
      if (isTold) pair[other[side]].hint('d/f1')
      rename(pair, side, 'd', 'n')
      pair.settle()
      pair.sweep()
      expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
      const texts = Object.values(treeOf(pair.disks.laptop))
      expect(texts).toContain('of the other end')
      expect(texts).toContain('new there')
    }
  })

  test('that holds what does not travel keeps it under its old name', () => {
    const pair = agreed(path => path.endsWith('.env'))
    pair.disks.pod.people.save('d/.env', Buffer.from('secret'))
    rename(pair, 'laptop', 'd', 'n')
    pair.settle()
    pair.sweep()
    expect(pair.disks.pod.people.read('d/.env').toString()).toBe('secret')
    expect(pair.disks.pod.people.read('n/f1').toString()).toBe('content 1')
    expect(Object.keys(treeOf(pair.disks.pod)).filter(path => path.startsWith('d/'))).toEqual(['d/.env'])
  })

  test('does not take the place of what came to its new name', () => {
    const pair = agreed()
    pair.disks.pod.people.mkdir('n')
    pair.disks.pod.people.save('n/f1', Buffer.from('was here first'))
    rename(pair, 'laptop', 'd', 'n')
    pair.settle()
    pair.sweep()
    expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
    expect(Object.values(treeOf(pair.disks.pod))).toContain('was here first')
    expect(pair.disks.pod.people.read('n/f1').toString()).toBe('content 1')
  })

  test.each(sides)('of the %s is found again after a cut, whether the other end was told or not', side => {
    for (const isDone of [true, false]) {
      const pair = agreed()
      rename(pair, side, 'd', 'n')
      if (isDone) runUntil(pair, () => of(pair, 'ack').length > 0)
      else runUntil(pair, () => of(pair, 'move').length > 0)
      pair.cut()
      pair.connect()
      pair.settle()
      pair.sweep()
      expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
      expect(Object.keys(treeOf(pair.disks.pod))).toHaveLength(62)
      expect(pair.disks.laptop.people.read('n/f3').toString()).toBe('content 3')
    }
  })

  test('goes path by path where the system cannot rename it', () => {
    const pair = agreed()
    pair.disks.pod.before = (operation, at) =>
      operation === 'rename' && at?.area === 'tree' && at.path === 'd' ? 'EXDEV' : undefined
    rename(pair, 'laptop', 'd', 'n')
    pair.settle()
    pair.sweep()
    expect(of(pair, 'rej').map(({ reason }) => reason)).toEqual(['need'])
    expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
  })

  test('has its rules at once: what it has in the pod alone stays there', () => {
    const pair = agreed()
    // The text names the folder whose own rules leave that file out.
    pair.rulesOf = text => ({ ignored: path => path === `${text}/log` })
    pair.laptop.setRules('d')
    pair.settle()
    pair.disks.pod.people.save('d/log', Buffer.from('of the pod'))
    pair.pod.hint('d/log', 'rename')
    pair.settle()
    pair.rulesMoved = path => path
    rename(pair, 'pod', 'd', 'n')
    pair.settle()
    pair.sweep()
    expect(of(pair, 'move').map(({ path }) => path)).toEqual(['n'])
    expect(pair.disks.laptop.people.find('n/log')).toBeUndefined()
    expect(of(pair, 'rules').map(({ rules }) => rules)).toEqual(['d', 'n'])
    expect(pair.disks.laptop.people.read('n/f1').toString()).toBe('content 1')
    expect(pair.disks.pod.people.read('n/log').toString()).toBe('of the pod')
  })

  test('is watched again where the system did not rename it', () => {
    const pair = agreed()
    let refused = 0
    pair.disks.pod.before = (operation, at) => {
      if (at?.area !== 'tree') return undefined
      if (operation === 'rename' && at.path === 'd') refused += 1
      // What is in it cannot go either: it stays as it is.
      return refused > 0 && ['rename', 'link', 'rmdir'].includes(operation) ? 'EACCES' : undefined
    }
    rename(pair, 'laptop', 'd', 'n')
    runUntil(pair, () => refused > 0)
    expect(pair.watched.pod).not.toContain('d')
    const atMs = pair.clock.ms
    runUntil(pair, () => pair.watched.pod.has('d') && pair.watched.pod.has('d/e'))
    // A whole sweep would do it after a minute.
    expect(pair.clock.ms - atMs).toBeLessThan(1_000)
  })
})

test.each(sides)(
  '43: a folder of the %s that came out of one that may not be entered any more is read all the same',
  side => {
    const pair = new Pair()
    const { people } = pair.disks.laptop
    people.mkdir('a/d')
    people.save('a/d/f', Buffer.from('f'))
    pair.connect()
    pair.settle()
    pair.clock.ms += 5_000
    pair.disks[side].people.rename('a/d', 'n')
    pair.disks[side].before = (_, at) => (at?.area === 'tree' && at.path.startsWith('a/') ? 'EACCES' : undefined)
    pair[side].hint('n', 'rename')
    runUntil(pair, () => pair.disks[other[side]].people.find('n/f') !== undefined)
    expect(pair.disks[other[side]].people.read('n/f').toString()).toBe('f')
  },
)

describe('a hostile end', () => {
  const move: Move = { type: 'move', seq: 1, from: 'd', path: 'n', digest: '0'.repeat(64) }

  test.each<[string, Partial<Move>]>([
    ['the wrong agreement', {}],
    ['a folder into itself', { path: 'd/e/x' }],
    ['a folder onto what it is in', { from: 'd/e', path: 'd' }],
    ['what is not there', { from: 'nothing' }],
    ['a file', { from: 'd/f1' }],
    ['what does not travel', { from: '.git' }],
  ])('that renames %s is refused, and nothing is touched', (_, wrong) => {
    const pair = agreed(path => path === '.git')
    pair.disks.laptop.people.mkdir('.git')
    const before = treeOf(pair.disks.laptop)
    pair.laptop.receive('control', { ...move, ...wrong })
    expect(of(pair, 'rej').map(({ reason }) => reason)).toEqual(['need'])
    expect(treeOf(pair.disks.laptop)).toEqual(before)
  })

  test('that renames before anything is agreed on is cut off', () => {
    const pair = agreed()
    pair.cut()
    pair.connect()
    expect(() => pair.laptop.receive('control', move)).toThrow(ProtocolError)
  })
})

describe('case 43: on real folders', () => {
  let pair: RealPair
  beforeEach(() => {
    pair = new RealPair()
  })
  afterEach(() => pair.dispose())

  test('case 43: 2,000 files under another name are no bytes, in either direction', async () => {
    for (let file = 0; file < 2_000; file++) pair.write('laptop', `old/d${file % 20}/${file}`, `${file}`.repeat(50))
    pair.open()
    pair.attach()
    await pair.inStep()
    const before = pair.session.status()
    for (const [side, from, to] of [
      ['laptop', 'old', 'new'],
      ['pod', 'new', 'newer'],
    ] as const) {
      pair.rename(side, from, to)
      await pair.inStep()
      expect(pair.tree('pod')).toEqual(pair.tree('laptop'))
      expect(pair.read('pod', `${to}/d0/20`)).toBe('20'.repeat(50))
    }
    const after = pair.session.status()
    expect(after.bytesSent - before.bytesSent).toBeLessThan(100_000)
    expect(after.bytesReceived - before.bytesReceived).toBeLessThan(100_000)
    // Its files are watched under their new name.
    pair.write('pod', 'newer/d1/1', 'edited in the pod')
    pair.write('laptop', 'newer/d2/2', 'edited on the laptop')
    await pair.inStep()
    expect(pair.read('laptop', 'newer/d1/1')).toBe('edited in the pod')
    expect(pair.read('pod', 'newer/d2/2')).toBe('edited on the laptop')
  })
})
