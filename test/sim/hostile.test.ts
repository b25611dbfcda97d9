import { expect, test } from 'vitest'
import { hostileRun } from './hostile.ts'

test('a hostile agent: connections end with a reason, and nothing that a person wrote is lost', () => {
  const sum = { frames: 0, messages: 0, ended: 0 }
  for (let seed = 1; seed <= 15; seed++) {
    const run = hostileRun(seed)
    expect({ seed, faults: run.faults }).toEqual({ seed, faults: [] })
    sum.frames += run.frames
    sum.messages += run.messages
    sum.ended += run.ended
  }
  // It was heard, and it was refused.
  expect(sum.frames).toBe(3_000)
  expect(sum.messages).toBeGreaterThan(1_000)
  expect(sum.ended).toBeGreaterThan(100)
})
