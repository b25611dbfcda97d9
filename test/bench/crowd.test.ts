import { expect, test } from 'vitest'
import { measureCrowd } from '../../bench/crowd/crowd.ts'

const sessions = 12
/** The clone, its pods, the original. */
const watchesEach = 3

test('a crowd of sessions on one API server has one set of watches each, and a connection for each of them', async () => {
  const report = await measureCrowd({ sessions, idleSeconds: 1, atOnce: 4, say: () => {} })
  const { starting, idle, emptyMiB } = report
  const opened = [starting, idle].reduce((sum, { watchesOpenedPerSecond: rate, seconds }) => sum + rate * seconds, 0)
  expect(Math.round(opened)).toBeGreaterThanOrEqual(sessions * watchesEach)
  expect(idle.connections).toBeGreaterThanOrEqual(sessions * watchesEach)
  // and one for calls, which may have gone idle
  expect(idle.connections).toBeLessThanOrEqual(sessions * (watchesEach + 2))
  expect(starting.outBytesPerSecond).toBeGreaterThan(0)
  expect(emptyMiB).toBeGreaterThan(0)
})
