import { describe, expect, test } from 'vitest'
import type { People } from '../../../syncer/disk/memory-people.ts'
import { rest, saved, type Way, ways } from './exchanging-pair.ts'

const rounds = 3

/** How many operations of its disk the pod needs to take a save. */
function operationsOfASave(way: Way): string[] {
  const pair = saved('file', way)
  const operations: string[] = []
  pair.disks.pod.before = operation => {
    operations.push(operation)
    return undefined
  }
  pair.settle()
  return operations
}

/** Texts that must be left: in any case, and where it was done before ours stood there. */
const deeds: Record<string, { act: (people: People) => void; leaves: string[]; before?: string[] }> = {
  'saves it by rename': { act: people => people.save('file', Buffer.from('pod')), leaves: ['pod'], before: ['laptop'] },
  'writes into it': { act: people => people.append('file', Buffer.from(' pod')), leaves: ['laptop'] },
  'removes it': { act: people => people.unlink('file'), leaves: [] },
  'puts a folder in its place': {
    act: people => {
      people.unlink('file')
      people.mkdir('file')
      people.save('file/inside', Buffer.from('pod'))
    },
    leaves: ['pod'],
  },
}

describe.each(ways)('a save arrives in a pod whose disk does this: %s', way => {
  const operations = operationsOfASave(way)

  test('in one step for its readers, and what was there is in the trash', () => {
    expect(operations.filter(operation => ['link', 'exchange'].includes(operation))).toEqual(['exchange'])
    const pair = saved('file', way)
    pair.settle()
    expect(pair.disks.pod.listOwn().filter(name => name.startsWith('trash-pod-'))).toHaveLength(1)
    expect(rest(pair, rounds)).toEqual({ file: 'laptop' })
  })

  const moments = operations.map((operation, at) => ({ at, operation }))
  for (const [what, { act, leaves, before = [] }] of Object.entries(deeds)) {
    test.each(moments)(`case 38: somebody ${what} before operation $at ($operation): nothing is lost`, ({ at }) => {
      const pair = saved('file', way)
      let left = at
      pair.disks.pod.before = () => {
        if (left-- === 0) act(pair.disks.pod.people)
        return undefined
      }
      const texts = Object.values(rest(pair, rounds)).join('|')
      expect(left).toBeLessThan(0)
      const isBefore = at <= operations.indexOf('exchange')
      for (const text of isBefore ? [...leaves, ...before] : leaves) expect(texts).toContain(text)
    })
  }

  test.each(['ENOENT', 'ETIME', 'EIO', 'EXDEV', 'ENOSYS'])('an exchange that fails with %s loses nothing', code => {
    const pair = saved('file', way)
    let failed = 0
    pair.disks.pod.before = operation => (operation === 'exchange' && failed++ === 0 ? code : undefined)
    pair.settle()
    expect(failed).toBeGreaterThan(0)
    expect(rest(pair, rounds)).toEqual({ file: 'laptop' })
  })
})
