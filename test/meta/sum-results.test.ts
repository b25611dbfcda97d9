import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { repository } from './source-tree.ts'

const folder = mkdtempSync(join(tmpdir(), 'podswap-sums-'))
afterAll(() => rmSync(folder, { recursive: true }))

interface Outcome {
  status: 'passed' | 'failed' | 'skipped' | 'pending' | 'todo'
  fullName: string
  failureMessages: string[]
}

const passed: Outcome = { status: 'passed', fullName: 'a it works', failureMessages: [] }
const failed = (fullName: string, ...failureMessages: string[]): Outcome => ({
  status: 'failed',
  fullName,
  failureMessages,
})

/** What the script prints for files of results: file of tests → its outcomes, or why it could not be loaded. */
function sum(...results: Record<string, Outcome[] | string>[]) {
  const files = results.map((result, index) => {
    const testResults = Object.entries(result).map(([name, outcome]) => {
      const assertionResults = typeof outcome === 'string' ? [] : outcome
      const isBad = typeof outcome === 'string' || outcome.some(({ status }) => status === 'failed')
      const message = typeof outcome === 'string' ? outcome : ''
      return { name: join(repository, name), status: isBad ? 'failed' : 'passed', assertionResults, message }
    })
    const file = join(folder, `${index}.json`)
    writeFileSync(file, JSON.stringify({ testResults }))
    return file
  })
  return run(files)
}

function run(files: string[]) {
  const script = join(repository, 'scripts/sum-results.mjs')
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, ...files], {
    cwd: repository,
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  return { lines: stdout.trimEnd().split('\n'), status }
}

it('adds up several files, and is content where nothing failed', () => {
  const skipped: Outcome[] = [
    { ...passed, status: 'skipped' },
    { ...passed, status: 'pending' },
    { ...passed, status: 'todo' },
  ]
  expect(sum({ 'test/a.test.ts': [passed, passed] }, { 'test/b.test.ts': [passed] })).toEqual({
    lines: ['3 passed, 0 failed'],
    status: 0,
  })
  expect(sum({ 'test/a.test.ts': [passed, ...skipped] })).toEqual({
    lines: ['1 passed, 0 failed, 3 skipped'],
    status: 0,
  })
})

it('names what failed, with file, name and message, right before the count', () => {
  const message = '\x1b[31mAssertionError\x1b[39m: expected \x1b[1m1\x1b[22m\n\n    at here.ts:1:2'
  expect(sum({ 'test/a.test.ts': [passed, failed('a it breaks', message, 'and again')] })).toEqual({
    lines: [
      'FAILED test/a.test.ts: a it breaks',
      '    AssertionError: expected 1',
      '        at here.ts:1:2',
      '    and again',
      '1 passed, 1 failed',
    ],
    status: 1,
  })
})

it('leaves out what the test runner adds', () => {
  const message = 'Error: STACK_TRACE_ERROR\n    at task (file:///a/node_modules/b.js:1:2)\n    at /a/test.ts:3:4'
  expect(sum({ 'test/a.test.ts': [failed('a', message)] }).lines).toEqual([
    'FAILED test/a.test.ts: a',
    '    Error: timed out',
    '        at /a/test.ts:3:4',
    '0 passed, 1 failed',
  ])
})

it('counts a file that could not be loaded, and results that are not there, as a failure each', () => {
  expect(sum({ 'test/a.test.ts': 'SyntaxError: no', 'test/b.test.ts': [passed] })).toEqual({
    lines: ['FAILED test/a.test.ts: the file as a whole', '    SyntaxError: no', '1 passed, 1 failed'],
    status: 1,
  })
  const missing = join(folder, 'missing.json')
  expect(run([missing])).toEqual({ lines: [`FAILED no results: ${missing}`, '0 passed, 1 failed'], status: 1 })
})

it('is no success where nothing was tested', () => {
  expect(sum({})).toEqual({ lines: ['0 passed, 0 failed'], status: 1 })
})

it('keeps within what is read of the end of an output', () => {
  const long = Array.from({ length: 40 }, (_, line) => `line ${line} ${'x'.repeat(300)}`).join('\n')
  const many = (count: number) => Array.from({ length: count }, (_, index) => failed(`test ${index}`, long))
  for (const count of [1, 5, 30, 200]) {
    const { lines } = sum({ 'test/a.test.ts': many(count) })
    expect(lines.length).toBeLessThanOrEqual(62)
    expect(lines.every(line => line.length < 250)).toBe(true)
    expect(lines.at(-1)).toBe(`0 passed, ${count} failed`)
    expect(lines.filter(line => line.startsWith('FAILED '))).toHaveLength(Math.min(count, 60))
  }
  expect(sum({ 'test/a.test.ts': many(1) }).lines).toHaveLength(17)
  expect(sum({ 'test/a.test.ts': many(200) }).lines.at(-2)).toBe('… and 140 more')
})
