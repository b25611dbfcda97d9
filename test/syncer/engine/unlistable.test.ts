import { expect, test } from 'vitest'
import type { Path } from '../../../syncer/core/path.ts'
import { Pair, problemsOf, runFor, treeOf } from './pair.ts'

/** The pod's image has a folder in which its agent may not look. */
function withClosed(pair: Pair, folder: Path): void {
  for (const path of ['q', 'q/closed']) pair.disks.pod.people.mkdir(path)
  pair.disks.pod.people.save('q/closed/secret', Buffer.from('of root'))
  pair.disks.pod.before = (operation, at) => {
    const isIn = at?.area === 'tree' && (at.path === folder || at.path.startsWith(`${folder}/`))
    return isIn && (operation === 'list' || operation === 'listStats') ? 'EACCES' : undefined
  }
}

const flushed = (pair: Pair, id: number) => pair.events.some(event => event.type === 'flushed' && event.id === id)

test.each(['q/closed', 'q'])('a folder that the pod cannot look into keeps nobody waiting: %s', folder => {
  const pair = new Pair()
  pair.disks.laptop.people.save('f', Buffer.from('text'))
  withClosed(pair, folder)
  pair.connect()
  runFor(pair, 2_000)
  pair.laptop.flush(1)
  runFor(pair, 5_000)
  expect(flushed(pair, 1)).toBe(true)
  expect(pair.disks.pod.people.read('f').toString()).toBe('text')
  expect(problemsOf(pair)).toMatchObject({ [folder]: 'EACCES' })
  expect(pair.disks.pod.people.read('q/closed/secret').toString()).toBe('of root')

  pair.disks.pod.before = undefined
  runFor(pair, 60_000)
  pair.sweep()
  expect(treeOf(pair.disks.laptop)).toMatchObject({ 'q/closed/secret': 'of root' })
  expect(problemsOf(pair)).toEqual({})
})
