import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Home, openHome } from '../../../src/home/home.ts'
import { parsed, SyncHistory } from '../../../src/home/sync-history.ts'
import { Tail } from '../../../src/home/tail.ts'

let home: Home
beforeEach(() => {
  home = openHome(mkdtempSync(join(tmpdir(), 'podswap-history-')))
})
afterEach(() => rmSync(home.path, { recursive: true }))

/** As `podswap logs --sync` does. */
function read(history: SyncHistory): unknown[] {
  using tail = new Tail(history.path)
  return [...history.readOlder(tail.inode), ...tail.read()].flatMap(parsed)
}

test('what was written is read by a later process, without the line that a crash cut short', () => {
  expect(read(new SyncHistory(home, 'a'))).toEqual([])
  new SyncHistory(home, 'a').append({ number: 1 })
  new SyncHistory(home, 'a').append({ text: 'two\nlines' })
  new SyncHistory(home, 'b').append({ other: true })
  appendFileSync(new SyncHistory(home, 'a').path, '{"cut":')
  expect(read(new SyncHistory(home, 'a'))).toEqual([{ number: 1 }, { text: 'two\nlines' }])
  expect(statSync(new SyncHistory(home, 'a').path).mode & 0o077).toBe(0)
})

test('it stays below its bounds, and the newest is there', () => {
  const history = new SyncHistory(home, 'a')
  const text = 'x'.repeat(100_000)
  for (let number = 0; number < 60; number++) history.append({ number, text })
  const files = readdirSync(home.logs)
  expect(files).toHaveLength(2)
  for (const file of files) expect(statSync(join(home.logs, file)).size).toBeLessThanOrEqual(2 * 1024 * 1024)
  const numbers = read(history).map(document => (document as { number: number }).number)
  expect(numbers.at(-1)).toBe(59)
  expect(numbers).toEqual(numbers.map((_, index) => 59 - numbers.length + 1 + index))
  expect(numbers.length).toBeGreaterThan(20)
})

test('where it cannot be written nothing else suffers', () => {
  const history = new SyncHistory({ ...home, logs: join(home.path, 'missing') }, 'a')
  history.append({ number: 1 })
  expect(read(history)).toEqual([])
})

test('what is written while somebody begins to read is read once, a new file in between or not', () => {
  const history = new SyncHistory(home, 'a')
  const text = 'x'.repeat(100_000)
  let number = 0
  const write = (count: number) => {
    for (const end = number + count; number < end; number++) history.append({ number, text })
  }
  for (const between of [1, 15, 15]) {
    using tail = new Tail(history.path)
    const { inode } = tail
    write(between)
    const lines = [...history.readOlder(inode), ...tail.read()]
    write(between)
    lines.push(...tail.read())
    const numbers = lines.flatMap(parsed).map(document => (document as { number: number }).number)
    expect(numbers.at(-1)).toBe(number - 1)
    expect(numbers).toEqual(numbers.map((_, index) => number - numbers.length + index))
  }
})
