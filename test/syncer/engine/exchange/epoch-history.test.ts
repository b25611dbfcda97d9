import { expect, it } from 'vitest'
import { absent, type Token } from '../../../../syncer/core/content.ts'
import { EpochHistory } from '../../../../syncer/engine/exchange/epoch-history.ts'

const token = (number: number) => `f${number}` as Token

it('knows what was agreed on at a path, and that something was', () => {
  const history = new EpochHistory()
  history.add('a', absent)
  history.add('a', token(1))
  expect([history.moved('a'), history.has('a', absent), history.has('a', token(1))]).toEqual([true, true, true])
  expect([history.has('a', token(2)), history.moved('b')]).toEqual([false, false])
  expect([...history.records()]).toEqual([
    { type: 'was', path: 'a', token: absent },
    { type: 'was', path: 'a', token: token(1) },
  ])
  history.clear()
  expect(history.moved('a')).toBe(false)
})

it('forgets the oldest versions of a path, never that it moved', () => {
  const history = new EpochHistory({ paths: 10, versions: 3, moreVersions: 100 })
  for (let number = 0; number < 1_000; number++) history.add('a', token(number))
  expect([...history.records()]).toHaveLength(3)
  expect([996, 997, 998, 999].map(number => history.has('a', token(number)))).toEqual([false, true, true, true])
  expect(history.moved('a')).toBe(true)
})

it('holds no more versions in all than it may: the newest of each path', () => {
  const history = new EpochHistory({ paths: 10, versions: 100, moreVersions: 10 })
  for (let number = 0; number < 50; number++) for (const path of ['a', 'b']) history.add(path, token(number))
  expect([...history.records()].length).toBe(12)
  expect([history.has('a', token(49)), history.has('b', token(49)), history.has('a', token(0))]).toEqual([
    true,
    true,
    false,
  ])
})

it('takes every path for one that moved where there are too many to remember: what the pod holds is no edit for that', () => {
  const history = new EpochHistory({ paths: 2, versions: 10, moreVersions: 100 })
  history.add('a', token(1))
  expect(history.moved('c')).toBe(false)
  history.add('b', token(1))
  history.add('c', token(1))
  expect([history.moved('c'), history.has('c', token(1))]).toEqual([true, false])
  history.add('a', token(2))
  expect(history.has('a', token(2))).toBe(true)
  const again = new EpochHistory({ paths: 2, versions: 10, moreVersions: 100 })
  for (const record of history.records()) if (record.type === 'was') again.add(record.path, record.token)
  expect(again.moved('c')).toBe(true)
  again.clear()
  expect(again.moved('c')).toBe(false)
})
