import { describe, expect, test } from 'vitest'
import type { MemoryDisk } from '../../../syncer/disk/memory-disk.ts'
import type { People } from '../../../syncer/disk/memory-people.ts'
import { ByteWriter } from '../../../syncer/wire/byte-writer.ts'
import { readMessages, writeMessage } from '../../../syncer/wire/sync-codec.ts'
import { of, Pair, problemsOf, runFor, runUntil, treeOf } from './pair.ts'

type Side = 'laptop' | 'pod'
const sides: Side[] = ['laptop', 'pod']
const other: Record<Side, Side> = { laptop: 'pod', pod: 'laptop' }
const bytes = (text: string) => Buffer.from(text)

/** In step, with these files, a second later. */
function inStep(files: Record<string, string>, options: ConstructorParameters<typeof Pair>[1] = {}): Pair {
  const pair = new Pair(undefined, options)
  const { people } = pair.disks.laptop
  for (const [path, text] of Object.entries(files)) {
    if (path.includes('/')) people.mkdir(path.slice(0, path.lastIndexOf('/')))
    people.save(path, bytes(text))
  }
  pair.connect()
  pair.settle()
  pair.clock.ms += 1_000
  pair.sent = []
  return pair
}

function expectBoth(pair: Pair, tree: Record<string, string>): void {
  expect(treeOf(pair.disks.laptop)).toEqual(tree)
  expect(treeOf(pair.disks.pod)).toEqual(tree)
}

function overwrite(people: People, path: string, text: string): void {
  const file = people.open(path, 'w')
  file.write(bytes(text))
  file.close()
}

describe.each(sides)('of what somebody does at the %s', side => {
  const there = other[side]

  test('case 3: nothing, then something, then nothing again', () => {
    const pair = inStep({ f: '' })
    for (const text of ['data', '', 'more data', '']) {
      pair.clock.ms += 100
      overwrite(pair.disks[side].people, 'f', text)
      pair[side].hint('f')
      pair.settle()
      expectBoth(pair, { f: text })
    }
  })

  test('case 16: what is no file, folder or link stays, is told once and never opened', () => {
    const pair = inStep({ f: 'text' })
    const opened: string[] = []
    pair.disks[side].before = (operation, at) => {
      if (['open', 'read', 'link'].includes(operation) && at?.area === 'tree') opened.push(at.path)
      return undefined
    }
    pair.disks[side].people.special('pipe')
    pair.disks[side].people.save('g', bytes('more'))
    for (let round = 0; round < 3; round++) pair.sweep()
    expect(opened).not.toContain('pipe')
    expect(pair.disks[there].people.find('pipe')).toBeUndefined()
    expect(pair.disks[there].people.read('g').toString()).toBe('more')
    const told = side === 'laptop' ? pair.events : pair.sent
    expect(told.filter(({ type }) => type === 'problem')).toMatchObject([{ path: 'pipe', code: 'unsupported-type' }])
  })

  test('case 20: a file that nobody may write is replaced, and stays so', () => {
    const pair = inStep({ f: 'old' })
    pair.disks[there].people.chmod('f', 0o444)
    pair.sweep()
    pair.disks[side].people.save('f', bytes('new'))
    pair.sweep()
    expectBoth(pair, { f: 'new' })
    expect(pair.disks[there].people.find('f')!.mode).toBe(0o444)
  })

  test('case 25: a link that leads out stays a link, and nothing goes through it', () => {
    const pair = inStep({ 'd/f': 'text' })
    const { people } = pair.disks[side]
    const links = { absolute: '/etc/passwd', up: '../../outside', root: '/' }
    for (const [name, target] of Object.entries(links)) people.symlink(target, name)
    pair.sweep()
    const found = Object.fromEntries(Object.entries(links).map(([name, target]) => [name, `-> ${target}`]))
    expectBoth(pair, { d: '/', 'd/f': 'text', ...found })
    expect(pair.sent.filter(message => 'path' in message && message.path?.startsWith('root/'))).toEqual([])
  })

  test('case 26: links in a circle and to a folder above', () => {
    const pair = inStep({ 'd/f': 'text' })
    const { people } = pair.disks[side]
    people.symlink('b', 'a')
    people.symlink('a', 'b')
    people.symlink('..', 'd/up')
    people.symlink('self', 'self')
    pair.sweep()
    expectBoth(pair, { d: '/', 'd/f': 'text', a: '-> b', b: '-> a', 'd/up': '-> ..', self: '-> self' })
  })

  test.each(['edit', 'removal'])('case 34: an edit there meets a removal here; the %s comes first', first => {
    const pair = inStep({ 'd/f': 'old' })
    const remove = () => {
      pair.disks[side].people.removeAll('d')
      pair[side].hint('d')
    }
    const edit = () => {
      pair.disks[there].people.save('d/f', bytes('edited'))
      pair[there].hint('d/f')
    }
    const steps = first === 'edit' ? [edit, remove] : [remove, edit]
    for (const step of steps) step()
    pair.settle()
    pair.sweep()
    expectBoth(pair, { d: '/', 'd/f': 'edited' })
  })

  test('case 42: a file becomes a folder while its content is under way, and the other way round', () => {
    const pair = inStep({ f: 'old' })
    const { people } = pair.disks[side]
    // No part of it is like another, so all of it is sent.
    const large = (letter: string) => Array.from({ length: 300_000 }, (_, i) => `${letter}${1_000_000 + i}\n`).join('')
    people.save('f', bytes(large('x')))
    pair[side].hint('f')
    runUntil(pair, () => of(pair, 'fill').length > 0)
    people.unlink('f')
    people.mkdir('f')
    people.save('f/inner', bytes(large('y')))
    pair[side].hint('f')
    const sent = of(pair, 'fill').length
    runUntil(pair, () => of(pair, 'fill').length > sent)
    expect(Object.keys(treeOf(pair.disks[there]))).not.toContain('f.conflict')
    pair.settle()
    pair.sweep()
    expectBoth(pair, { f: '/', 'f/inner': large('y') })
    people.removeAll('f')
    people.save('f', bytes('a file again'))
    pair.sweep()
    expectBoth(pair, { f: 'a file again' })
  })

  test('case 44: names swapped and rotated, of files and of folders', () => {
    const pair = inStep({ a: '1', b: '2', c: '3', 'x/f': '4', 'y/f': '5', 'y/g': '6' })
    const { people } = pair.disks[side]
    const rotate = (...names: string[]) => {
      people.rename(names[0]!, 'aside')
      for (const [index, name] of names.slice(1).entries()) people.rename(name, names[index]!)
      people.rename('aside', names.at(-1)!)
    }
    rotate('a', 'b', 'c')
    rotate('x', 'y')
    for (const path of ['a', 'b', 'c', 'x', 'y']) pair[side].hint(path, 'rename')
    pair.settle()
    pair.sweep()
    expectBoth(pair, { a: '2', b: '3', c: '1', x: '/', 'x/f': '5', 'x/g': '6', y: '/', 'y/f': '4' })
    rotate('a', 'b')
    pair.sweep()
    rotate('x', 'a')
    pair.sweep()
    expectBoth(pair, { a: '/', 'a/f': '5', 'a/g': '6', b: '2', c: '1', x: '3', y: '/', 'y/f': '4' })
  })

  test('case 46: an edit right after an arrival is no echo', () => {
    const pair = inStep({ f: 'base' })
    pair.disks[there].people.save('f', bytes('arriving'))
    pair[there].hint('f')
    runUntil(pair, () => pair.disks[side].people.read('f').toString() === 'arriving')
    // the answer is still on its way
    overwrite(pair.disks[side].people, 'f', 'edited')
    pair[side].hint('f')
    pair.settle()
    expectBoth(pair, { f: 'edited' })
  })

  test('case 53: no room: the old file stays, it is told, and done when there is room', () => {
    const pair = inStep({ f: 'old', g: 'old' })
    pair.disks[there].before = operation => (operation === 'write' ? 'ENOSPC' : undefined)
    pair.disks[side].people.save('f', bytes('new'))
    pair.disks[side].people.save('large', Buffer.alloc(300_000, 'l'))
    pair.disks[side].people.unlink('g')
    for (const path of ['f', 'large', 'g']) pair[side].hint(path)
    runFor(pair, 30_000)
    expect(treeOf(pair.disks[there])).toEqual({ f: 'old' })
    expect(problemsOf(pair)).toMatchObject(there === 'laptop' ? { f: 'ENOSPC' } : {})
    pair.disks[there].before = undefined
    runFor(pair, 60_000)
    expectBoth(pair, { f: 'new', large: 'l'.repeat(300_000) })
    expect(problemsOf(pair)).toEqual({})
    expect(pair.disks[there].listOwn().filter(name => name.startsWith('stage-'))).toEqual([])
  })

  test('case 53: no room for a large file: that file is named, and it is over once nobody wants it any more', () => {
    const pair = inStep({ f: 'old' })
    pair.disks[there].before = operation => (operation === 'write' ? 'ENOSPC' : undefined)
    pair.disks[side].people.save('large', Buffer.alloc(300_000, 'l'))
    pair[side].hint('large')
    runFor(pair, 5_000)
    expect(Object.keys(problemsOf(pair))).toEqual(['large'])
    pair.disks[side].people.unlink('large')
    pair[side].hint('large')
    runFor(pair, 60_000)
    expect(problemsOf(pair)).toEqual({})
  })

  test('case 54: one folder that may not be read: the rest syncs, nothing of it is taken for gone', () => {
    const pair = inStep({ 'shut/f': 'text', 'open/f': 'text' })
    const isShut = (path: string) => path === 'shut' || path.startsWith('shut/')
    pair.disks[side].before = (operation, at) =>
      at?.area === 'tree' && (isShut(at.path) ? operation !== 'stat' || at.path !== 'shut' : false)
        ? 'EACCES'
        : undefined
    pair.disks[side].people.save('open/f', bytes('edited'))
    for (let round = 0; round < 3; round++) {
      pair[side].sweep()
      runFor(pair, 2_000)
    }
    expect(treeOf(pair.disks[there])).toEqual({ open: '/', 'open/f': 'edited', shut: '/', 'shut/f': 'text' })
    const told = side === 'laptop' ? pair.events : pair.sent
    const all = told.filter(({ type }) => type === 'problem')
    expect(all).toMatchObject([{ path: 'shut', code: 'EACCES' }])
    pair.disks[side].before = undefined
    pair.sweep()
    expectBoth(pair, { open: '/', 'open/f': 'edited', shut: '/', 'shut/f': 'text' })
  })

  test('case 95: a file that may not be read is told by its path, and the rest syncs', () => {
    const pair = inStep({})
    pair.disks[side].before = (operation, at) =>
      at?.area === 'tree' && at.path === 'secret' && ['open', 'read'].includes(operation) ? 'EACCES' : undefined
    for (const path of ['a', 'secret', 'z']) pair.disks[side].people.save(path, bytes(path))
    pair[side].sweep()
    runFor(pair, 5_000)
    expect(treeOf(pair.disks[there])).toEqual({ a: 'a', z: 'z' })
    const told = side === 'laptop' ? pair.events : pair.sent
    expect(told.filter(({ type }) => type === 'problem')).toMatchObject([{ path: 'secret', code: 'EACCES' }])
    pair.disks[side].before = undefined
    runFor(pair, 60_000)
    expectBoth(pair, { a: 'a', secret: 'secret', z: 'z' })
  })

  test.each([
    ['65', 'the times are set back', { storedStepNs: 1n }],
    ['79a', 'the clock stores whole seconds', { storedStepNs: 1_000_000_000n, tickNs: 1_000_000_000n }],
    ['83', 'the number of the inode is used again', { tickNs: 10_000_000n, reuseInodes: true }],
  ])('cases 65, 79a, 83: other content of the same size is seen where… (%s) %s', (_, how, volumes) => {
    const pair = inStep({ f: 'aaaa' }, { volumes })
    pair.clock.ms += 1_000 - (pair.clock.ms % 1_000)
    const { people } = pair.disks[side]
    for (const text of ['bbbb', 'cccc', 'dddd']) {
      const { mtimeNs } = people.find('f')!
      if (how.includes('inode')) {
        people.unlink('f')
        people.open('f', 'w').close()
        people.append('f', bytes(text))
      } else overwrite(people, 'f', text)
      if (how.includes('set back')) people.utimes('f', mtimeNs)
      pair[side].hint('f')
      pair.settle()
      expectBoth(pair, { f: text })
    }
  })

  test('case 80a: an older file moved into place', () => {
    const pair = inStep({ f: 'young' })
    const { people } = pair.disks[side]
    people.save('backup', bytes('older'))
    people.utimes('backup', 1_000_000n)
    pair.sweep()
    people.rename('backup', 'f')
    pair.sweep()
    expectBoth(pair, { f: 'older' })
  })

  test('case 80b: undone while it is under way', () => {
    const pair = inStep({ f: 'base' })
    const { people } = pair.disks[side]
    for (let undo = 0; undo < 8; undo++) {
      people.save('f', bytes('edited'))
      pair[side].hint('f')
      for (let step = 0; step < undo; step++) pair.step()
      people.save('f', bytes('base'))
      pair[side].hint('f')
      pair.settle()
      expectBoth(pair, { f: 'base' })
      pair.clock.ms += 1_000
    }
    expect(pair.events.filter(({ type }) => type === 'conflict')).toEqual([])
  })

  test('case 9: a path that no message can name stays and is told, and everything else travels', () => {
    const pair = inStep({ f: 'text' })
    const name = 'ü'.repeat(100)
    const deep = Array.from({ length: 20 }, () => name).join('/')
    const { people } = pair.disks[side]
    people.mkdir(`${deep}/${name}`)
    people.save(`${deep}/short`, bytes('fits'))
    people.save(`${deep}/${name}/x`, bytes('does not'))
    people.save('f', bytes('edited'))
    for (const path of [name, `${deep}/${name}`, 'f']) pair[side].hint(path)
    for (let round = 0; round < 2; round++) pair.sweep()
    expect(treeOf(pair.disks[there])[`${deep}/short`]).toBe('fits')
    expect(pair.disks[there].people.read('f').toString()).toBe('edited')
    expect(pair.disks[there].people.find(`${deep}/${name}`)).toBeUndefined()
    const to = new ByteWriter()
    for (const message of pair.sent) writeMessage(to, message)
    expect([...readMessages(Buffer.concat(to.take()))]).toHaveLength(pair.sent.length)
    const told = () => (side === 'laptop' ? pair.events : pair.sent).filter(({ type }) => type === 'problem')
    expect(told()).toMatchObject([{ path: deep, code: 'ENAMETOOLONG' }])
    people.removeAll(`${deep}/${name}`)
    pair.sweep()
    expect(told().slice(1)).toMatchObject([{ path: deep, code: '' }])
  })

  test('case 10: names of 255 bytes, in conflict too', () => {
    const names = ['n'.repeat(255), 'ü'.repeat(127), `a.${'x'.repeat(253)}`, '😀'.repeat(63), `日${'本'.repeat(80)}.rb`]
    const pair = inStep(Object.fromEntries(names.map(name => [name, 'base'])))
    pair.cut()
    for (const name of names) {
      pair.disks[side].people.save(name, bytes(`one of ${name}`))
      pair.disks[there].people.save(name, bytes(`other of ${name}`))
    }
    pair.connect()
    pair.sweep()
    const tree = treeOf(pair.disks.laptop)
    expect(treeOf(pair.disks.pod)).toEqual(tree)
    expect(Object.keys(tree)).toHaveLength(2 * names.length)
    for (const text of names.flatMap(name => [`one of ${name}`, `other of ${name}`]))
      expect(Object.values(tree)).toContain(text)
  })
})

test('case 33: the same edit at both ends is no conflict', () => {
  const pair = inStep({ f: 'base', g: 'base', h: 'base' })
  pair.cut()
  for (const side of sides) {
    pair.disks[side].people.save('f', bytes('both'))
    pair.disks[side].people.unlink('g')
    pair.disks[side].people.mkdir('d')
    pair.disks[side].people.save('new', bytes('both'))
  }
  pair.connect()
  pair.sweep()
  expectBoth(pair, { d: '/', f: 'both', h: 'base', new: 'both' })
  expect(pair.events.filter(({ type }) => type === 'conflict')).toEqual([])
  expect(of(pair, 'content')).toEqual([])
})

test('case 29: a link to elsewhere from the pod, then a path below it: nothing goes through', () => {
  const pair = inStep({ f: 'text' })
  const put = { type: 'put' as const, base: '', mtimeMs: 0, live: true }
  pair.laptop.receive('control', { ...put, seq: 900, path: 'd', data: 'l/etc' })
  const hash = '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881'
  pair.laptop.receive('control', { ...put, seq: 901, path: 'd/passwd', data: `f${hash}`, bytes: bytes('x') })
  const tree = treeOf(pair.disks.laptop)
  expect(tree.d).toBe('-> /etc')
  expect(Object.keys(tree).filter(path => path.startsWith('d/'))).toEqual([])
})

describe.each([3_600_000, -3_600_000, 365 * 86_400_000, -365 * 86_400_000])(
  'the pod’s clock %i ms ahead',
  podAheadMs => {
    test('cases 23, 64: decides nothing', () => {
      const pair = inStep({ f: 'base', g: 'base' }, { podAheadMs })
      for (const side of sides) {
        pair.disks[side].people.save('f', bytes(side))
        pair[side].hint('f')
        pair.settle()
        expectBoth(pair, { f: side, g: 'base' })
        pair.clock.ms += 1_000
      }
      pair.cut()
      for (const side of sides) pair.disks[side].people.save('g', bytes(side))
      pair.connect()
      pair.sweep()
      expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
      expect(treeOf(pair.disks.laptop).g).toBe('laptop')
      expect(Object.values(treeOf(pair.disks.laptop)).sort()).toEqual(['laptop', 'pod', 'pod'])
    })

    /** The newest time that is not in the future: what Rails’ `FileUpdateChecker` compares. */
    const newest = (disk: MemoryDisk, now: number) => {
      const times = disk.listStats('').map(({ mtimeNs }) => Number(mtimeNs / 1_000_000n))
      return Math.max(...times.filter(ms => ms <= now))
    }

    test.each(sides)('cases 23, 76b: a reloader at the %s that compares times sees each edit', side => {
      const pair = inStep({ 'app.rb': 'base', 'schema.rb': 'base' }, { podAheadMs })
      const now = () => (side === 'pod' ? pair.podClock : pair.clock).now()
      for (let edit = 0; edit < 4; edit++) {
        // a program writes there, a moment later somebody edits here
        pair.disks[side].people.save('schema.rb', bytes(`written ${edit}`))
        pair[side].hint('schema.rb')
        pair.clock.ms += 100
        pair.settle()
        const before = newest(pair.disks[side], now())
        pair.clock.ms += 30
        pair.disks[other[side]].people.save('app.rb', bytes(`edited ${edit}`))
        pair[other[side]].hint('app.rb')
        pair.settle()
        expect(newest(pair.disks[side], now())).toBeGreaterThan(before)
      }
    })
  },
)
