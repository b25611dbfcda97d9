import { expect, onTestFinished, test } from 'vitest'
import { MemoryDisk } from '../../../syncer/disk/memory-disk.ts'
import { Replica } from '../../../syncer/endpoint/replica.ts'
import { Scanner } from '../../../syncer/endpoint/scanner.ts'
import { IgnoreReader } from '../../../syncer/session/rules/ignore-reader.ts'
import { ManualClock } from '../engine/pair.ts'
import { RealPair } from './real-pair.ts'

function folder() {
  const disk = new MemoryDisk({ clock: new ManualClock() })
  disk.people.mkdir('d')
  disk.people.mkdir('node_modules')
  for (const [path, text] of [
    ['.gitignore', '*.log\nnode_modules/\n'],
    ['d/a.ts', ''],
    ['d/a.log', ''],
  ] as const) {
    disk.people.save(path, Buffer.from(text))
  }
  return disk
}

test('each folder is watched before the search for ignore files lists it, and its names are given once', () => {
  const disk = folder()
  const calls: string[] = []
  disk.before = (operation, at) => {
    if (operation === 'list' && at?.area === 'tree') calls.push(`list ${at.path}`)
    return undefined
  }
  const reader = new IgnoreReader(disk, {}, dir => calls.push(`watch ${dir}`))
  expect(calls).toEqual(['watch ', 'list ', 'watch d', 'list d'])
  const known = reader.takeNames('d', reader.rules)
  expect([...known!.names].sort()).toEqual(['a.log', 'a.ts'])
  expect(known!.passedBy.has('d/a.log')).toBe(true)
  expect(known!.passedBy.has('d/a.ts')).toBe(false)
  expect(reader.takeNames('d', reader.rules)).toBeUndefined()
  expect(reader.takeNames('node_modules', reader.rules)).toBeUndefined()
})

test('what is mounted there, or is of another kind by now, is asked of the rules again', () => {
  const clock = new ManualClock()
  const disk = new MemoryDisk({ clock })
  const { people } = disk
  for (const dir of ['node_modules', 'mounted', 'was-folder', 'kept']) people.mkdir(dir)
  for (const name of ['.gitignore', 'build', 'a.ts'])
    people.save(name, Buffer.from('*\n!*/\n!*.ts\n!build\nbuild/\nnode_modules/\n'))
  for (const dir of ['node_modules', 'mounted']) people.mount(dir)
  const reader = new IgnoreReader(disk, {}, () => {})
  people.rename('was-folder', 'kept/was-folder')
  people.save('was-folder', Buffer.from('ignored'))
  people.unlink('build')
  people.mkdir('build')
  const told: string[] = []
  const replica = new Replica({ disk, clock, newId: () => 'id', owner: 'test', trash: { keepMs: 1, bytesMax: 1 } })
  const scanner = new Scanner(replica, () => reader.rules, {
    folder: () => {},
    known: dir => reader.takeNames(dir, reader.rules),
    listed: () => {},
    read: () => {},
    looked: (_, path) => told.push(path),
    busy: () => {},
    barred: (path, code) => code !== '' && told.push(`${path}: ${code}`),
  })
  scanner.add(replica.tree.root, false)
  scanner.step(() => false)
  expect(told.sort()).toEqual(['a.ts', 'kept', 'mounted: mount-point'])
})

test('they are not given for other rules, nor after a name changed', () => {
  const disk = folder()
  const ofOthers = new IgnoreReader(disk, {}, () => {})
  expect(ofOthers.takeNames('d', { ignored: () => false })).toBeUndefined()
  const changed = new IgnoreReader(disk, {}, () => {})
  changed.forgetNames()
  expect(changed.takeNames('d', changed.rules)).toBeUndefined()
  const anew = new IgnoreReader(disk, {}, () => {})
  anew.refresh()
  expect(anew.takeNames('d', anew.rules)).toBeUndefined()
})

test('what comes and goes between that search and the scan is found', async () => {
  const pair = new RealPair()
  onTestFinished(() => pair.dispose())
  for (const name of ['stays/a', 'gone/b', 'another/c', 'deep/in/d']) pair.write('laptop', name, name)
  pair.write('laptop', '.gitignore', '*.log\n')
  // The search is over when this returns, and nothing has been scanned.
  pair.open()
  pair.write('laptop', 'stays/new', 'new')
  pair.write('laptop', 'fresh/new', 'new')
  pair.write('laptop', 'deep/in/more/new', 'new')
  pair.rename('laptop', 'gone', 'moved')
  pair.rename('laptop', 'another', 'away')
  pair.write('laptop', 'another/other', 'another folder of that name')
  pair.attach()
  await pair.inStep()
  expect(pair.tree('pod')).toEqual(pair.tree('laptop'))
  expect(Object.keys(pair.tree('pod'))).toContain('another/other')
}, 60_000)
