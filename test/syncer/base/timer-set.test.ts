import { expect, it } from 'vitest'
import { TimerSet } from '../../../syncer/base/timer-set.ts'

it('tells each once, at the soonest of its times, until it is deleted', () => {
  const set = new TimerSet<string>()
  expect(set.nextDue()).toBe(Number.POSITIVE_INFINITY)
  set.add(30, 'a')
  set.add(10, 'b')
  set.add(20, 'a')
  set.add(40, 'b')
  expect([...set]).toEqual(['a', 'b'])
  expect(set.nextDue()).toBe(10)
  expect([...set.due(9)]).toEqual([])
  expect([...set.due(20)]).toEqual(['b', 'a'])
  expect(set.size).toBe(2)
  set.delete('a')
  set.delete('b')
  expect([...set.due(100)]).toEqual([])
  expect(set.nextDue()).toBe(Number.POSITIVE_INFINITY)
})

it('forgets what was deleted or cleared, and takes it again', () => {
  const set = new TimerSet<string>()
  set.add(10, 'a')
  set.delete('a')
  set.add(50, 'b')
  expect([...set.due(20)]).toEqual([])
  set.clear()
  expect(set.has('b')).toBe(false)
  set.add(60, 'b')
  expect([...set.due(55)]).toEqual([])
  expect([...set.due(60)]).toEqual(['b'])
})
