import { expect, test } from 'vitest'
import { inTree } from '../../../syncer/disk/disk.ts'
import type { DiskOperation } from '../../../syncer/disk/memory-operation.ts'
import { crashPod, rest, saved } from './exchanging-pair.ts'
import type { Pair } from './pair.ts'

/** Later than the last look at what was replaced. */
const rounds = 20

/**
 * The program that exchanges names is given up, but sits in the system call (a stalled disk): it holds both folders, and
 * finishes before the next change of a name.
 */
function stallExchange(pair: Pair, meanwhile: () => void): void {
  const { pod } = pair.disks
  let left: { own: string; path: string } | undefined
  let isOver = false
  const changes: DiskOperation[] = ['rename', 'unlink', 'link', 'symlink', 'exchange']
  pod.before = (operation, at, to) => {
    if (operation === 'exchange' && !isOver && at?.area === 'own' && to?.area === 'tree') {
      isOver = true
      meanwhile()
      left = { own: at.name, path: to.path }
      return 'ETIME'
    }
    if (left !== undefined && changes.includes(operation)) {
      pod.volume.exchange(pod.volume.own, left.own, pod.volume.tree, left.path)
      left = undefined
    }
    return undefined
  }
}

test('an exchange that is done after it was given up loses no save', () => {
  const pair = saved()
  stallExchange(pair, () => pair.disks.pod.people.save('file', Buffer.from('pod')))
  expect(Object.values(rest(pair, rounds)).join('|')).toContain('pod')
})

test('case 39: nor what a program goes on writing into the file that was there', () => {
  const pair = saved()
  const open = pair.disks.pod.people.open('file', 'a')
  stallExchange(pair, () => {})
  pair.settle()
  open.write(Buffer.from(' pod'))
  open.close()
  expect(Object.values(rest(pair, rounds)).join('|')).toContain(' pod')
})

test('a folder that came to the place is still found when the agent dies right after the exchange', () => {
  const pair = saved()
  const { pod } = pair.disks
  let isExchanged = false
  pod.before = operation => {
    if (isExchanged) throw new Error('crash')
    if (operation !== 'exchange') return undefined
    pod.people.unlink('file')
    pod.people.mkdir('file')
    pod.people.save('file/inside', Buffer.from('pod'))
    isExchanged = true
    return undefined
  }
  crashPod(pair)
  expect(Object.values(rest(pair, rounds)).join('|')).toContain('pod')
})

test.each([
  ['before the exchange', 'exchange'],
  ['before it looks at what it did', 'stat'],
] as const)('an agent that dies %s leaves nothing behind', (_when, operation) => {
  const pair = saved('src/file')
  const { pod } = pair.disks
  let isMoved = false
  pod.before = (each, at, to) => {
    if (isMoved && each === operation) throw new Error('crash')
    if (each === 'rename' && at?.area === 'own' && to?.area === 'own') isMoved = true
    return undefined
  }
  crashPod(pair)
  expect(rest(pair, rounds)).toEqual({ src: '/', 'src/file': 'laptop' })
})

test('what is written late into ours, opened before it was taken back, is found', () => {
  const pair = saved()
  const { people } = pair.disks.pod
  let exchanges = 0
  let open: ReturnType<typeof people.open> | undefined
  pair.disks.pod.before = operation => {
    if (operation !== 'exchange') return undefined
    exchanges += 1
    if (exchanges === 1) people.save('file', Buffer.from('pod'))
    if (exchanges === 2) open = people.open('file', 'a')
    return undefined
  }
  pair.settle()
  open!.write(Buffer.from(' and more'))
  open!.close()
  const texts = Object.values(rest(pair, rounds)).join('|')
  expect(texts).toContain('pod')
  expect(texts).toContain('and more')
})

test('nor where another file of the tree has its inode number, as on an overlay of several file systems', () => {
  const pair = saved()
  const { pod } = pair.disks
  const open = pod.people.open('file', 'a')
  pair.settle()
  open.write(Buffer.from(' pod'))
  open.close()
  pair.cutWithoutGoodbye()
  pod.crash()
  const stat = pod.stat.bind(pod)
  pod.stat = at => {
    const now = stat(at)
    const isTrash = at.area === 'own' && at.name.startsWith('trash-pod-')
    return now !== null && isTrash ? { ...now, ino: stat(inTree('file'))!.ino } : now
  }
  pair.start('pod')
  pair.connect()
  expect(Object.values(rest(pair, rounds)).join('|')).toContain(' pod')
})
