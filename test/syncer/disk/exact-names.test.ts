import { describe, expect, test } from 'vitest'
import { isWindowsName } from '../../../syncer/core/windows-name.ts'
import { inOwn, inTree, type Place } from '../../../syncer/disk/disk.ts'
import { ExactNames } from '../../../syncer/disk/exact-names.ts'
import { MemoryDisk } from '../../../syncer/disk/memory-disk.ts'
import { macos, windows } from '../../../syncer/disk/memory-system.ts'
import { failsWith, putFile, readFile } from '../../contract/disk-bench.ts'

const clock = { now: () => 1_700_000_000_000, monotonic: () => 0 }

function arrange(system = macos): { disk: ExactNames; below: MemoryDisk } {
  const below = new MemoryDisk({ clock, system })
  below.people.mkdir('Dir')
  below.people.save('Dir/File', Buffer.from('text'))
  below.people.symlink('File', 'Dir/Link')
  const refuses = (name: string) => system === windows && !isWindowsName(name)
  return { below, disk: new ExactNames(below, { refuses }) }
}

describe.each([
  ['a file', 'Dir/File', 'Dir/FILE'],
  ['a folder', 'Dir', 'dir'],
  ['what is in a folder', 'Dir/File', 'dir/File'],
  ['a link', 'Dir/Link', 'Dir/link'],
])('another spelling of %s', (_, path, other) => {
  const at = inTree(other)

  test('is nothing', () => {
    const { disk, below } = arrange()
    expect(below.stat(at)).not.toBe(null)
    expect(disk.stat(at)).toBe(null)
    expect(disk.stat(inTree(path))).not.toBe(null)
    for (const call of ['list', 'listStats', 'rmdir'] as const) failsWith(() => disk[call](other), 'ENOENT')
    for (const call of [disk.open, disk.readlink, disk.unlink, disk.sync])
      failsWith(() => call.call(disk, at), 'ENOENT')
    failsWith(() => disk.read(at, 1), 'ENOENT')
    failsWith(() => disk.link(at, inOwn('trash-1')), 'ENOENT')
    failsWith(() => disk.rename(at, inOwn('trash-1')), 'ENOENT')
    expect(below.people.read('Dir/File').toString()).toBe('text')
  })

  test('takes no other’s place', () => {
    const { disk, below } = arrange()
    const file = disk.create('stage-1')
    file.finish({ mode: 0o644, mtimeMs: 0 })
    const code = other === 'dir/File' ? 'ENOENT' : 'name-taken'
    failsWith(() => disk.mkdir(other), code)
    failsWith(() => disk.symlink('x', at), code)
    failsWith(() => disk.link(inOwn('stage-1'), at), code)
    failsWith(() => disk.rename(inOwn('stage-1'), at), 'name-taken')
    expect(disk.replace('stage-1', other, () => true)).toBe(false)
    expect(below.people.read('Dir/File').toString()).toBe('text')
    expect(disk.list('').map(({ name }) => name)).toEqual(['Dir'])
    expect(disk.listOwn()).toEqual(['stage-1'])
  })
})

test('a folder that does not change is listed once, and again when it has changed', () => {
  const ticking = { ms: 1_700_000_000_000, now: () => ticking.ms, monotonic: () => ticking.ms }
  const below = new MemoryDisk({ clock: ticking, system: macos })
  for (let file = 0; file < 100; file++) below.people.save(`F${file}`, Buffer.from('text'))
  let lists = 0
  below.before = operation => {
    if (operation === 'list') lists += 1
    return undefined
  }
  const disk = new ExactNames(below, { now: () => ticking.ms })
  const look = () => {
    for (let file = 0; file < 100; file++) {
      expect(disk.stat(inTree(`F${file}`))).not.toBe(null)
      expect(disk.stat(inTree(`f${file}`))).toBe(null)
    }
  }
  ticking.ms += 60_000
  look()
  expect(lists).toBe(1)
  below.people.rename('F1', 'other')
  below.people.rename('other', 'f1')
  expect([disk.stat(inTree('F1')), disk.stat(inTree('f1'))?.size]).toEqual([null, 4])
  // Within one tick of the clock a change does not show.
  below.people.rename('f1', 'other')
  below.people.rename('other', 'F1')
  expect([disk.stat(inTree('f1')), disk.stat(inTree('F1'))?.size]).toEqual([null, 4])
  ticking.ms += 60_000
  lists = 0
  look()
  expect(lists).toBe(1)
})

test('the system’s own word is taken for the spelling', () => {
  const { below } = arrange()
  const asked: string[] = []
  const spellingOf = (path: string) => {
    asked.push(path)
    return path.replace('dir', 'Dir')
  }
  const disk = new ExactNames(below, { spellingOf })
  expect([disk.stat(inTree('dir/File')), disk.stat(inTree('Dir/File'))?.size]).toEqual([null, 4])
  expect(asked).toEqual(['dir/File', 'Dir/File'])
})

test('a name that the system refuses is not made, whatever it would make of it', () => {
  const { disk } = arrange(windows)
  const places: Place[] = ['CON', 'Dir/a:b', 'Dir/end.'].map(inTree)
  for (const at of places) {
    failsWith(() => putFile(disk, at.area === 'tree' ? at.path : '', 'x'), 'name-refused')
    failsWith(() => disk.symlink('x', at), 'name-refused')
    expect(disk.stat(at)).toBe(null)
  }
  putFile(disk, 'Dir/console.log', 'fine')
  expect(readFile(disk, inTree('Dir/console.log'))).toBe('fine')
})

test.each(['con', 'Aux.txt', 'NUL', 'com1', 'LPT9.x', 'com¹', 'a<', 'a|b', 'x ', 'x.', 'a\\b', '\u0007', 'a\udcff'])(
  'Windows has no file %j',
  name => expect(isWindowsName(name)).toBe(false),
)

test.each(['console', 'com', 'com10', 'lpt', '.gitignore', 'a.b', ' a', 'ünï', '日本', '😀', 'nulls'])(
  'Windows has files %j',
  name => expect(isWindowsName(name)).toBe(true),
)
