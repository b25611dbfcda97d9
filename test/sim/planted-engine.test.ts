import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { engine as product } from './engine-subject.ts'
import { bugs } from './planted/bugs.ts'
import { buildWith } from './planted/build.ts'
import { isGood, simulate as simulateProduct } from './simulation.ts'
import { bare } from './weather.ts'

const seedsMax = 6_000
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'podswap-planted-'))
})

afterAll(() => rm(folder, { recursive: true }))

/** `npm run sim:planted` tells how often. */
describe('the simulation finds this bug in the engine', () => {
  for (const [number, { name, edits, focus, accepted }] of bugs.entries()) {
    test(name, async () => {
      const { engine, simulate } = await buildWith(edits, folder, `${number}.mjs`)
      let seed = 1
      while (seed <= seedsMax && isGood(simulate(engine, seed, { focus: { ...bare, ...focus } }))) seed += 1
      expect(seed).toBeLessThanOrEqual(seedsMax)
      // It is the bug that was found, and not the weather.
      expect(isGood(simulateProduct(product, seed, { focus: { ...bare, ...focus } }))).toBe(accepted !== true)
    })
  }
})

test('a bug whose place in the engine is gone is not planted in silence', async () => {
  const gone = { file: 'syncer/endpoint/look.ts', text: 'what was never there', bug: '' }
  await expect(buildWith([gone], folder, 'gone.mjs')).rejects.toThrow('0 times')
  const elsewhere = { file: 'src/main.ts', text: 'main', bug: '' }
  await expect(buildWith([elsewhere], folder, 'elsewhere.mjs')).rejects.toThrow('not part of the engine')
})
