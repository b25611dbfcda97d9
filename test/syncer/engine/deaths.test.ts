import { describe, expect, test } from 'vitest'
import { of, Pair, treeOf } from './pair.ts'

const other = { laptop: 'pod', pod: 'laptop' } as const
const bytes = (text: string) => Buffer.from(text)
// More than goes inside of a message about its path.
const large = 'large '.repeat(23_000)

/** In step, then edited at both ends while they are apart: every kind of change, and a conflict. */
function arrange(exchanges: boolean): Pair {
  const pair = new Pair()
  pair.keepMs = 7 * 86_400_000
  pair.start('laptop')
  if (exchanges) pair.disks.pod.exchangeNames()
  const { laptop, pod } = pair.disks
  laptop.people.mkdir('d')
  for (const name of ['both', 'edited', 'gone', 'd/moved', 'd/inner', 'there', 'becomes'])
    laptop.people.save(name, bytes(`old ${name}`))
  pair.connect()
  pair.settle()
  pair.clock.ms += 10_000
  pair.cut()
  for (const side of ['laptop', 'pod'] as const) pair.disks[side].people.save('both', bytes(`both by ${side}`))
  laptop.people.save('edited', bytes('edited by laptop'))
  laptop.people.save('large', bytes(large))
  laptop.people.unlink('gone')
  laptop.people.rename('d/moved', 'moved')
  laptop.people.unlink('becomes')
  laptop.people.mkdir('becomes')
  laptop.people.save('becomes/inner', bytes('becomes inner'))
  pod.people.save('there', bytes('edited by pod'))
  pod.people.save('d/new', bytes('new by pod'))
  pod.people.unlink('d/inner')
  pod.people.symlink('there', 'link')
  return pair
}

const wanted = {
  becomes: '/',
  'becomes/inner': 'becomes inner',
  both: 'both by laptop',
  d: '/',
  'd/new': 'new by pod',
  edited: 'edited by laptop',
  large,
  link: '-> there',
  moved: 'old d/moved',
  there: 'edited by pod',
}

/**
 * Both are as they should be, and nothing half done lies about.
 * @param forgot the agent's memory of what was agreed went with it: what moved in the pod may come as a copy
 */
function expectWhole(pair: Pair, what: string, forgot = false): void {
  const tree = treeOf(pair.disks.laptop)
  expect(treeOf(pair.disks.pod), what).toEqual(tree)
  const copies = Object.keys(tree).filter(path => path.includes('.conflict-'))
  const copied = new Set(copies.map(copy => tree[copy]))
  for (const copy of copies) delete tree[copy]
  // A death between a copy and its answer costs another copy of the same, never another text.
  expect(copied.delete('both by pod'), what).toBe(true)
  if (forgot) {
    if (tree.there !== wanted.there) expect(copied.delete(wanted.there), what).toBe(true)
    copied.delete(wanted.there)
    tree.there = wanted.there
    if (tree['d/inner'] === 'old d/inner') delete tree['d/inner']
  }
  expect([tree, ...copied], what).toEqual([wanted])
  for (const disk of Object.values(pair.disks))
    expect(
      disk.listOwn().filter(name => name.startsWith('stage-')),
      what,
    ).toEqual([])
}

/** From the connection on; an end that dies is started anew. */
function meet(pair: Pair): void {
  // The watchers tell of what people did meanwhile.
  pair.laptop.sweep()
  pair.pod.sweep()
  pair.connect()
  pair.settle()
}

function cameBack(pair: Pair): void {
  // a first sweep, what is held back, and the late looks into the trash
  for (const ms of [0, 1_000, 70_000]) {
    pair.clock.ms += ms
    pair.sweep()
  }
}

class Death extends Error {}

/** After its death: nothing of the process is left, and a new one stands on its disk. */
function startAgain(pair: Pair, side: 'laptop' | 'pod'): void {
  const disk = pair.disks[side]
  disk.before = undefined
  disk.crash()
  if (side === 'pod') pair.cutWithoutGoodbye()
  else pair.pod.disconnect()
  pair.start(side)
}

describe('case 51: an end that dies', () => {
  test.each([
    ['the laptop', 'laptop', false],
    ['the pod', 'pod', false],
    ['the pod, where names can be exchanged', 'pod', true],
  ] as const)('before each call of its disk: %s', (_, side, exchanges) => {
    let operations = 0
    for (let at = 0; at <= operations; at++) {
      const pair = arrange(exchanges)
      const disk = pair.disks[side]
      let left = at
      let what = 'no death'
      disk.before = (operation, place) => {
        operations = Math.max(operations, at + 1 - left)
        if (left-- !== 0) return undefined
        what = `death ${at} before ${operation} ${JSON.stringify(place)}`
        throw new Death(what)
      }
      try {
        meet(pair)
      } catch (error) {
        if (!(error instanceof Death)) throw error
        startAgain(pair, side)
        pair.clock.ms += 3_000
        meet(pair)
      }
      disk.before = undefined
      cameBack(pair)
      expectWhole(pair, what, side === 'pod')
      if (at > operations) break
    }
    expect(operations).toBeGreaterThan(80)
  })
})

test('case 49: a cut after each message, and both go on', () => {
  let messages = 1
  for (let at = 0; at < messages; at++) {
    const pair = arrange(false)
    pair.laptop.sweep()
    pair.connect()
    pair.sent = []
    for (let steps = 0; pair.sent.length <= at && steps < 2_000; steps++) pair.step()
    messages = Math.max(messages, pair.sent.length + 1)
    const isOver = pair.sent.length <= at
    pair.cut()
    pair.clock.ms += 200
    meet(pair)
    cameBack(pair)
    expectWhole(pair, `a cut after message ${at}`)
    if (isOver) break
  }
  expect(messages).toBeGreaterThan(20)
})

describe.each(['laptop', 'pod'] as const)(
  'case 79b: a removal grabs what was saved at the last moment: the %s',
  side => {
    test.each(['goes on', 'dies before it is put back'])('%s', how => {
      const pair = new Pair()
      pair.keepMs = 7 * 86_400_000
      pair.start('laptop')
      pair.disks.laptop.people.save('f', bytes('old'))
      pair.connect()
      pair.settle()
      pair.clock.ms += 5_000
      const disk = pair.disks[side]
      let grabbed = false
      disk.before = (operation, from, to) => {
        if (grabbed && how.startsWith('dies')) throw new Death()
        if (operation !== 'rename' || to?.area !== 'own' || from?.area !== 'tree') return undefined
        disk.people.save('f', bytes('saved at the last moment'))
        grabbed = true
        return undefined
      }
      pair.disks[other[side]].people.unlink('f')
      pair[other[side]].hint('f')
      try {
        pair.settle()
      } catch (error) {
        if (!(error instanceof Death)) throw error
        startAgain(pair, side)
        meet(pair)
      }
      disk.before = undefined
      expect(grabbed).toBe(true)
      cameBack(pair)
      const tree = treeOf(pair.disks.laptop)
      expect(treeOf(pair.disks.pod)).toEqual(tree)
      expect(Object.values(tree)).toEqual(['saved at the last moment'])
    })
  },
)

describe('case 78b: a pod’s copy that is not the one we left', () => {
  const files = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`f${i}`, `${i}`]))

  function stood(): Pair {
    const pair = new Pair()
    for (const [name, text] of Object.entries(files)) pair.disks.laptop.people.save(name, bytes(text))
    pair.connect()
    pair.settle()
    return pair
  }

  test('a volume that was rolled back: what the laptop has since is not undone', () => {
    const pair = stood()
    const before = treeOf(pair.disks.pod)
    const marker = pair.marker!
    pair.cut()
    pair.connect()
    pair.settle()
    pair.clock.ms += 1_000
    for (let i = 0; i < 10; i++) pair.disks.laptop.people.save(`f${i}`, bytes(`edited ${i}`))
    pair.disks.laptop.people.save('new', bytes('new'))
    pair.disks.laptop.people.unlink('f19')
    pair.sweep()
    const wanted = treeOf(pair.disks.laptop)
    expect(treeOf(pair.disks.pod)).toEqual(wanted)

    pair.cut()
    for (const name of Object.keys(treeOf(pair.disks.pod))) pair.disks.pod.people.unlink(name)
    for (const [name, text] of Object.entries(before)) pair.disks.pod.people.save(name, bytes(text))
    pair.marker = marker
    pair.start('pod')
    pair.connect()
    pair.sweep()
    expect(treeOf(pair.disks.laptop)).toEqual(wanted)
    expect(treeOf(pair.disks.pod)).toEqual(wanted)
  })

  test('an image with our marker in it and less beside it: nothing is deleted on the laptop', () => {
    const pair = stood()
    const marker = pair.marker!
    pair.cut()
    pair.connect()
    pair.settle()
    pair.cut()
    for (let i = 0; i < 15; i++) pair.disks.pod.people.unlink(`f${i}`)
    pair.marker = marker
    pair.start('pod')
    pair.sent = []
    pair.connect()
    pair.sweep()
    expect(treeOf(pair.disks.laptop)).toEqual(files)
    expect(treeOf(pair.disks.pod)).toEqual(files)
    expect(of(pair, 'put').every(({ data }) => data !== '')).toBe(true)
  })
})
