import { describe, expect, test } from 'vitest'
import { macos, windows } from '../../../syncer/disk/memory-system.ts'
import { of, Pair, problemsOf, runFor, treeOf } from './pair.ts'

const systems = [
  ['macOS', macos],
  ['Windows', windows],
] as const
const bytes = (text: string) => Buffer.from(text)
const nfc = 'caf\u00e9'
const nfd = 'cafe\u0301'

function inStep(system: typeof macos, prepare: (pair: Pair) => void = () => {}): Pair {
  const pair = new Pair(undefined, { laptopSystem: system })
  prepare(pair)
  pair.connect()
  pair.settle()
  pair.clock.ms += 1_000
  return pair
}

/** Rests with what cannot travel left over: it is offered again and again. */
function rest(pair: Pair): void {
  pair.clock.ms += 50
  pair.laptop.sweep()
  pair.pod.sweep()
  runFor(pair, 70_000)
}

describe.each(systems)('a laptop with %s', (name, system) => {
  test('case 14: `A` and `a` in the pod: one is here, the other is told and stays there', () => {
    const pair = inStep(system)
    pair.disks.pod.people.save('A', bytes('large'))
    pair.disks.pod.people.save('a', bytes('small'))
    rest(pair)
    expect(treeOf(pair.disks.pod)).toEqual({ A: 'large', a: 'small' })
    expect(Object.keys(treeOf(pair.disks.laptop))).toHaveLength(1)
    expect(Object.values(problemsOf(pair))).toEqual(['name-taken'])

    // the one that is here is edited and removed without the other
    const [here] = Object.keys(treeOf(pair.disks.laptop))
    const there = here === 'A' ? 'a' : 'A'
    pair.disks.laptop.people.save(here!, bytes('edited'))
    rest(pair)
    expect(treeOf(pair.disks.pod)[here!]).toBe('edited')
    pair.disks.pod.people.unlink(there)
    rest(pair)
    expect(treeOf(pair.disks.pod)).toEqual({ [here!]: 'edited' })
    expect(treeOf(pair.disks.laptop)).toEqual({ [here!]: 'edited' })
    expect(problemsOf(pair)).toEqual({})
  })

  test('case 14: once there is room the other one comes', () => {
    const pair = inStep(system, ({ disks }) => disks.laptop.people.save('A', bytes('large')))
    pair.disks.pod.people.save('a', bytes('small'))
    rest(pair)
    expect(treeOf(pair.disks.laptop)).toEqual({ A: 'large' })
    pair.disks.laptop.people.rename('A', 'B')
    rest(pair)
    expect(treeOf(pair.disks.laptop)).toEqual({ B: 'large', a: 'small' })
    expect(treeOf(pair.disks.pod)).toEqual({ B: 'large', a: 'small' })
    expect(problemsOf(pair)).toEqual({})
  })

  test('case 14: two of one content: the removal of one does not take the other', () => {
    const pair = inStep(system)
    pair.disks.pod.people.save('A', bytes('same'))
    pair.disks.pod.people.save('a', bytes('same'))
    rest(pair)
    pair.disks.pod.people.unlink('a')
    rest(pair)
    expect(treeOf(pair.disks.pod)).toEqual({ A: 'same' })
    expect(treeOf(pair.disks.laptop)).toEqual({ A: 'same' })
  })

  test('case 14: folders `Lib` and `lib`, with files of one name in them', () => {
    const pair = inStep(system)
    for (const dir of ['Lib', 'lib']) {
      pair.disks.pod.people.mkdir(dir)
      pair.disks.pod.people.save(`${dir}/f`, bytes(dir))
    }
    rest(pair)
    const [dir] = Object.keys(treeOf(pair.disks.laptop))
    expect(treeOf(pair.disks.laptop)).toEqual({ [dir!]: '/', [`${dir}/f`]: dir })
    expect(treeOf(pair.disks.pod)).toEqual({ Lib: '/', 'Lib/f': 'Lib', lib: '/', 'lib/f': 'lib' })
    const other = dir === 'Lib' ? 'lib' : 'Lib'
    expect(problemsOf(pair)[other]).toBe('name-taken')
    pair.disks.pod.people.removeAll(other)
    rest(pair)
    expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
    expect(treeOf(pair.disks.laptop)).toEqual({ [dir!]: '/', [`${dir}/f`]: dir })
    expect(problemsOf(pair)).toEqual({})
  })

  test.each(['laptop', 'pod'] as const)('cases 15, 98: a rename of the case alone, by the %s', side => {
    const pair = inStep(system, ({ disks: { laptop } }) => {
      laptop.people.save('Readme', bytes('text'))
      laptop.people.mkdir('Src')
      laptop.people.save('Src/Main', bytes('main'))
    })
    const { people } = pair.disks[side]
    for (const [from, to] of [
      ['Readme', 'README'],
      ['Src/Main', 'Src/main'],
      ['Src', 'src'],
    ] as const) {
      people.rename(from, to)
      for (const path of [from, to]) pair[side].hint(path, 'rename')
      pair.settle()
    }
    rest(pair)
    const wanted = { README: 'text', src: '/', 'src/main': 'main' }
    expect(treeOf(pair.disks.laptop)).toEqual(wanted)
    expect(treeOf(pair.disks.pod)).toEqual(wanted)
    expect(problemsOf(pair)).toEqual({})
  })

  test('case 13: a name in either normal form stays as it is, and is sent once', () => {
    const pair = inStep(system, ({ disks }) => disks.laptop.people.save(nfc, bytes('laptop')))
    pair.disks.pod.people.save(nfd.replace('c', 'k'), bytes('pod'))
    rest(pair)
    const wanted = { [nfc]: 'laptop', [nfd.replace('c', 'k')]: 'pod' }
    expect(treeOf(pair.disks.laptop)).toEqual(wanted)
    expect(treeOf(pair.disks.pod)).toEqual(wanted)
    expect(of(pair, 'put')).toHaveLength(2)
  })

  test('case 13: both forms in the pod: no second file where they are one name, and no ping-pong', () => {
    const pair = inStep(system, ({ disks }) => disks.laptop.people.save(nfc, bytes('composed')))
    pair.disks.pod.people.save(nfd, bytes('decomposed'))
    rest(pair)
    expect(treeOf(pair.disks.pod)).toEqual({ [nfc]: 'composed', [nfd]: 'decomposed' })
    const isOneName = name === 'macOS'
    expect(Object.keys(treeOf(pair.disks.laptop))).toHaveLength(isOneName ? 1 : 2)
    expect(problemsOf(pair)).toEqual(isOneName ? { [nfd]: 'name-taken' } : {})
    const before = of(pair, 'ack').length
    rest(pair)
    expect(of(pair, 'ack')).toHaveLength(before)
  })

  test('case 12: a name that is not UTF-8 stays in the pod and is told, until it is another', () => {
    const pair = inStep(system)
    pair.disks.pod.people.save('caf\udce9', bytes('latin-1'))
    rest(pair)
    expect(treeOf(pair.disks.laptop)).toEqual({})
    expect(Object.keys(problemsOf(pair))).toEqual(['caf\udce9'])
    pair.disks.pod.people.rename('caf\udce9', nfc)
    rest(pair)
    expect(treeOf(pair.disks.laptop)).toEqual({ [nfc]: 'latin-1' })
    expect(problemsOf(pair)).toEqual({})
  })
})

describe('a laptop with Windows', () => {
  const refused = ['CON', 'nul.txt', 'a:b', 'dot.', 'blank ', 'what?', 'com1', 'tab\there', 'back\\slash']
  test.each(refused)('case 97: a name that it refuses stays in the pod and is told: %j', path => {
    const pair = inStep(windows, ({ disks }) => disks.laptop.people.save('a', bytes('other')))
    pair.disks.pod.people.save(path, bytes('pod'))
    pair.disks.pod.people.mkdir('dir')
    pair.disks.pod.people.save('dir/fine', bytes('fine'))
    rest(pair)
    expect(treeOf(pair.disks.laptop)).toEqual({ a: 'other', dir: '/', 'dir/fine': 'fine' })
    expect(treeOf(pair.disks.pod)[path]).toBe('pod')
    expect(problemsOf(pair)).toEqual({ [path]: 'name-refused' })
    pair.disks.pod.people.unlink(path)
    rest(pair)
    expect(problemsOf(pair)).toEqual({})
  })

  test.each(['edit', 'removal'])('case 97: a file held open takes the pod’s %s as soon as it is let go', what => {
    const pair = inStep(windows, ({ disks }) => disks.laptop.people.save('f', bytes('old')))
    const held = pair.disks.laptop.people.open('f', 'a')
    if (what === 'edit') pair.disks.pod.people.save('f', bytes('new'))
    else pair.disks.pod.people.unlink('f')
    pair.pod.hint('f')
    pair.clock.ms += 10_000
    rest(pair)
    expect(treeOf(pair.disks.laptop)).toEqual({ f: 'old' })
    expect(problemsOf(pair)).toEqual({ f: 'EPERM' })
    held.close()
    rest(pair)
    expect(treeOf(pair.disks.laptop)).toEqual(treeOf(pair.disks.pod))
    expect(treeOf(pair.disks.laptop)).toEqual(what === 'edit' ? { f: 'new' } : {})
    expect(problemsOf(pair)).toEqual({})
  })

  test('case 96: the executable bit is the pod’s, whatever is edited here', () => {
    const pair = inStep(windows, ({ disks }) => disks.laptop.people.save('plain', bytes('#!')))
    const isExecutable = (path: string) => (pair.disks.pod.people.find(path)!.mode & 0o100) !== 0
    pair.disks.pod.people.save('run', bytes('#!'), 0o755)
    rest(pair)
    pair.disks.laptop.people.save('run', bytes('#! edited'))
    pair.disks.pod.people.chmod('plain', 0o755)
    rest(pair)
    expect(treeOf(pair.disks.pod)).toEqual({ plain: '#!', run: '#! edited' })
    expect([isExecutable('run'), isExecutable('plain')]).toEqual([true, true])
    pair.disks.laptop.people.save('plain', bytes('#! edited'))
    rest(pair)
    expect([treeOf(pair.disks.pod).plain, isExecutable('plain')]).toEqual(['#! edited', true])
    pair.cut()
    pair.start('laptop')
    pair.connect()
    rest(pair)
    expect([isExecutable('run'), isExecutable('plain')]).toEqual([true, true])
    pair.disks.pod.people.chmod('run', 0o644)
    rest(pair)
    pair.disks.laptop.people.save('run', bytes('#! once more'))
    rest(pair)
    expect([treeOf(pair.disks.pod).run, isExecutable('run')]).toEqual(['#! once more', false])
  })
})
