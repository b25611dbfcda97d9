import { expect, test } from 'vitest'
import { Pair } from './pair.ts'

/** Programs that watch a file follow its inode: `node --watch` on Linux. */
function edit(pair: Pair, text: string): void {
  pair.clock.ms += 1_000
  pair.disks.laptop.people.save('file', Buffer.from(text))
  pair.laptop.hint('file')
  pair.settle()
}

function later(pair: Pair, ms: number): void {
  for (const until = pair.clock.ms + ms; pair.clock.ms < until; pair.clock.ms += 5_000) pair.settlePod()
}

/** Inodes that were nudged while `during` ran. */
function nudged(pair: Pair, during: () => void): bigint[] {
  const inodes: bigint[] = []
  pair.disks.pod.before = (operation, at) => {
    if (operation === 'nudge' && at?.area === 'own')
      inodes.push(BigInt(pair.disks.pod.volume.own.entries!.get(at.name)!.ino))
    return undefined
  }
  during()
  pair.disks.pod.before = undefined
  return inodes
}

function started(): { pair: Pair; first: bigint } {
  const pair = new Pair()
  pair.disks.laptop.people.save('file', Buffer.from('0'))
  pair.connect()
  pair.settle()
  return { pair, first: BigInt(pair.disks.pod.people.find('file')!.ino) }
}

test('the file that a program watches is told of each edit, however late', () => {
  const { pair, first } = started()
  let watched = true
  pair.isWatched = inode => watched && inode === first
  edit(pair, '1')
  expect(nudged(pair, () => edit(pair, '2'))).toContain(first)
  later(pair, 1_500_000)
  expect(nudged(pair, () => edit(pair, '3'))).toEqual([first, expect.anything()])
  watched = false
  later(pair, 130_000)
  expect(nudged(pair, () => edit(pair, '4'))).not.toContain(first)
  expect(pair.disks.pod.listOwn().filter(name => name.startsWith('trash-pod-'))).toHaveLength(1)
})

test('and of its removal, and of what comes to its place', () => {
  const { pair, first } = started()
  pair.isWatched = inode => inode === first
  edit(pair, '1')
  const gone = () => {
    pair.clock.ms += 1_000
    pair.disks.laptop.people.unlink('file')
    pair.laptop.hint('file')
    pair.settle()
  }
  expect(nudged(pair, gone)).toContain(first)
  later(pair, 130_000)
  expect(nudged(pair, () => edit(pair, 'again'))).toEqual([first])
})

test('no more than a hundred of one path, the oldest first', () => {
  const { pair, first } = started()
  pair.isWatched = () => true
  for (let round = 0; round < 120; round++) edit(pair, `${round}`)
  const told = nudged(pair, () => edit(pair, 'last'))
  expect(told).toHaveLength(100)
  expect(told[0]).toBe(first)
})

test('and of a folder that comes back as a whole', () => {
  const pair = new Pair()
  const { laptop, pod } = pair.disks
  const make = (text: string) => {
    laptop.people.mkdir('src')
    for (const name of ['a', 'b', 'c']) laptop.people.save(`src/${name}`, Buffer.from(`${text} ${name}`))
  }
  make('first')
  pair.connect()
  pair.settle()
  const first = BigInt(pod.people.find('src/a')!.ino)
  pair.isWatched = inode => inode === first
  pair.clock.ms += 1_000
  laptop.people.removeAll('src')
  pair.sweep()
  expect(pod.people.find('src')).toBeUndefined()
  later(pair, 130_000)
  const back = () => {
    make('again')
    pair.sweep()
  }
  expect(nudged(pair, back)).toContain(first)
  expect(pod.people.read('src/a').toString()).toBe('again a')
})

test('of many edits at once each is told all the same', () => {
  const pair = new Pair()
  const names = Array.from({ length: 60 }, (_, i) => `file-${i}`)
  pair.disks.pod.exchangeNames()
  const saveAll = (text: string) => {
    for (const name of names) {
      pair.disks.laptop.people.save(name, Buffer.from(text))
      pair.laptop.hint(name)
    }
  }
  saveAll('0')
  pair.connect()
  pair.settle()
  const inodes = names.map(name => BigInt(pair.disks.pod.people.find(name)!.ino))
  pair.clock.ms += 1_000
  pair.together = true
  const told = nudged(pair, () => {
    saveAll('1')
    pair.settle()
    later(pair, 5_000)
  })
  expect(told.toSorted()).toEqual(inodes.toSorted())
})
