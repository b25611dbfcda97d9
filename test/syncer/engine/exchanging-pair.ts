import { expect } from 'vitest'
import { Pair, treeOf } from './pair.ts'

/** Ways of the pod's disk: it exchanges names of files that were made, or makes them in the same call. */
export const ways = ['exchangeNames', 'placeFiles'] as const
export type Way = (typeof ways)[number]

/** A pair in step over one file, the pod's disk exchanging names; the laptop has just saved. */
export function saved(path = 'file', way: Way = 'exchangeNames'): Pair {
  const pair = new Pair()
  pair.disks.pod[way]()
  if (path.includes('/')) pair.disks.laptop.people.mkdir(path.slice(0, path.lastIndexOf('/')))
  pair.disks.laptop.people.save(path, Buffer.from('base'))
  pair.connect()
  pair.settle()
  pair.clock.ms += 1_000
  pair.disks.laptop.people.save(path, Buffer.from('laptop'))
  pair.laptop.hint(path)
  return pair
}

/** Lets both ends come to rest, and everything late be looked for, `rounds` times after 5 s. */
export function rest(pair: Pair, rounds: number): Record<string, string> {
  pair.settle()
  pair.disks.pod.before = undefined
  for (let round = 0; round < rounds; round++) {
    pair.clock.ms += 5_000
    pair.sweep()
  }
  const tree = treeOf(pair.disks.laptop)
  expect(treeOf(pair.disks.pod)).toEqual(tree)
  return tree
}

/** The pod's process dies of what its disk was told to throw, and another one takes up what it left. */
export function crashPod(pair: Pair): void {
  expect(() => pair.settle()).toThrow('crash')
  pair.disks.pod.before = undefined
  pair.disks.pod.crash()
  pair.cutWithoutGoodbye()
  pair.start('pod')
  pair.connect()
}
