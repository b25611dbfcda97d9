import { expect, test } from 'vitest'
import { inOwn } from '../../../syncer/disk/disk.ts'
import { Litter } from '../../../syncer/endpoint/litter.ts'
import { Restorer } from '../../../syncer/endpoint/restore.ts'
import { Trash, type TrashLimits } from '../../../syncer/endpoint/trash.ts'
import { chooseVersions, listTrash, type TrashedFile } from '../../../syncer/endpoint/trash-list.ts'
import { parseTrashName } from '../../../syncer/endpoint/trash-name.ts'
import { Pair } from '../engine/pair.ts'

function started(files: Record<string, string>): Pair {
  const pair = new Pair()
  pair.disks.laptop.people.mkdir('src')
  for (const [path, text] of Object.entries(files)) pair.disks.laptop.people.save(path, Buffer.from(text))
  pair.connect()
  pair.settle()
  return pair
}

/** Something in the pod writes a file, or deletes it. */
function inPod(pair: Pair, path: string, text: string | null): void {
  pair.clock.ms += 1_000
  if (text === null) pair.disks.pod.people.unlink(path)
  else pair.disks.pod.people.save(path, Buffer.from(text))
  pair.pod.hint(path)
  pair.settle()
}

const listed = (pair: Pair) => listTrash(pair.disks.laptop).map(({ path, reason }) => `${path} ${reason}`)
const textOf = (pair: Pair, { name }: TrashedFile) => pair.disks.laptop.open(inOwn(name)).read(0, 1_000).toString()
const text = (pair: Pair, path: string) => pair.disks.laptop.people.read(path).toString()

function restorer(pair: Pair): Restorer {
  let count = 0
  return new Restorer(pair.disks.laptop, pair.clock, () => `restore${count++}`)
}

const longName = `src/${'ä'.repeat(120)}.txt`

test('the trash tells where each version was, when it gave way, and why', () => {
  const pair = started({ 'src/a.ts': 'first', 'b.ts': 'one', [longName]: 'long' })
  inPod(pair, 'src/a.ts', 'second')
  inPod(pair, 'src/a.ts', 'third')
  inPod(pair, 'b.ts', null)
  inPod(pair, longName, null)
  expect(listed(pair)).toEqual([`${longName} deleted`, 'b.ts deleted', 'src/a.ts overwritten', 'src/a.ts overwritten'])
  expect(listTrash(pair.disks.laptop).map(each => textOf(pair, each))).toEqual(['long', 'one', 'second', 'first'])
  expect(listTrash(pair.disks.laptop).every(({ name }) => Buffer.byteLength(name) <= 255)).toBe(true)
})

test('a version is chosen by time: what stood there then', () => {
  const pair = started({ 'src/a.ts': 'first' })
  const beforeMs = pair.clock.ms
  inPod(pair, 'src/a.ts', 'second')
  const betweenMs = pair.clock.ms
  inPod(pair, 'src/a.ts', 'third')
  const afterMs = pair.clock.ms + 1
  const at = (ms?: number) => chooseVersions(listTrash(pair.disks.laptop), ms).map(each => textOf(pair, each))
  expect(at()).toEqual(['second'])
  expect(at(beforeMs)).toEqual(['first'])
  expect(at(betweenMs)).toEqual(['second'])
  expect(at(afterMs)).toEqual([])
})

test('what is restored travels to the pod like an edit, and what it replaced is in the trash', () => {
  const pair = started({ 'src/a.ts': 'first' })
  inPod(pair, 'src/a.ts', 'second')
  const [first] = listTrash(pair.disks.laptop)
  pair.clock.ms += 1_000
  expect(restorer(pair).restore(first!, 'src/a.ts')).toEqual({ result: 'restored', replaced: true })
  expect(text(pair, 'src/a.ts')).toBe('first')
  expect(listed(pair)).toEqual(['src/a.ts restored', 'src/a.ts overwritten'])
  expect(textOf(pair, listTrash(pair.disks.laptop)[0]!)).toBe('second')
  pair.laptop.hint('src/a.ts')
  pair.settle()
  expect(pair.disks.pod.people.read('src/a.ts').toString()).toBe('first')
  // and back again
  expect(restorer(pair).restore(listTrash(pair.disks.laptop)[0]!, 'src/a.ts').result).toBe('restored')
  expect(text(pair, 'src/a.ts')).toBe('second')
  expect(restorer(pair).restore(listTrash(pair.disks.laptop)[1]!, 'src/a.ts')).toEqual({ result: 'same' })
  expect(pair.disks.laptop.listOwn().filter(name => name.startsWith('stage-'))).toEqual([])
})

test('with its folder, its mode, and as the link that it was', () => {
  const pair = started({})
  const { people } = pair.disks.laptop
  people.save('src/run', Buffer.from('run'), 0o755)
  people.symlink('run', 'src/link')
  pair.sweep()
  for (const path of ['src/run', 'src/link']) inPod(pair, path, null)
  pair.disks.pod.rmdir('src')
  pair.sweep()
  expect(people.find('src')).toBeUndefined()
  for (const each of listTrash(pair.disks.laptop)) {
    expect(restorer(pair).restore(each, each.path)).toEqual({ result: 'restored', replaced: false })
  }
  expect(pair.disks.laptop.stat({ area: 'tree', path: 'src/run' })).toMatchObject({ kind: 'file', mode: 0o755 })
  expect(pair.disks.laptop.readlink({ area: 'tree', path: 'src/link' })).toBe('run')
})

test('a folder is not replaced, nor a file that stands where the folder was', () => {
  const pair = started({ 'src/a.ts': 'a', 'b.ts': 'b' })
  inPod(pair, 'src/a.ts', null)
  inPod(pair, 'b.ts', null)
  pair.disks.laptop.people.mkdir('b.ts')
  pair.disks.laptop.rmdir('src')
  pair.disks.laptop.people.save('src', Buffer.from('a file'))
  for (const each of listTrash(pair.disks.laptop)) {
    expect(restorer(pair).restore(each, each.path)).toEqual({ result: 'blocked' })
  }
  expect(text(pair, 'src')).toBe('a file')
})

test('a save while it is restored is not lost', () => {
  const pair = started({ 'a.ts': 'first' })
  inPod(pair, 'a.ts', 'second')
  const [first] = listTrash(pair.disks.laptop)
  const { laptop } = pair.disks
  let saves = 0
  laptop.before = operation => {
    if (operation === 'link' && saves++ === 0) laptop.people.save('a.ts', Buffer.from('of the last moment'))
    return undefined
  }
  expect(restorer(pair).restore(first!, 'a.ts')).toEqual({ result: 'restored', replaced: true })
  expect(text(pair, 'a.ts')).toBe('first')
  expect(listTrash(laptop).map(each => textOf(pair, each))).toContain('of the last moment')
})

test('a place that was damaged, or leads out of the folder, is not known', () => {
  const pair = started({ 'src/a.ts': 'a' })
  inPod(pair, 'src/a.ts', null)
  const { laptop } = pair.disks
  const [place] = laptop.listOwn().filter(name => name.startsWith('trash-in-'))
  laptop.unlink(inOwn(place!))
  const file = laptop.create(place!)
  file.write(Buffer.from('../../'))
  file.close()
  expect(listTrash(laptop)).toMatchObject([{ path: 'a.ts', isPathKnown: false }])
})

function trashOf(pair: Pair, limits: Partial<TrashLimits> = {}): Trash {
  const disk = pair.disks.pod
  let count = 0
  const newId = () => `again${count++}`
  const all = { keepMs: 60_000, bytesMax: 1e9, ...limits }
  return new Trash(disk, pair.clock, new Litter(disk, pair.clock), 'pod', newId, all)
}

const trashIn = (pair: Pair) => pair.disks.pod.listOwn().filter(name => parseTrashName(name) !== undefined)

test('a new agent goes on keeping what programs still watch, and tells them at its path', () => {
  const pair = started({ 'src/a.ts': 'first', 'b.ts': 'one' })
  const watched = BigInt(pair.disks.pod.people.find('src/a.ts')!.ino)
  for (const path of ['src/a.ts', 'b.ts']) {
    pair.disks.laptop.people.save(path, Buffer.from('second'))
    pair.laptop.hint(path)
    pair.settle()
  }
  expect(trashIn(pair)).toHaveLength(2)
  pair.clock.ms += 3_600_000
  const trash = trashOf(pair, { isWatched: inode => inode === watched })
  trash.recover(() => false)
  trash.prune()
  expect(trashIn(pair)).toHaveLength(1)
  const told: unknown[] = []
  pair.disks.pod.before = (operation, at) => {
    if (operation === 'nudge') told.push(at)
    return undefined
  }
  trash.tell('src/a.ts')
  expect(told).toHaveLength(1)
})

test('what is watched is bounded, too: the oldest go', () => {
  const pair = started({ 'a.ts': '0' })
  const disk = pair.disks.pod
  const trash = trashOf(pair, { isWatched: () => true })
  for (let round = 0; round < 1_100; round++) {
    pair.clock.ms += 1
    disk.people.save('a.ts', Buffer.from('0'))
    const name = trash.nameFor('a.ts', 'f5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9')
    disk.rename({ area: 'tree', path: 'a.ts' }, inOwn(name))
    trash.keep(name, 'a.ts', 'f5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9')
  }
  const oldest = trashIn(pair).toSorted()[0]
  for (const untilMs = pair.clock.ms + 200_000; pair.clock.ms < untilMs; ) {
    pair.clock.ms = Math.max(pair.clock.ms + 1, Math.min(trash.nextDue(), untilMs))
    expect(trash.tick(pair.clock.ms)).toBeUndefined()
  }
  expect(trashIn(pair)).toHaveLength(1_000)
  expect(trashIn(pair)).not.toContain(oldest)
})
