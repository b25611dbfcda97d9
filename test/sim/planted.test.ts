import { describe, expect, test } from 'vitest'
import { model } from './model.ts'
import { type Rule, rules } from './model-rules.ts'
import { comforts, whereItShows } from './planted.ts'
import { isGood, simulate } from './simulation.ts'
import { bare } from './weather.ts'

const seedsMax = 1_500

/** The simulation can fail: each rule that is left out is found missing. */
describe('without a rule of the protocol', () => {
  for (const rule of Object.keys(rules) as Rule[]) {
    if (comforts.includes(rule)) continue
    test(`${rule}: ${rules[rule]}`, { timeout: 120_000 }, () => {
      expect(firstBadSeed(rule)).toBeLessThanOrEqual(seedsMax)
    })
  }
})

function firstBadSeed(rule: Rule): number {
  const subject = model(rule)
  for (let seed = 1; seed <= seedsMax; seed++) {
    if (!isGood(simulate(subject, seed, { focus: { ...bare, ...whereItShows[rule] } }))) return seed
  }
  return Number.POSITIVE_INFINITY
}
