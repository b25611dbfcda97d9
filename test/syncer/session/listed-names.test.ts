import { expect, onTestFinished, test } from 'vitest'
import { MemoryDisk } from '../../../syncer/disk/memory-disk.ts'
import { IgnoreReader } from '../../../syncer/session/ignore-reader.ts'
import { ManualClock } from './pair.ts'
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
