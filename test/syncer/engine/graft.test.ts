import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../../syncer/base/errors.ts'
import { fileToken } from '../../../syncer/core/content.ts'
import type { MemoryDisk } from '../../../syncer/disk/memory-disk.ts'
import type { SyncMessage } from '../../../syncer/wire/sync-message.ts'
import { of, Pair, runUntil, treeOf } from './pair.ts'

function seed({ disks: { laptop }, clock }: Pair): void {
  for (const dir of ['app', 'app/models', 'app/empty']) laptop.people.mkdir(dir)
  for (const file of ['app/a.rb', 'app/b.rb', 'app/models/c.rb']) laptop.people.save(file, Buffer.from(file))
  laptop.people.symlink('../a.rb', 'app/models/link')
  clock.ms += 1_000
}

describe('a missing subtree', () => {
  test('goes as one: one PUT and one answer, each file read once, nothing of it seen before it is whole', () => {
    const pair = new Pair()
    seed(pair)
    const seen = new Set<number>()
    let reads = 0
    pair.disks.pod.before = () => {
      seen.add(Object.keys(treeOf0(pair.disks.pod)).length)
      return undefined
    }
    pair.disks.laptop.before = operation => {
      if (operation === 'read') reads += 1
      return undefined
    }
    pair.connect()
    pair.settle()
    pair.disks.pod.before = pair.disks.laptop.before = undefined
    expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
    expect([...seen].sort()).toEqual([0, 7])
    expect(of(pair, 'put').map(put => put.path)).toEqual(['app'])
    expect(of(pair, 'ack')).toHaveLength(1)
    expect(reads).toBe(3)
    expect(pair.disks.pod.listOwn()).toEqual([])
  })

  test('is agreed on as a whole: nothing is sent again after a restart of either end', () => {
    const pair = new Pair()
    seed(pair)
    pair.connect()
    pair.settle()
    for (const role of ['laptop', 'pod'] as const) {
      pair.cut()
      pair.start(role)
      pair.sent.length = 0
      pair.connect()
      pair.settle()
      expect(of(pair, 'put')).toEqual([])
      expect(of(pair, 'graft')).toEqual([])
    }
    pair.clock.ms += 1_000
    pair.disks.pod.people.save('app/models/c.rb', Buffer.from('edited in the pod'))
    pair.sweep()
    expect(pair.disks.laptop.people.read('app/models/c.rb').toString()).toBe('edited in the pod')
    expect(pair.events.filter(({ type }) => type === 'conflict')).toEqual([])
  })

  test('takes the place of what an agent remembers and somebody removed', () => {
    const pair = new Pair()
    seed(pair)
    pair.connect()
    pair.settle()
    pair.cut()
    pair.disks.pod.people.removeAll('app')
    pair.pod.sweep()
    pair.settlePod()
    pair.marker = null
    pair.sent.length = 0
    pair.connect()
    pair.settle()
    expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
    expect(of(pair, 'put').map(put => put.path)).toEqual(['app'])
    expect(of(pair, 'rej')).toEqual([])
  })

  test('waits for its PUT with no more others than the pod holds, however late those are', () => {
    const pair = new Pair()
    const { laptop, pod } = pair.disks
    for (let dir = 0; dir < 3_000; dir++) {
      laptop.people.mkdir(`d${dir}`)
      laptop.people.save(`d${dir}/a`, Buffer.from(`${dir}`))
    }
    pair.clock.ms += 1_000
    pair.delayMs = (to, lane) => (to === 'pod' && lane === 'control' ? 1_000 : 0)
    let waiting = 0
    let most = 0
    pod.before = (operation, at) => {
      if (operation === 'mkdirOwn') most = Math.max(most, ++waiting)
      if (operation === 'rename' && at?.area === 'own') waiting -= 1
      return undefined
    }
    pair.connect()
    pair.settle(100_000)
    pod.before = undefined
    expect(treeOf(pod)).toEqual(treeOf(laptop))
    expect(of(pair, 'put').every(put => put.staged !== undefined)).toBe(true)
    expect(most).toBeGreaterThan(100)
    expect(most).toBeLessThanOrEqual(600)
  })

  test('larger than one goes in several, and comes out the same', () => {
    const pair = new Pair()
    const { laptop } = pair.disks
    for (let dir = 0; dir < 50; dir++) {
      laptop.people.mkdir(`d${dir}`)
      for (let file = 0; file < 100; file++) laptop.people.save(`d${dir}/f${file}`, Buffer.from(`${dir} ${file}`))
    }
    laptop.people.mkdir('top')
    for (let dir = 0; dir < 50; dir++) {
      laptop.people.mkdir(`top/d${dir}`)
      for (let file = 0; file < 60; file++) laptop.people.save(`top/d${dir}/f${file}`, Buffer.from(`${dir} ${file}`))
    }
    laptop.people.save('top/large', Buffer.alloc(700_000, 'l'))
    pair.clock.ms += 1_000
    pair.connect()
    pair.settle(200_000)
    expect(treeOf(pair.disks.pod)).toEqual(treeOf(laptop))
    expect(of(pair, 'graft-end').length).toBeGreaterThan(51)
    // One for each subtree, and one for the file that is too large to go along.
    expect(of(pair, 'put')).toHaveLength(of(pair, 'graft-end').length + 1)
  })

  test('is refused where something stands meanwhile, and then merged path by path', () => {
    const pair = new Pair()
    seed(pair)
    pair.connect()
    runUntil(pair, () => of(pair, 'staged').length > 0)
    pair.disks.pod.people.mkdir('app')
    pair.disks.pod.people.save('app/pod.rb', Buffer.from('of the pod'))
    pair.disks.pod.people.save('app/a.rb', Buffer.from('another a'))
    pair.settle()
    pair.sweep()
    const tree = treeOf(pair.disks.laptop)
    expect(treeOf(pair.disks.pod)).toEqual(tree)
    expect(tree['app/a.rb']).toBe('app/a.rb')
    expect(tree['app/pod.rb']).toBe('of the pod')
    expect(Object.values(tree)).toContain('another a')
    expect(pair.disks.pod.listOwn().filter(name => name.startsWith('stage-'))).toEqual([])
  })

  test.each(['a file', 'a link', 'an empty folder'])(
    'never takes the place of %s that came in the last moment',
    kind => {
      const pair = new Pair()
      seed(pair)
      pair.connect()
      const { people } = pair.disks.pod
      pair.disks.pod.before = (operation, _from, to) => {
        if (operation !== 'rename' || to?.area !== 'tree' || to.path !== 'app') return undefined
        if (kind === 'a file') people.save('app', Buffer.from('mine'))
        else if (kind === 'a link') people.symlink('elsewhere', 'app')
        else people.mkdir('app')
        pair.disks.pod.before = undefined
        return undefined
      }
      pair.settle()
      pair.sweep()
      const tree = treeOf(pair.disks.laptop)
      expect(treeOf(pair.disks.pod)).toEqual(tree)
      expect(tree).toMatchObject({ 'app/a.rb': 'app/a.rb', 'app/models/link': '-> ../a.rb' })
      if (kind === 'a file') expect(Object.values(tree)).toContain('mine')
      if (kind === 'a link') expect(Object.values(tree)).toContain('-> elsewhere')
    },
  )

  test('what changes while it is under way arrives as it is now; what goes, goes', () => {
    const pair = new Pair()
    seed(pair)
    pair.connect()
    const { people } = pair.disks.laptop
    runUntil(pair, () => of(pair, 'staged').length > 0)
    pair.clock.ms += 1_000
    people.save('app/a.rb', Buffer.from('newer'))
    people.unlink('app/b.rb')
    people.removeAll('app/models')
    people.save('app/models', Buffer.from('a file now'))
    pair.laptop.sweep()
    pair.settle()
    pair.sweep()
    expect(treeOf(pair.disks.pod)).toEqual({
      app: '/',
      'app/a.rb': 'newer',
      'app/empty': '/',
      'app/models': 'a file now',
    })
    expect(treeOf(pair.disks.laptop)).toEqual(treeOf(pair.disks.pod))
  })

  test('case 37: a file that changes while it is read is left out and follows by itself', () => {
    const pair = new Pair()
    seed(pair)
    pair.connect()
    let reads = 0
    pair.disks.laptop.before = (operation, at) => {
      if (operation !== 'fstat' || at?.area !== 'tree' || at.path !== 'app/a.rb' || ++reads > 1) return undefined
      const file = pair.disks.laptop.people.open('app/a.rb', 'r+')
      file.write(Buffer.from('torn?'))
      file.close()
      return undefined
    }
    pair.settle()
    pair.disks.laptop.before = undefined
    pair.sweep()
    expect(reads).toBeGreaterThan(0)
    expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
    expect(of(pair, 'put').map(put => put.path)).toContain('app/a.rb')
  })

  test('damaged on the way: that file alone is left out', () => {
    const pair = new Pair()
    seed(pair)
    pair.damage = message => message.type === 'graft' && message.path === 'app/b.rb'
    pair.connect()
    runUntil(pair, () => of(pair, 'unstaged').length > 0)
    expect(of(pair, 'unstaged')).toMatchObject([{ reason: 'damaged', path: 'app/b.rb' }])
    pair.damage = undefined
    pair.settle()
    pair.sweep()
    expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
  })

  test('case 53: no room for it: nothing stays, and it goes on path by path when there is', () => {
    const pair = new Pair()
    seed(pair)
    pair.connect()
    let full = true
    pair.disks.pod.before = operation => (full && operation === 'write' ? 'ENOSPC' : undefined)
    runUntil(pair, () => of(pair, 'unstaged').length > 0)
    expect(pair.disks.pod.listOwn().filter(name => name.startsWith('stage-'))).toEqual([])
    full = false
    pair.settle()
    pair.sweep()
    expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
  })

  test('rules that change while it is under way hold for all of it', () => {
    const pair = new Pair()
    seed(pair)
    pair.connect()
    runUntil(pair, () => of(pair, 'staged').length > 0)
    pair.ignored = path => path.endsWith('b.rb')
    pair.laptop.setRules('ignore b')
    pair.settle()
    pair.sweep()
    expect(Object.keys(treeOf(pair.disks.pod))).not.toContain('app/b.rb')
    expect(Object.keys(treeOf(pair.disks.pod))).toContain('app/models/c.rb')
  })

  test('case 49: a cut at every message: nothing half-built is seen, nothing of it stays, and it arrives', () => {
    for (let cutAt = 1; ; cutAt++) {
      const pair = new Pair()
      seed(pair)
      pair.connect()
      runUntil(pair, () => pair.sent.length >= cutAt || (pair.laptop.idle() && pair.pod.idle()))
      if (pair.laptop.idle() && pair.pod.idle()) {
        expect(cutAt).toBeGreaterThan(10)
        return
      }
      pair.cut()
      expect([0, 7]).toContain(Object.keys(treeOf(pair.disks.pod)).length)
      pair.connect()
      pair.settle()
      expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
      expect(pair.disks.pod.listOwn()).toEqual([])
    }
  })

  test('what an agent left of one when it died is cleared away by the next', () => {
    const pair = new Pair()
    seed(pair)
    pair.connect()
    runUntil(pair, () => of(pair, 'graft').length > 3 && pair.disks.pod.listOwn().length > 0)
    pair.disks.pod.crash()
    pair.cutWithoutGoodbye()
    pair.start('pod')
    pair.connect()
    pair.settle()
    expect(pair.disks.pod.listOwn()).toEqual([])
    expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
  })
})

describe('from a broken other end', () => {
  const hash = '0'.repeat(64)
  const member = (path: string, data = 'd') => ({ type: 'graft' as const, id: 7, path, data, mtimeMs: 0 })
  const cases: [string, SyncMessage[]][] = [
    ['no folder first', [{ ...member('x', fileToken(hash, false)), bytes: Buffer.alloc(0) }]],
    ['a part outside', [member('x'), member('y/z')]],
    ['a part without its folder', [member('x'), member('x/y/z')]],
    ['a part twice', [member('x'), member('x/y'), member('x/y')]],
    ['a part below a link', [member('x'), member('x/l', 'l/etc'), member('x/l/passwd', 'd')]],
    ['an end without a beginning', [{ type: 'graft-end', id: 9 }]],
  ]
  test.each(cases)('cases 28, 29: %s ends the connection, and nothing of it stays', (_, messages) => {
    const pair = new Pair()
    pair.connect()
    pair.settle()
    expect(() => {
      for (const message of messages) pair.pod.receive('bulk', message)
    }).toThrow(ProtocolError)
    pair.cut()
    expect(pair.disks.pod.listOwn()).toEqual([])
    expect(treeOf(pair.disks.pod)).toEqual({})
  })

  test('the laptop takes none', () => {
    const pair = new Pair()
    pair.connect()
    pair.settle()
    expect(() => pair.laptop.receive('bulk', member('x'))).toThrow(ProtocolError)
    expect(pair.disks.laptop.listOwn()).toEqual([])
  })

  test('a PUT that names a subtree of another path, or none, changes nothing', () => {
    const pair = new Pair()
    pair.connect()
    pair.settle()
    const put = { type: 'put' as const, seq: 1, base: '', data: 'd', mtimeMs: 0, live: false, staged: 7 }
    pair.pod.receive('bulk', member('x'))
    pair.pod.receive('bulk', { type: 'graft-end', id: 7 })
    pair.pod.receive('control', { ...put, path: 'y' })
    pair.pod.receive('control', { ...put, path: 'x', seq: 2 })
    expect(of(pair, 'rej').map(({ reason }) => reason)).toEqual(['need', 'need'])
    expect(treeOf(pair.disks.pod)).toEqual({})
    expect(pair.disks.pod.listOwn()).toEqual([])
  })
})

/** Counts without the disk's own calls, which would count themselves. */
function treeOf0({ volume }: MemoryDisk): Record<string, true> {
  const found: Record<string, true> = {}
  const walk = (inode: typeof volume.tree, path: string): void => {
    for (const [name, below] of inode.entries ?? []) {
      found[`${path}/${name}`] = true
      walk(below, `${path}/${name}`)
    }
  }
  walk(volume.tree, '')
  return found
}
