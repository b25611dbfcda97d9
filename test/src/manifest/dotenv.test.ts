import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseDotenv } from '../../../src/manifest/dotenv.ts'

const lookup = (name: string) => ({ HOME: '/home/ann' })[name]

function parsed(text: string) {
  return Object.fromEntries(parseDotenv(text, '/f.env', lookup).entries.map(({ name, value }) => [name, value]))
}

describe('parseDotenv', () => {
  it.each<[string, Record<string, string | undefined>]>([
    ['A=b', { A: 'b' }],
    ['A=b\nC=d\n', { A: 'b', C: 'd' }],
    ['A=b\r\nC=d\r\n', { A: 'b', C: 'd' }],
    ['export A=b', { A: 'b' }],
    ['  A = b c  ', { A: 'b c' }],
    ['A: b', { A: 'b' }],
    ['A=', { A: '' }],
    ['A=""', { A: '' }],
    ['A', { A: undefined }],
    ['A=b=c', { A: 'b=c' }],
    ['# x\n\n  # y\nA=b # comment\n', { A: 'b' }],
    ['A=b#c', { A: 'b#c' }],
    ['A=#c', { A: '' }],
    ['A="b # c" # d', { A: 'b # c' }],
    ["A='b $HOME \\n'", { A: 'b $HOME \\n' }],
    ['A="b\\n\\t\\"c\\" \\\\ \\$HOME \\z"', { A: 'b\n\t"c" \\ $HOME \\z' }],
    ['A=$HOME/x', { A: '/home/ann/x' }],
    ['A="${HOME}/x"', { A: '/home/ann/x' }],
    ['A=1\nB=${A}2', { A: '1', B: '12' }],
    ['A="b\r\nc"\nD=e', { A: 'b\nc', D: 'e' }],
    ["A='b\nc'\nD=e", { A: 'b\nc', D: 'e' }],
    ['A=1\nA=2', { A: '2' }],
    ['A=pa${', { A: 'pa${' }],
    ['a.b-c=d', { 'a.b-c': 'd' }],
  ])('%j', (text, expected) => {
    expect(parsed(text)).toEqual(expected)
    expect(parseDotenv(text, '/f.env', lookup).complaints).toEqual([])
  })

  it('says which lines it cannot read, shows nothing of them, and goes on', () => {
    const { entries, complaints } = parseDotenv('A=b\n  !hunter2\nB="open\nC=d\n', '/f.env', lookup)
    expect(complaints).toEqual([
      { at: { file: '/f.env', line: 2, column: 3 }, message: 'expected NAME=value' },
      { at: { file: '/f.env', line: 3, column: 3 }, message: 'the " opened here is not closed' },
    ])
    expect(entries).toEqual([
      { name: 'A', value: 'b' },
      { name: 'C', value: 'd' },
    ])
  })

  it('gives back every value that stands in single quotes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), value => {
        fc.pre(!/['\r]/.test(value))
        expect(parsed(`A='${value}'\nB=c`)).toEqual({ A: value, B: 'c' })
      }),
    )
  })

  it('reads anything without throwing', () => {
    const pieces = fc.constantFrom('A', '=', '"', "'", '\n', '\r', '#', ' ', '\\', '$', '{', '}', 'export ', ':')
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 60 }), parts => {
        parseDotenv(parts.join(''), '/f.env', lookup)
      }),
      { numRuns: 2_000 },
    )
  })
})
