import { expect, test } from 'vitest'
import { listTrash } from '../../../syncer/endpoint/trash-list.ts'
import { Pair, runFor, treeOf } from './pair.ts'

const count = 64
const names = Array.from({ length: count }, (_, i) => `f${i}`)

/** A pod in which all of these gave way at once: its trash looks at each of them after 1 s, 5 s, 15 s and a minute. */
function replaced(stepsMax?: number): Pair {
  const pair = new Pair(undefined, stepsMax === undefined ? {} : { stepsMax })
  for (const name of names) pair.disks.laptop.people.save(name, Buffer.from('old'))
  pair.connect()
  pair.settle()
  for (const name of names) pair.disks.laptop.people.save(name, Buffer.from('new'))
  pair.sweep()
  expect(listTrash(pair.disks.pod)).toHaveLength(count)
  return pair
}

/** @returns how many turns the pod takes for what is due in the next 6 s, two looks at each */
function turnsOf(pair: Pair): number {
  const until = pair.clock.ms + 6_000
  let turns = 0
  while (pair.pod.due() <= until) {
    pair.clock.ms = Math.max(pair.clock.ms, Math.ceil(pair.pod.due()))
    pair.pod.tick()
    turns += 1
  }
  return turns
}

test('what is in the trash is looked at in portions, not in a turn for each', () => {
  const turns = turnsOf(replaced())
  expect(turns).toBeGreaterThanOrEqual((2 * count) / 16)
  expect(turns).toBeLessThan(count / 2)
})

test('and no more in a turn than there is time for', () => {
  expect(turnsOf(replaced(1))).toBeGreaterThanOrEqual(count)
})

test('each late write among many is found', () => {
  const pair = new Pair()
  const { people } = pair.disks.pod
  for (const name of names) pair.disks.laptop.people.save(name, Buffer.from('old'))
  pair.connect()
  pair.settle()
  const late = names.filter((_, i) => i % 5 === 0)
  const files = late.map(name => people.open(name, 'a'))
  for (const name of names) pair.disks.laptop.people.save(name, Buffer.from('new'))
  pair.sweep()
  for (const [i, file] of files.entries()) {
    file.write(Buffer.from(`, and late in ${late[i]}`))
    file.close()
  }
  runFor(pair, 70_000)
  const texts = Object.values(treeOf(pair.disks.laptop)).join('\n')
  for (const name of late) expect(texts).toContain(`old, and late in ${name}`)
})
