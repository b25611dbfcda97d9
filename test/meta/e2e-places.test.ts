import { readdirSync } from 'node:fs'
import { expect, it } from 'vitest'
import { realClusterOnly } from '../e2e/support/real-cluster-only.ts'

it('what is listed as an end-to-end test for a real cluster alone is there, and says why', () => {
  const files = readdirSync(new URL('../e2e', import.meta.url)).filter(name => name.endsWith('.test.ts'))
  expect(Object.keys(realClusterOnly).filter(file => !files.includes(file))).toEqual([])
  expect(Object.values(realClusterOnly).filter(reason => reason.trim() === '')).toEqual([])
  expect(files.filter(file => !(file in realClusterOnly)).length).toBeGreaterThan(0)
})
