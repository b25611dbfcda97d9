import { expect, test } from 'vitest'
import { model } from './model.ts'
import { isGood, simulate, type Verdict } from './simulation.ts'

const runs = 20_000

test('the model loses nothing and both ends agree, whatever happens', { timeout: 300_000 }, () => {
  const bad: Verdict[] = []
  const startedMs = performance.now()
  for (let seed = 1; seed <= runs && bad.length < 3; seed++) {
    const verdict = simulate(model(), seed)
    if (!isGood(verdict)) bad.push(verdict)
  }
  const seconds = (performance.now() - startedMs) / 1000
  console.log(`${runs} runs of the model in ${seconds.toFixed(1)} s: ${Math.round(runs / seconds)} runs/s`)
  expect(bad).toEqual([])
})

test('content that is moved back to where it stood is an undo', () => {
  expect(simulate(model(), 38_870)).toMatchObject({ lost: [], differing: [], misbehaved: undefined })
})

test('a staged subtree of which a part has gone by itself since is not used', () => {
  expect(simulate(model(), 77_967)).toMatchObject({ lost: [], differing: [], misbehaved: undefined })
})

test('a seed is a run, again and again', () => {
  for (const seed of [7, 8, 9]) {
    const traces = [0, 1].map(() => {
      const lines: string[] = []
      simulate(model(), seed, { trace: line => lines.push(line) })
      return lines
    })
    expect(traces[0]!.length).toBeGreaterThan(100)
    expect(traces[1]).toEqual(traces[0])
  }
})
