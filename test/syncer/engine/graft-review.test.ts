import { describe, expect, test } from 'vitest'
import { of, Pair, runUntil, treeOf } from './pair.ts'

describe('a subtree under way', () => {
  test('a flush waits for a file that waits for its folder', () => {
    const pair = new Pair()
    const { laptop } = pair.disks
    laptop.people.mkdir('app')
    for (const name of ['a', 'b']) laptop.people.save(`app/${name}`, Buffer.from(name))
    laptop.people.save('app/large', Buffer.alloc(700_000, 'l'))
    pair.clock.ms += 1_000
    pair.connect()
    runUntil(pair, () => of(pair, 'graft-end').length > 0)
    pair.laptop.flush(1)
    runUntil(pair, () => pair.events.some(({ type }) => type === 'flushed'))
    expect(Object.keys(treeOf(pair.disks.pod))).toContain('app/large')
  })

  test('refused, its files do not wait for ever once the folder is agreed on', () => {
    const pair = new Pair()
    const { laptop, pod } = pair.disks
    laptop.people.mkdir('app')
    for (const name of ['a', 'b']) laptop.people.save(`app/${name}`, Buffer.from(name))
    pair.clock.ms += 1_000
    pair.connect()
    runUntil(pair, () => of(pair, 'staged').length > 0)
    pod.people.mkdir('app')
    pair.settle()
    expect(treeOf(pod)).toEqual(treeOf(laptop))
  })

  test('many small subtrees do not end the connection', () => {
    const pair = new Pair()
    const { laptop } = pair.disks
    for (let at = 0; at < 1_100; at++) {
      laptop.people.mkdir(`d${at}`)
      laptop.people.save(`d${at}/empty`, Buffer.alloc(0))
    }
    pair.clock.ms += 1_000
    pair.connect()
    pair.settle(200_000)
    expect(treeOf(pair.disks.pod)).toEqual(treeOf(laptop))
  })

  test('an answer before everything was sent ends the connection', () => {
    const pair = new Pair()
    const { laptop } = pair.disks
    laptop.people.mkdir('app')
    for (const name of ['a', 'b']) laptop.people.save(`app/${name}`, Buffer.from(name))
    pair.clock.ms += 1_000
    pair.connect()
    laptop.before = operation => {
      // Time passes, so that a step ends after each file.
      if (operation === 'open') pair.clock.ms += 10
      return undefined
    }
    runUntil(pair, () => of(pair, 'graft').length === 2)
    const id = of(pair, 'graft')[0]!.id
    expect(() => pair.laptop.receive('control', { type: 'staged', id })).toThrow()
    expect(JSON.stringify(pair.journal.records)).not.toContain('"token":"f"')
  })

  test('a file that rules forbid since it was held back does not go along', () => {
    const pair = new Pair()
    const { laptop, pod } = pair.disks
    laptop.people.mkdir('app')
    for (const name of ['a', 'b', 'secret']) laptop.people.save(`app/${name}`, Buffer.from(name))
    pair.clock.ms += 1_000
    for (let at = 0; at < 10; at++) pair.laptop.tick()
    pair.clock.ms += 1_000
    const file = laptop.people.open('app/secret', 'r+')
    file.write(Buffer.from('longer'))
    file.close()
    pair.laptop.hint('app/secret', 'change')
    expect(pair.laptop.exchange.holds.size).toBe(1)
    pair.ignored = path => path.endsWith('secret')
    pair.laptop.setRules('no secrets')
    for (let at = 0; at < 100; at++) {
      pair.clock.ms += 1
      pair.laptop.tick()
    }
    pair.connect()
    pair.settle()
    expect(Object.keys(treeOf(pod))).toEqual(['app', 'app/a', 'app/b'])
  })
})
