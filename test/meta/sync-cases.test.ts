import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { linksOf } from './markdown.ts'
import { repository, sourceFiles } from './source-tree.ts'

const page = 'test/sync-cases.md'
/** 76 to 80 are there twice. */
const twice = [76, 77, 78, 79, 80]
const expected = Array.from({ length: 100 }, (_, i) => i + 1).flatMap(n =>
  twice.includes(n) ? [`${n}a`, `${n}b`] : [`${n}`],
)

interface Row {
  number: string
  promise: string
  /** Test files, as paths in the repository. */
  files: string[]
  otherwise: string
}

/** The rows of the table, in their order. */
function rowsOf(text: string): Row[] {
  const rows = text.split('\n').filter(line => /^\| \d/.test(line))
  return rows.map(line => {
    const [number = '', promise = '', tested = '', otherwise = ''] = line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim())
    const files = linksOf(tested).map(({ file }) => posix.join('test', file))
    return { number, promise, files, otherwise }
  })
}

/** The numbers that the names of tests in this text begin with. */
function numbersIn(text: string): string[] {
  const titles = text.matchAll(/\(\s*['"`]cases? (\d+[ab]?(?:, \d+[ab]?)*): /g)
  return [...new Set([...titles].flatMap(([, numbers]) => numbers!.split(', ')))]
}

const rows = rowsOf(readFileSync(join(repository, page), 'utf8'))
const tests = sourceFiles('test').filter(({ path }) => !path.startsWith('test/meta/'))
const tested = tests.flatMap(({ path, text }) => numbersIn(text).map(number => `${number} ${path}`))

describe('the cases of sync', () => {
  it('are known by the names of tests, however these are written', () => {
    expect(numbersIn("test('case 3: a', …)\nit.each([1])(\n  `cases 76a, 5: b`,")).toEqual(['3', '76a', '5'])
    expect(numbersIn("// case 3: a\nconst b = 'case 4: c'; test('in case 5: d'); test('case 6 e')")).toEqual([])
    expect(rowsOf('| 7 | p | [a](sim/a.ts), [b](b.ts) | o |')).toEqual([
      { number: '7', promise: 'p', files: ['test/sim/a.ts', 'test/b.ts'], otherwise: 'o' },
    ])
  })

  it('each have one row, in order, with what is promised', () => {
    expect(rows.map(({ number }) => number).sort(byNumber)).toEqual(expected)
    expect(rows.filter(({ promise }) => promise.length < 10)).toEqual([])
  })

  it('have a test, or say why not', () => {
    expect(rows.filter(({ files, otherwise }) => files.length === 0 && otherwise.length < 40)).toEqual([])
  })

  it('are tested where the page says, and it says all of it', () => {
    const said = rows.flatMap(({ number, files }) => files.map(file => `${number} ${file}`))
    expect(said.sort()).toEqual(tested.sort())
  })
})

function byNumber(a: string, b: string): number {
  return expected.indexOf(a) - expected.indexOf(b)
}
