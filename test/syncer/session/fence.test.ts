import { afterEach, beforeEach, expect, it } from 'vitest'
import { RealPair, until } from './real-pair.ts'

/** Two laptops that reach one agent: the second took the workload over, and the first has not heard of it. */
let first: RealPair
let second: RealPair
beforeEach(() => {
  first = new RealPair()
  second = new RealPair()
  second.host.close()
  second.host = first.host
  second.podFolder = first.podFolder
  first.open('keep')
  second.open('keep')
})
afterEach(() => {
  first.dispose()
  second.dispose()
})

const states = ({ events }: RealPair) => events.flatMap(event => (event.type === 'state' ? [event.state] : []))

async function takenOver() {
  first.write('laptop', 'a.txt', 'of the first')
  first.attach(1_000)
  await first.inStep()
  second.attach(2_000)
  await second.inStep()
  await until(() => states(first).at(-1) === 'paused')
}

it('case 74: the one that took the Lease earlier is refused, and nothing of either is lost', async () => {
  await takenOver()
  first.write('laptop', 'a.txt', 'written while it did not know')
  second.write('laptop', 'a.txt', 'of the second')
  await second.session.flush(AbortSignal.timeout(60_000))
  for (let again = 1; again <= 3; again += 1) {
    const seen = first.events.length
    first.attach(1_000)
    await until(() => states({ events: first.events.slice(seen) } as RealPair).at(-1) === 'paused')
  }
  expect(first.read('pod', 'a.txt')).toBe('of the second')
  expect(first.read('laptop', 'a.txt')).toBe('written while it did not know')
  second.write('laptop', 'b.txt', 'and goes on')
  await second.session.flush(AbortSignal.timeout(60_000))
  expect(second.read('pod', 'b.txt')).toBe('and goes on')
  expect(states(second)).not.toContain('paused')
})

it('who takes it back is let in, and finds what was there meanwhile', async () => {
  await takenOver()
  second.write('laptop', 'b.txt', 'of the second')
  await second.session.flush(AbortSignal.timeout(60_000))
  first.attach(3_000)
  await first.inStep()
  expect(first.read('laptop', 'b.txt')).toBe('of the second')
})

it('without Leases nobody is refused', async () => {
  await takenOver()
  first.attach(0)
  await first.inStep()
  second.attach(0)
  await second.inStep()
})

it('nor does one without a Lease let in who was refused before', async () => {
  await takenOver()
  second.attach(0)
  await second.inStep()
  const seen = first.events.length
  first.attach(1_000)
  await until(() => states({ events: first.events.slice(seen) } as RealPair).at(-1) === 'paused')
  await second.session.flush(AbortSignal.timeout(60_000))
  expect(states(second).at(-1)).not.toBe('paused')
})
