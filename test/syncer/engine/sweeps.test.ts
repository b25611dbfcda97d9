import { expect, test } from 'vitest'
import { folder, type Token } from '../../../syncer/core/content.ts'
import type { Path } from '../../../syncer/core/path.ts'
import type { Disk } from '../../../syncer/disk/disk.ts'
import type { People } from '../../../syncer/disk/memory-people.ts'
import { type Entry, Tree } from '../../../syncer/endpoint/tree.ts'
import { GradualSweep } from '../../../syncer/engine/notice/gradual-sweep.ts'
import { ManualClock, Pair, runFor, runUntil, treeOf } from './pair.ts'

const perFolder = 30

test('what no event told of is found little by little: new, changed and removed, at any depth', () => {
  const pair = new Pair()
  const { people } = pair.disks.laptop
  const folders = Array.from({ length: 40 }, (_, index) => `d${index % 8}/e${index}/f`)
  for (const dir of folders) {
    makeFolders(people, dir)
    for (let file = 0; file < perFolder; file++) people.save(`${dir}/${file}`, Buffer.from(`${dir}/${file}`))
  }
  pair.connect()
  pair.settle()
  people.save('d1/e9/f/3', Buffer.from('changed'))
  makeFolders(people, 'd2/e10/new/deep')
  people.save('d2/e10/new/deep/file', Buffer.from('new'))
  people.unlink('d3/e11/f/4')
  pair.disks.pod.people.removeAll('d4/e12')
  const atMs = pair.clock.ms
  runUntil(pair, () => pair.clock.ms > atMs + 55_000)
  expect(treeOf(pair.disks.pod)['d1/e9/f/3']).toBe('d1/e9/f/3')
  runFor(pair, 10_000)
  const tree = treeOf(pair.disks.laptop)
  expect(treeOf(pair.disks.pod)).toEqual(tree)
  expect(tree).toMatchObject({ 'd1/e9/f/3': 'changed', 'd2/e10/new/deep/file': 'new' })
  for (const gone of ['d3/e11/f/4', 'd4/e12', 'd4/e12/f/1']) expect(tree).not.toHaveProperty([gone])
})

function makeFolders(people: People, dir: Path): void {
  const names = dir.split('/')
  for (let depth = 1; depth <= names.length; depth++) {
    const path = names.slice(0, depth).join('/')
    if (people.find(path) === undefined) people.mkdir(path)
  }
}

/** A sweep over a tree of 8 × 8 folders with 50 files each, by a scanner to which each folder takes `msPerFolder`. */
class Sweeping {
  readonly clock = new ManualClock()
  readonly tree = new Tree()
  readonly read: Path[] = []
  readonly mounted = new Set<Path>()
  ended = 0
  spentMs = 0
  longestMs = 0
  msPerFolder = 1
  readonly gradual: GradualSweep
  private readonly startMs = this.clock.ms
  private waiting: Entry[] = []

  constructor() {
    for (let outer = 0; outer < 8; outer++) {
      for (let inner = 0; inner < 8; inner++) {
        for (let file = 0; file < 50; file++) this.tree.ensure(`${outer}/${inner}/${file}`).current = 'f' as Token
        this.tree.find(`${outer}/${inner}`)!.current = folder
      }
      this.tree.find(`${outer}`)!.current = folder
    }
    const self = this
    this.gradual = new GradualSweep({
      replica: { clock: this.clock, tree: this.tree, disk: this.disk() },
      scanner: {
        add: entry => void this.waiting.push(entry),
        get idle() {
          return self.waiting.length === 0
        },
        get spentMs() {
          return self.spentMs
        },
      },
      ended: () => {
        this.ended += 1
      },
    })
    this.gradual.begin()
  }

  /** The next portion, when it is due. */
  portion(): void {
    this.clock.ms = Math.max(this.clock.ms, this.gradual.due())
    this.gradual.tick()
    const beforeMs = this.spentMs
    for (const entry of this.waiting) {
      this.read.push(entry.path)
      this.spentMs += this.msPerFolder
      this.clock.ms += this.msPerFolder
      for (const child of entry.children?.values() ?? []) {
        if (child.current === folder && !this.mounted.has(child.path)) this.gradual.passed(child)
      }
    }
    this.longestMs = Math.max(this.longestMs, this.spentMs - beforeMs)
    this.waiting = []
    this.gradual.settle()
  }

  get elapsedMs(): number {
    return this.clock.ms - this.startMs
  }

  private disk(): Disk {
    const stat = ({ path }: { path: Path }) => ({ kind: 'dir', mount: this.mounted.has(path) })
    return { stat } as unknown as Disk
  }
}

test('a sweep reads each folder once, in portions that take a 600th of the time, a minute apart at least', () => {
  const sweeping = new Sweeping()
  expect(sweeping.gradual.due()).toBe(sweeping.clock.ms + 60_000)
  while (sweeping.ended < 3) sweeping.portion()
  expect(sweeping.read).toHaveLength(3 * 73)
  expect(new Set(sweeping.read).size).toBe(73)
  expect(sweeping.spentMs / sweeping.elapsedMs).toBeLessThanOrEqual(1 / 600)
  expect(sweeping.spentMs / sweeping.elapsedMs).toBeGreaterThan(1 / 2_500)
  expect(sweeping.longestMs).toBeLessThan(25)
})

test('where reading is slow the next portion does not wait for more than a minute', () => {
  const sweeping = new Sweeping()
  sweeping.msPerFolder = 1_000
  sweeping.portion()
  expect(sweeping.gradual.due()).toBe(sweeping.clock.ms + 60_000)
})

test('what is mounted on a folder, or on one around it, between two portions is not read', () => {
  const sweeping = new Sweeping()
  sweeping.portion()
  sweeping.portion()
  expect(sweeping.read).toEqual(['', '7', '6', '5', '4', '3', '2', '1', '0'])
  sweeping.mounted.add('3').add('5/2')
  while (sweeping.ended === 0) sweeping.portion()
  expect(sweeping.read).toHaveLength(73 - 8 - 1)
  expect(sweeping.read.filter(path => path.startsWith('3/') || path === '5/2')).toEqual([])
})

test('what is gone by then is not read, and when all is read at once the little steps begin anew after it', () => {
  const sweeping = new Sweeping()
  sweeping.portion()
  sweeping.portion()
  sweeping.tree.find('4/1')!.current = 'f' as Token
  sweeping.portion()
  sweeping.gradual.stop()
  expect(sweeping.gradual.due()).toBe(Number.POSITIVE_INFINITY)
  sweeping.gradual.begin()
  expect(sweeping.gradual.due()).toBe(sweeping.clock.ms + 60_000)
  sweeping.read.length = 0
  while (sweeping.ended === 0) sweeping.portion()
  expect(sweeping.read[0]).toBe('')
  expect(sweeping.read).toHaveLength(72)
  expect(sweeping.read).not.toContain('4/1')
})
