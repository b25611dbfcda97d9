import fs from 'node:fs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RealPair, until } from './real-pair.ts'

let pair: RealPair
beforeEach(() => {
  pair = new RealPair()
})
afterEach(() => {
  pair.dispose()
})

const told = (type: 'problem' | 'problem-solved') => pair.events.filter(event => event.type === type).length

const isTold = () => pair.session.status().problems.length > 0

test('what is in a folder whose place in the pod is taken keeps nobody waiting, and goes when there is room', async () => {
  pair.write('laptop', 'f', 'text')
  pair.open()
  pair.attach()
  await pair.inStep()
  pair.makeSocket('pod', 'socket')
  await until(isTold)
  pair.write('laptop', 'socket/in/file', 'text')
  await pair.session.flush(AbortSignal.timeout(60_000))
  await until(() => pair.session.status().state === 'ready')
  expect(pair.session.status().problems).toMatchObject([{ side: 'pod', path: 'socket' }])
  fs.rmSync(pair.at('pod', 'socket'))
  await until(() => pair.read('pod', 'socket/in/file') === 'text')
})

test('a problem of the pod that went while nobody was connected is over', async () => {
  pair.write('laptop', 'f', 'text')
  pair.open()
  pair.attach()
  await pair.inStep()
  pair.makeSocket('pod', 'socket')
  await until(isTold)
  pair.session.detach()
  fs.rmSync(pair.at('pod', 'socket'))
  pair.restartHost()
  expect(pair.session.status().problems).toMatchObject([{ side: 'pod', path: 'socket' }])
  pair.attach()
  await until(() => pair.session.status().problems.length === 0)
  expect([told('problem'), told('problem-solved')]).toEqual([1, 1])
})

test.each([false, true])('one that is still there is told once (a new agent: %s)', async isNew => {
  pair.write('laptop', 'f', 'text')
  pair.open()
  pair.attach()
  await pair.inStep()
  pair.makeSocket('pod', 'socket')
  await until(isTold)
  pair.session.detach()
  if (isNew) pair.restartHost()
  pair.attach()
  await pair.inStep()
  expect(pair.session.status().problems).toMatchObject([{ side: 'pod', path: 'socket' }])
  expect([told('problem'), told('problem-solved')]).toEqual([1, 0])
})

test('a folder that is halted at a connection is not said to be in step', async () => {
  const names = Array.from({ length: 80 }, (_, i) => `f${i}`)
  for (const name of names) pair.write('laptop', name, name)
  pair.open()
  pair.attach()
  await pair.inStep()
  for (const name of names) fs.rmSync(pair.at('pod', name))
  await until(() => pair.session.status().state === 'halted')
  pair.session.close()
  pair.events.length = 0
  pair.open()
  pair.attach()
  await until(() => pair.session.status().state === 'halted')
  expect(pair.events.filter(event => event.type === 'first-sync-done')).toEqual([])
})
