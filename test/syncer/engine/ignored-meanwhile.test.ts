import { describe, expect, test } from 'vitest'
import { twoWay } from '../../../syncer/core/sync-policy.ts'
import { Pair, runUntil, treeOf } from './pair.ts'

/** Two ends that agree on a folder `d` with a file in it. `d/x` does not travel from {@link Started.ignore} on. */
interface Started {
  pair: Pair
  ignore(isIgnored: boolean): void
}

function started(): Started {
  const pair = new Pair()
  let isIgnored = false
  pair.ignored = path => isIgnored && path === 'd/x'
  pair.disks.laptop.people.mkdir('d')
  pair.disks.laptop.people.save('d/y', Buffer.from('y'))
  pair.connect()
  pair.settle()
  pair.clock.ms += 5_000
  return {
    pair,
    ignore: value => {
      isIgnored = value
      pair.laptop.setRules(`d/x is${value ? '' : ' not'} ignored`)
    },
  }
}

/** What a person is told of at last: side and path, and the code. */
function problems(pair: Pair): [string, string][] {
  const told = new Map<string, string>()
  for (const event of pair.events) {
    if (event.type !== 'problem') continue
    if (event.code === '') told.delete(`${event.side} ${event.path}`)
    else told.set(`${event.side} ${event.path}`, event.code)
  }
  return [...told]
}

describe('the problem of a path is over when it does not travel any more', () => {
  test('that the pod cannot write', () => {
    const { pair, ignore } = started()
    pair.disks.pod.before = (_, _at, to) => (to?.area === 'tree' && to.path === 'd/x' ? 'EACCES' : undefined)
    pair.disks.laptop.people.save('d/x', Buffer.from('x'))
    pair.laptop.hint('d/x', 'rename')
    runUntil(pair, () => problems(pair).length > 0)
    expect(problems(pair)).toEqual([['pod d/x', 'EACCES']])
    ignore(true)
    pair.settle()
    expect(problems(pair)).toEqual([])
  })

  test('that the laptop cannot read', () => {
    const { pair, ignore } = started()
    pair.disks.laptop.before = (operation, at) =>
      operation === 'open' && at?.area === 'tree' && at.path === 'd/x' ? 'EACCES' : undefined
    pair.disks.laptop.people.save('d/x', Buffer.from('x'))
    pair.laptop.hint('d/x', 'rename')
    runUntil(pair, () => problems(pair).length > 0)
    expect(problems(pair)).toEqual([['laptop d/x', 'EACCES']])
    ignore(true)
    pair.settle()
    expect(problems(pair)).toEqual([])
  })
})

test('the answer about a path that does not travel any more agrees on nothing', () => {
  const { pair, ignore } = started()
  pair.delayMs = () => 100
  // The pod follows the old rules until it is told.
  pair.pod.exchange.rules = { policy: twoWay, ignored: () => false }
  pair.disks.laptop.people.save('d/x', Buffer.from('x'))
  pair.laptop.hint('d/x', 'rename')
  runUntil(pair, () => pair.sent.some(message => message.type === 'put' && message.path === 'd/x'))
  ignore(true)
  pair.settle()
  expect(pair.disks.pod.people.read('d/x').toString()).toBe('x')
  pair.disks.pod.people.unlink('d/x')
  pair.sweep()
  ignore(false)
  pair.settle()
  pair.sweep()
  expect(treeOf(pair.disks.pod)).toEqual(treeOf(pair.disks.laptop))
})

test('a flush does not wait for what was refused and does not travel any more', () => {
  const { pair, ignore } = started()
  pair.delayMs = () => 100
  pair.pod.exchange.rules = { policy: twoWay, ignored: () => false }
  pair.disks.pod.people.save('d/x', Buffer.from('of the pod'))
  pair.disks.laptop.people.save('d/x', Buffer.from('of the laptop'))
  pair.laptop.hint('d/x', 'rename')
  runUntil(pair, () => pair.sent.some(message => message.type === 'put' && message.path === 'd/x'))
  ignore(true)
  runUntil(pair, () => pair.sent.some(message => message.type === 'rej' && message.reason === 'changed'))
  const refusedMs = pair.clock.ms
  runUntil(pair, () => pair.clock.ms > refusedMs + 100)
  pair.laptop.flush(7)
  runUntil(pair, () => pair.events.some(event => event.type === 'flushed' && event.id === 7))
})

test('a removal that was held back leaves alone what is ignored by then', () => {
  const pair = new Pair()
  let isIgnored = false
  pair.ignored = path => isIgnored && path === 'secret'
  pair.disks.laptop.people.save('secret', Buffer.from('mine'))
  pair.disks.laptop.people.save('f', Buffer.from('other'))
  pair.connect()
  pair.settle()
  pair.sweep()
  pair.disks.pod.people.unlink('secret')
  pair.pod.hint('secret', 'rename')
  const before = pair.sent.length
  runUntil(pair, () => pair.sent.slice(before).some(m => m.type === 'put' && m.path === 'secret'))
  pair.step()
  isIgnored = true
  pair.laptop.setRules('others')
  pair.settle()
  pair.sweep()
  expect(treeOf(pair.disks.laptop)).toEqual({ f: 'other', secret: 'mine' })
})
