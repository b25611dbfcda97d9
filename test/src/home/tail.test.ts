import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { forgetLog, holderLog } from '../../../src/home/holder-log.ts'
import { openHome } from '../../../src/home/home.ts'
import { Tail } from '../../../src/home/tail.ts'

let folder: string
let path: string
let tail: Tail
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podswap-tail-'))
  path = join(folder, 'log')
  tail = new Tail(path)
})
afterEach(() => {
  tail[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

test('whole lines, as they come, from a file that comes later', () => {
  expect(tail.read()).toEqual([])
  writeFileSync(path, 'one\ntw')
  expect(tail.read()).toEqual(['one'])
  appendFileSync(path, Buffer.from('o ä').subarray(0, -1))
  expect(tail.read()).toEqual([])
  appendFileSync(path, Buffer.from([0xa4, 0x0a]))
  expect(tail.read()).toEqual(['two ä'])
})

test('the end of a file that another has taken the place of, then that one', () => {
  writeFileSync(path, 'one\n')
  expect(tail.read()).toEqual(['one'])
  appendFileSync(path, 'the last of it\n')
  renameSync(path, join(folder, 'older'))
  writeFileSync(path, 'anew, and longer than what was read before\n')
  expect(tail.read()).toEqual(['the last of it', 'anew, and longer than what was read before'])
  appendFileSync(path, 'more\n')
  expect(tail.read()).toEqual(['more'])
})

test('one that begins anew in its place', () => {
  writeFileSync(path, 'one\ntwo\n')
  expect(tail.read()).toEqual(['one', 'two'])
  truncateSync(path, 0)
  appendFileSync(path, 'x\n')
  expect(tail.read()).toEqual(['x'])
})

test('the log of the next background process is another file; two clusters have one each', () => {
  const home = openHome(join(folder, 'home'))
  const here = holderLog(home, { id: '0123456789abcdef', namespace: 'team', dev: 'web' })
  const there = holderLog(home, { id: 'fedcba9876543210', namespace: 'team', dev: 'web' })
  expect(here).not.toBe(there)
  writeFileSync(here, 'of the first\n')
  using reading = new Tail(here)
  expect(reading.read()).toEqual(['of the first'])
  appendFileSync(here, 'its last words\n')
  forgetLog(here)
  writeFileSync(here, 'of the second, which says a little more\n')
  expect(reading.read()).toEqual(['its last words', 'of the second, which says a little more'])
  forgetLog(there)
})
