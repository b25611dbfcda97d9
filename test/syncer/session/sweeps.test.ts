import { expect, test } from 'vitest'
import { Pair, runFor } from './pair.ts'

/** Sweeps of both ends within the time. */
function sweepsIn(pair: Pair, ms: number): number {
  const sweeps = () => pair.events.filter(({ type }) => type === 'swept').length
  const before = sweeps()
  runFor(pair, ms)
  return sweeps() - before
}

test('a sweep that would cost far more than the last one waits, so that all take a 300th of the time', () => {
  const pair = new Pair()
  pair.disks.laptop.people.save('f', Buffer.from('one'))
  pair.connect()
  pair.settle()
  const usual = sweepsIn(pair, 600_000)
  expect(usual).toBeGreaterThanOrEqual(18)
  for (const end of [pair.laptop, pair.pod]) {
    for (let index = 0; index < 50_000; index++) end.exchange.replica.tree.ensure(`${index}`)
  }
  const fewer = sweepsIn(pair, 600_000)
  expect(fewer).toBeGreaterThanOrEqual(8)
  expect(fewer).toBeLessThanOrEqual(11)
})
