import { expect, test } from 'vitest'
import { limits } from '../../../syncer/base/limits.ts'
import { of, Pair, runFor } from './pair.ts'

const ends = ['laptop', 'pod'] as const
const other = { laptop: 'pod', pod: 'laptop' } as const
const everyMs = 50
const oneWayMs = 120
const sizeBytes = limits.inlineBytesMax + 70 * 1024

const version = (number: number) => Buffer.alloc(sizeBytes, `${String(number).padStart(5, '0')} `)
const numberOf = (bytes: Buffer) => Number(bytes.toString('latin1', 0, 5))

/** A program at one end that makes a bundle anew again and again. */
class Bundler {
  readonly seen = new Set<number>()
  private readonly pair = new Pair()
  private readonly side: 'laptop' | 'pod'
  private made = 0

  constructor(side: 'laptop' | 'pod') {
    this.side = side
    this.pair.disks.laptop.people.save('bundle', version(0))
    this.pair.connect()
    this.pair.settle()
    this.pair.clock.ms += 5_000
    this.pair.settle()
    this.pair.delayMs = () => oneWayMs
  }

  work(rounds: number): Pair {
    const { pair, side } = this
    for (const end = this.made + rounds; this.made < end; ) {
      this.made += 1
      pair.disks[side].people.save('bundle', version(this.made))
      pair[side].hint('bundle', 'rename')
      runFor(pair, everyMs)
      this.seen.add(numberOf(pair.disks[other[side]].people.read('bundle')))
    }
    return pair
  }
}

test.each(ends)('a file that is replaced at the %s more often than a round trip arrives all the same', side => {
  const bundler = new Bundler(side)
  const pair = bundler.work(100)
  // Each version takes the way of its content, of the answer, of its PUT, and of the answer to that.
  expect(bundler.seen.size).toBeGreaterThan(5)
  pair.settle()
  expect(numberOf(pair.disks[other[side]].people.read('bundle'))).toBe(100)
})

test.each(ends)('what went ahead from the %s does not take back a change of the other end', side => {
  const bundler = new Bundler(side)
  const pair = bundler.work(1)
  const there = other[side]
  pair.sent = []
  pair.disks[there].people.save('bundle', Buffer.from('theirs'))
  pair[there].hint('bundle', 'rename')
  pair.settle()
  const texts = ends.map(end => pair.disks[end].people.read('bundle').length)
  expect(texts[0]).toBe(texts[1])
  const kept = ends.flatMap(end => pair.disks[end].list('').map(({ name }) => pair.disks[end].people.read(name).length))
  expect(new Set(kept)).toEqual(new Set([6, sizeBytes]))
  expect(of(pair, 'put').length).toBeLessThan(10)
})
