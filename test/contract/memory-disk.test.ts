import { expect, test } from 'vitest'
import { inOwn, inTree } from '../../syncer/disk/disk.ts'
import { ExactNames } from '../../syncer/disk/exact-names.ts'
import { MemoryDisk } from '../../syncer/disk/memory-disk.ts'
import { cutPower } from '../../syncer/disk/memory-power.ts'
import { macos } from '../../syncer/disk/memory-system.ts'
import type { VolumeOptions } from '../../syncer/disk/memory-volume.ts'
import { diskContract } from './disk.ts'
import { type DiskUnderTest, failsWith, putFile, readFile } from './disk-bench.ts'

function makeDisk(
  options: Omit<VolumeOptions, 'clock'> = {},
): DiskUnderTest & { disk: MemoryDisk; pass(ms: number): void } {
  let nowMs = 1_700_000_000_000
  const disk = new MemoryDisk({ clock: { now: () => nowMs, monotonic: () => nowMs }, ...options })
  const pass = (ms: number) => {
    nowMs += ms
  }
  return {
    disk,
    pass,
    outside: {
      write: (path, text) => {
        const file = disk.people.open(path, 'w')
        file.write(Buffer.from(text))
        file.close()
      },
      openForAppend: path => {
        const file = disk.people.open(path, 'a')
        return { append: text => file.write(Buffer.from(text)), close: () => file.close() }
      },
      makeOther: path => disk.people.special(path),
      passGranule: () => pass(Number(disk.timestampGranuleNs / 1_000_000n) + 1),
    },
    dispose: () => disk.crash(),
  }
}

diskContract('memory', () => makeDisk())
diskContract('memory, coarse clock, inode numbers used again', () =>
  makeDisk({ tickNs: 10_000_000n, storedStepNs: 2_000_000_000n, reuseInodes: true, powerLoss: true }),
)

diskContract('memory, as on macOS, with exact names', () => {
  const { disk, ...rest } = makeDisk({ system: macos })
  return { ...rest, disk: new ExactNames(disk), supports: { byteNames: false, spellings: false } }
})

test('a freed inode number is used again only where asked', () => {
  for (const reuseInodes of [true, false]) {
    const { disk } = makeDisk({ reuseInodes })
    const first = putFile(disk, 'file', 'a')
    disk.unlink(inTree('file'))
    expect(putFile(disk, 'other', 'b').ino === first.ino).toBe(reuseInodes)
  }
})

test('the number of an unlinked inode is not free while somebody has it open', () => {
  const { disk } = makeDisk({ reuseInodes: true })
  const first = putFile(disk, 'file', 'a')
  const person = disk.people.open('file', 'a')
  disk.unlink(inTree('file'))
  expect(putFile(disk, 'second', 'b').ino).not.toBe(first.ino)
  person.close()
  expect(putFile(disk, 'third', 'c').ino).toBe(first.ino)
})

test('two writes within one tick of the clock show the same times', () => {
  const { disk, outside, pass } = makeDisk({ tickNs: 10_000_000n })
  outside.write('file', 'a')
  const before = disk.stat(inTree('file'))
  pass(9)
  outside.write('file', 'b')
  expect(disk.stat(inTree('file'))).toEqual(before)
  pass(1)
  outside.write('file', 'c')
  expect(disk.stat(inTree('file'))!.mtimeNs - before!.mtimeNs).toBe(10_000_000n)
})

test('each operation asks first: it may fail with a code or see the disk changed', () => {
  const { disk, outside } = makeDisk()
  outside.write('file', 'a')
  const asked: string[] = []
  disk.before = operation => {
    asked.push(operation)
    return operation === 'create' ? 'ENOSPC' : undefined
  }
  failsWith(() => disk.create('stage-1'), 'ENOSPC')
  const file = disk.open(inTree('file'))
  disk.before = operation => {
    asked.push(operation)
    if (operation === 'read') outside.write('file', 'other')
    return undefined
  }
  expect(file.read(0, 10).toString()).toBe('other')
  file.close()
  expect(asked).toEqual(['create', 'open', 'read'])
  expect(disk.listOwn()).toEqual([])
})

test('people are reported: what was there when they replaced or removed it', () => {
  const { disk, outside } = makeDisk()
  const log: string[] = []
  disk.people.observer = {
    wrote: (_, before, after) => log.push(`wrote ${before} → ${after}`),
    removed: inode => log.push(`removed ${inode.bytes}`),
  }
  outside.write('file', 'a')
  disk.people.save('file', Buffer.from('b'))
  disk.people.append('file', Buffer.from('c'))
  disk.people.mkdir('dir/sub')
  disk.people.rename('file', 'dir/sub/file')
  putFile(disk, 'dir/sub/file', 'from the engine')
  disk.people.removeAll('dir')
  expect(log).toEqual(['wrote  → ', 'wrote  → a', 'removed a', 'wrote  → b', 'wrote b → bc', 'removed from the engine'])
  expect(disk.list('')).toEqual([])
})

test('a mount point can be neither renamed nor removed', () => {
  const { disk, outside } = makeDisk()
  outside.write('secret', 'a')
  disk.people.mount('secret')
  expect(disk.stat(inTree('secret'))?.mount).toBe(true)
  expect(disk.list('').map(({ name, mount }) => [name, mount])).toContainEqual(['secret', true])
  failsWith(() => disk.rename(inTree('secret'), inOwn('trash-1')), 'EBUSY')
  failsWith(() => putFile(disk, 'secret', 'b'), 'EBUSY')
  failsWith(() => disk.unlink(inTree('secret')), 'EBUSY')
  failsWith(() => disk.link(inTree('secret'), inOwn('trash-1')), 'EXDEV')
})

test('where times cannot be set and modes are not kept, the file stays as it is', () => {
  const { disk } = makeDisk()
  disk.timesAllowed = false
  disk.modesKept = false
  expect(putFile(disk, 'file', 'a', { mode: 0o755, mtimeMs: 1_000 })).toMatchObject({
    mode: 0o600,
    mtimeNs: 1_700_000_000_000_000_000n,
  })
})

test('a power cut takes back names and bytes that were not synced, and nothing else', () => {
  const outcomes = new Set<string>()
  for (let seed = 0; seed < 64; seed++) {
    const { disk, pass } = makeDisk({ powerLoss: true })
    putFile(disk, 'synced', 'old')
    disk.sync(inTree('synced'))
    putFile(disk, 'settled', 'settled')
    pass(40_000)
    disk.people.save('synced', Buffer.from('new'))
    disk.people.append('settled', Buffer.from('+'))
    let bits = seed
    cutPower(disk.volume, max => {
      const choice = bits % (max + 1)
      bits = Math.floor(bits / (max + 1))
      return choice
    })
    expect(['settled', 'settled+']).toContain(readFile(disk, inTree('settled')))
    outcomes.add(readFile(disk, inTree('synced')))
  }
  expect([...outcomes].sort()).toEqual(['', 'new', 'old'])
})

test('a file is at rest where it is as its stat tells and nobody has it open for writing, by whatever name', () => {
  const { disk, outside } = makeDisk()
  expect(disk.isAtRest).toBeUndefined()
  disk.tellRest(path => path !== 'unknown')
  const ask = (path: string, stat = disk.stat(inTree(path))!) => disk.isAtRest!(path, stat)
  for (const path of ['file', 'unknown']) outside.write(path, 'text')
  const before = disk.stat(inTree('file'))!
  disk.link(inTree('file'), inTree('other'))
  expect([ask('file'), ask('unknown'), ask('none', before)]).toEqual([true, undefined, undefined])
  const person = disk.people.open('other', 'a')
  expect(ask('file')).toBe(false)
  person.write(Buffer.from('more'))
  expect(ask('file', before)).toBeUndefined()
  person.close()
  expect(ask('file')).toBe(true)
  disk.before = () => 'EACCES'
  expect(disk.isAtRest!('file', before)).toBeUndefined()
})

test('an exchange of names makes no inode number free', () => {
  const { disk } = makeDisk({ reuseInodes: true })
  disk.exchangeNames()
  disk.people.save('file', Buffer.from('theirs'))
  disk.create('ours').close()
  disk.exchange!([{ own: 'ours', path: 'file' }])
  disk.people.save('new', Buffer.from('new'))
  const numbers = [inTree('file'), inTree('new'), inOwn('ours')].map(at => disk.stat(at)!.ino)
  expect(new Set(numbers).size).toBe(3)
})
