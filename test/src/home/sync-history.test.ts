import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Home, openHome } from '../../../src/home/home.ts'
import { SyncHistory } from '../../../src/home/sync-history.ts'

let home: Home
beforeEach(() => {
  home = openHome(mkdtempSync(join(tmpdir(), 'podswap-history-')))
})
afterEach(() => rmSync(home.path, { recursive: true }))

test('what was written is read by a later process, without the line that a crash cut short', () => {
  expect(new SyncHistory(home, 'a').read()).toEqual([])
  new SyncHistory(home, 'a').append({ number: 1 })
  new SyncHistory(home, 'a').append({ text: 'two\nlines' })
  new SyncHistory(home, 'b').append({ other: true })
  appendFileSync(new SyncHistory(home, 'a').path, '{"cut":')
  expect(new SyncHistory(home, 'a').read()).toEqual([{ number: 1 }, { text: 'two\nlines' }])
  expect(statSync(new SyncHistory(home, 'a').path).mode & 0o077).toBe(0)
})

test('it stays below its bounds, and the newest is there', () => {
  const history = new SyncHistory(home, 'a')
  const text = 'x'.repeat(100_000)
  for (let number = 0; number < 60; number++) history.append({ number, text })
  const files = readdirSync(home.logs)
  expect(files).toHaveLength(2)
  for (const file of files) expect(statSync(join(home.logs, file)).size).toBeLessThanOrEqual(2 * 1024 * 1024)
  const numbers = history.read().map(document => (document as { number: number }).number)
  expect(numbers.at(-1)).toBe(59)
  expect(numbers).toEqual(numbers.map((_, index) => 59 - numbers.length + 1 + index))
  expect(numbers.length).toBeGreaterThan(20)
})

test('where it cannot be written nothing else suffers', () => {
  const history = new SyncHistory({ ...home, logs: join(home.path, 'missing') }, 'a')
  history.append({ number: 1 })
  expect(history.read()).toEqual([])
})
