import { describe, expect, test } from 'vitest'
import type { Path } from '../../../syncer/core/path.ts'
import type { MemoryDisk } from '../../../syncer/disk/memory-disk.ts'
import { ByteWriter } from '../../../syncer/wire/byte-writer.ts'
import { readMessages, writeMessage } from '../../../syncer/wire/sync-codec.ts'
import { Pair, treeOf } from './pair.ts'

function write(disk: MemoryDisk, path: Path, text: string): void {
  const file = disk.people.open(path, 'w')
  file.write(Buffer.from(text))
  file.close()
}

function connected(prepare: (pair: Pair) => void = () => {}): Pair {
  const pair = new Pair()
  prepare(pair)
  pair.connect()
  pair.settle()
  return pair
}

describe('the engine over memory disks', () => {
  test('cases 1, 2: first sync brings folders, files, empty ones and links', () => {
    const pair = connected(({ disks: { laptop } }) => {
      laptop.people.mkdir('a')
      laptop.people.mkdir('a/empty')
      laptop.people.save('a/x.txt', Buffer.from('x'))
      laptop.people.save('zero', Buffer.alloc(0))
      laptop.people.save('big', Buffer.alloc(3_000_000, 'b'))
      laptop.people.symlink('a/x.txt', 'link')
    })
    expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
    expect(Object.keys(treeOf(pair.disks.pod))).toHaveLength(6)
    expect(pair.disks.pod.listOwn()).toEqual([])
  })

  test('case 1: an edit, a new file, a removal and a rename go both ways', () => {
    const pair = connected(({ disks: { laptop } }) => {
      laptop.people.mkdir('d')
      for (const name of ['edit', 'gone', 'd/old']) laptop.people.save(name, Buffer.from(name))
    })
    for (const [here, mark] of [
      [pair.disks.laptop, 'l'],
      [pair.disks.pod, 'p'],
    ] as const) {
      pair.clock.ms += 1000
      write(here, 'edit', `edited by ${mark}`)
      write(here, `new-${mark}`, 'new')
      here.people.unlink(mark === 'l' ? 'gone' : 'new-l')
      here.people.rename(mark === 'l' ? 'd/old' : 'd/new-l', `d/new-${mark}`)
      pair.sweep()
      expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
    }
    expect(treeOf(pair.disks.laptop)).toEqual({
      d: '/',
      'd/new-p': 'd/old',
      edit: 'edited by p',
      'new-p': 'new',
    })
  })

  test('case 36: a folder that is removed here and got a file there survives with that file', () => {
    const pair = connected(({ disks: { laptop } }) => {
      laptop.people.mkdir('d')
      laptop.people.save('d/old', Buffer.from('old'))
    })
    pair.cut()
    pair.disks.laptop.people.removeAll('d')
    pair.disks.pod.people.save('d/new', Buffer.from('new'))
    pair.laptop.sweep()
    pair.connect()
    pair.settle()
    expect(treeOf(pair.disks.laptop)).toEqual({ d: '/', 'd/new': 'new' })
    expect(treeOf(pair.disks.pod)).toEqual({ d: '/', 'd/new': 'new' })
  })

  test('case 32: edits on both sides are both kept, under one copy', () => {
    const pair = connected(({ disks: { laptop } }) => laptop.people.save('f.txt', Buffer.from('base')))
    pair.clock.ms += 1000
    pair.cut()
    write(pair.disks.laptop, 'f.txt', 'laptop')
    write(pair.disks.pod, 'f.txt', 'pod')
    pair.laptop.sweep()
    pair.connect()
    pair.settle()
    const tree = treeOf(pair.disks.laptop)
    expect(tree['f.txt']).toBe('laptop')
    expect(Object.values(tree).sort()).toEqual(['laptop', 'pod'])
    expect(treeOf(pair.disks.pod)).toEqual(tree)
    expect(pair.events.filter(event => event.type === 'conflict')).toHaveLength(1)
  })

  test('case 35: a file here and a folder there are both kept', () => {
    const pair = connected()
    pair.cut()
    pair.disks.laptop.people.save('a', Buffer.from('file'))
    pair.disks.pod.people.mkdir('a')
    pair.disks.pod.people.save('a/b', Buffer.from('inner'))
    pair.laptop.sweep()
    pair.connect()
    pair.settle()
    const tree = treeOf(pair.disks.laptop)
    expect(tree.a).toBe('file')
    expect(Object.values(tree)).toContain('inner')
    expect(treeOf(pair.disks.pod)).toEqual(tree)
  })

  test('cases 19, 80a: the executable bit alone travels, both ways', () => {
    const pair = connected(({ disks: { laptop } }) => laptop.people.save('run', Buffer.from('#!')))
    pair.clock.ms += 1000
    pair.disks.laptop.people.chmod('run', 0o755)
    pair.sweep()
    expect(pair.disks.pod.stat({ area: 'tree', path: 'run' })!.mode & 0o111).toBe(0o111)
    pair.disks.pod.people.chmod('run', 0o644)
    pair.sweep()
    expect(pair.disks.laptop.stat({ area: 'tree', path: 'run' })!.mode & 0o111).toBe(0)
  })

  test('case 57: a pod that was made anew is seeded again and the laptop untouched', () => {
    const pair = connected(({ disks: { laptop } }) => {
      for (let i = 0; i < 100; i++) laptop.people.save(`f${i}`, Buffer.from(`${i}`))
    })
    const before = treeOf(pair.disks.laptop)
    for (const name of Object.keys(before)) pair.disks.pod.people.unlink(name)
    pair.disks.pod.people.save('from-image', Buffer.from('image'))
    pair.marker = null
    pair.cut()
    pair.start('pod')
    pair.connect()
    pair.settle()
    expect(treeOf(pair.disks.laptop)).toEqual(before)
    expect(treeOf(pair.disks.pod)).toEqual(before)
  })

  test.each(['two-way', 'pull'] as const)('after a halt it goes on once they are removed here, too: %s', mode => {
    const pair = new Pair({ mode })
    for (const { people } of Object.values(pair.disks)) {
      people.mkdir('d')
      for (let i = 0; i < 100; i++) people.save(`d/f${i}`, Buffer.from(`${i}`))
    }
    pair.connect()
    pair.settle()
    expect(Object.keys(treeOf(pair.disks.laptop))).toHaveLength(101)
    pair.disks.pod.people.removeAll('d')
    pair.pod.sweep()
    for (let i = 0; i < 2000 && !pair.events.some(event => event.type === 'halted'); i++) stepOnce(pair)
    pair.disks.laptop.people.removeAll('d')
    pair.laptop.sweep()
    pair.settle()
    expect(treeOf(pair.disks.laptop)).toEqual({})
  })

  test('cases 56, 59: an emptied pod halts and empties nothing here; it goes on when the files are back', () => {
    const pair = connected(({ disks: { laptop } }) => {
      for (let i = 0; i < 100; i++) laptop.people.save(`f${i}`, Buffer.from(`${i}`))
    })
    const before = treeOf(pair.disks.laptop)
    const removed = treeOf(pair.disks.pod)
    for (const name of Object.keys(removed)) pair.disks.pod.people.unlink(name)
    pair.pod.sweep()
    for (let i = 0; i < 2000 && !pair.events.some(event => event.type === 'halted'); i++) stepOnce(pair)
    expect(treeOf(pair.disks.laptop)).toEqual(before)
    for (const [name, text] of Object.entries(removed)) pair.disks.pod.people.save(name, Buffer.from(text))
    pair.pod.sweep()
    pair.settle()
    expect(treeOf(pair.disks.pod)).toEqual(before)
    expect(treeOf(pair.disks.laptop)).toEqual(before)
  })

  test('cases 58, 78a: after a restart of the agent only what changed moves, and what only the pod has is kept', () => {
    const pair = connected(({ disks: { laptop } }) => {
      for (let i = 0; i < 50; i++) laptop.people.save(`f${i}`, Buffer.from(`${i}`))
    })
    pair.cut()
    pair.disks.pod.people.save('only-pod', Buffer.from('pod'))
    pair.start('pod')
    pair.sent = []
    pair.connect()
    pair.settle()
    expect(treeOf(pair.disks.laptop)['only-pod']).toBe('pod')
    expect(pair.sent.filter(message => message.type === 'put')).toHaveLength(1)
  })

  test('a restart of the laptop resumes from its journal without sending anything', () => {
    const pair = connected(({ disks: { laptop } }) => {
      for (let i = 0; i < 50; i++) laptop.people.save(`f${i}`, Buffer.from(`${i}`))
    })
    pair.cut()
    pair.start('laptop')
    pair.sent = []
    pair.connect()
    pair.settle()
    expect(pair.sent.filter(message => message.type === 'put' || message.type === 'content')).toEqual([])
  })

  test('a pod’s folder that is gone is told as the folder’s own trouble', () => {
    const pair = connected()
    pair.sent.length = 0
    pair.disks.pod.before = operation => (operation === 'listStats' || operation === 'stat' ? 'EACCES' : undefined)
    pair.pod.sweep()
    pair.settlePod()
    const told = pair.sent.filter(({ type }) => type === 'problem')
    expect(told).toMatchObject([{ path: '', code: 'EACCES' }])
    const to = new ByteWriter()
    writeMessage(to, told[0]!)
    expect([...readMessages(Buffer.concat(to.take()))]).toEqual(told)

    pair.disks.pod.before = undefined
    pair.sweep()
    expect(pair.sent.filter(({ type }) => type === 'problem').slice(1)).toMatchObject([{ path: '', code: '' }])
  })

  test('case 72: a folder with an ignored child stays where that child is, and goes where it is not', () => {
    const pair = new Pair()
    pair.ignored = path => path.endsWith('.log')
    pair.disks.laptop.people.mkdir('d')
    pair.disks.laptop.people.save('d/a', Buffer.from('a'))
    pair.connect()
    pair.settle()
    pair.disks.pod.people.save('d/x.log', Buffer.from('log'))
    pair.disks.laptop.people.removeAll('d')
    pair.sweep()
    expect(treeOf(pair.disks.laptop)).toEqual({})
    expect(treeOf(pair.disks.pod)).toEqual({ d: '/', 'd/x.log': 'log' })
    pair.sweep()
    expect(treeOf(pair.disks.laptop)).toEqual({})
  })

  test('initial keep takes over what only the pod has; mirror removes it', () => {
    for (const initial of ['keep', 'mirror'] as const) {
      const pair = new Pair()
      pair.initial = initial
      pair.start('laptop')
      pair.disks.pod.people.save('only-pod', Buffer.from('pod'))
      pair.disks.pod.people.save('both', Buffer.from('old'))
      pair.disks.laptop.people.save('both', Buffer.from('laptop'))
      pair.connect()
      pair.settle()
      expect(treeOf(pair.disks.laptop)).toEqual(
        initial === 'keep' ? { both: 'laptop', 'only-pod': 'pod' } : { both: 'laptop' },
      )
      expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
    }
  })
})

function stepOnce(pair: Pair): void {
  try {
    pair.settle(1)
  } catch {
    // One step of many: rest is not expected yet.
  }
}
