import { getEventListeners } from 'node:events'
import { expect, it } from 'vitest'
import type { Timers } from '../../../syncer/base/clock.ts'
import { pause } from '../../../syncer/base/pause.ts'

class HandTimers implements Timers {
  readonly waiting = new Set<() => void>()

  after(_ms: number, action: () => void): () => void {
    this.waiting.add(action)
    return () => this.waiting.delete(action)
  }
}

it('ends with its time, and leaves nothing at the signal', async () => {
  const timers = new HandTimers()
  const { signal } = new AbortController()
  const paused = pause(timers, 1_000, signal)
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  for (const action of timers.waiting) action()
  await paused
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
})

it('ends with the signal, and leaves no timer', async () => {
  const timers = new HandTimers()
  const over = new AbortController()
  const paused = pause(timers, 1_000, over.signal)
  expect(timers.waiting.size).toBe(1)
  over.abort()
  await paused
  expect(timers.waiting.size).toBe(0)
})

it('is over at once where the signal was aborted before', async () => {
  const timers = new HandTimers()
  await pause(timers, 1_000, AbortSignal.abort())
  expect(timers.waiting.size).toBe(0)
})
