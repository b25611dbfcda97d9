import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { closingBrace, expandVariables } from '../../../src/manifest/variables.ts'

const set: Record<string, string> = { V: 'value', EMPTY: '', _a1: 'odd' }
const lookup = (name: string) => (Object.hasOwn(set, name) ? set[name] : undefined)

describe('expandVariables', () => {
  it.each([
    ['plain', 'plain'],
    ['$V', 'value'],
    ['${V}', 'value'],
    ['a-$V-b', 'a-value-b'],
    ['$V$V', 'valuevalue'],
    ['$Vx', ''],
    ['${V}x', 'valuex'],
    ['$_a1.', 'odd.'],
    ['${EMPTY-d}', ''],
    ['${EMPTY:-d}', 'd'],
    ['${NO-d}', 'd'],
    ['${NO:-d}', 'd'],
    ['${NO-}', ''],
    ['${V-d}', 'value'],
    ['${V:-d}', 'value'],
    ['${NO=d}', 'd'],
    ['${NO:=d}', 'd'],
    ['${EMPTY=d}', ''],
    ['${EMPTY:=d}', 'd'],
    ['${V+a}', 'a'],
    ['${EMPTY+a}', 'a'],
    ['${EMPTY:+a}', ''],
    ['${NO+a}', ''],
    ['${NO:+a}', ''],
    ['${V:d}', 'value'],
    ['${NO:d}', 'd'],
    ['${NO:-a:b}', 'a:b'],
    ['${V?must}', 'value'],
    ['${NO:-${V}}', 'value'],
    ['${NO:-x${NO:-y}z}', 'xyz'],
    ['${NO:-$$V}', '$V'],
    ['$$V', '$V'],
    ['$$$V', '$value'],
    ['$', '$'],
    ['$1', '$1'],
    ['a$', 'a$'],
    ['$-', '$-'],
    ['{V}', '{V}'],
  ])('%s gives %j', (text, expected) => {
    expect(expandVariables(text, lookup)).toMatchObject({ value: expected })
    expect(expandVariables(text, lookup).problem).toBeUndefined()
  })

  it('tells which variables are not set, and where', () => {
    expect(expandVariables('a $NO b ${NO2} ${NO3-} ${NO4+x} ${NO5:-$NO6}', lookup).unset).toEqual([
      { name: 'NO', index: 2 },
      { name: 'NO2', index: 8 },
      { name: 'NO6', index: 39 },
    ])
  })

  it.each([
    ['a ${V', 2, 'this ${ is not closed'],
    ['${}', 0, '${ is not followed by the name of a variable'],
    ['${1}', 0, '${ is not followed by the name of a variable'],
    ['x${V/a/b}', 1, 'this ${ holds something that is not understood'],
    ['${NO:?}', 0, 'the variable NO must be set'],
    ['${NO?}', 0, 'the variable NO must be set'],
    ['${EMPTY:?}', 0, 'the variable EMPTY must be set'],
    ['${NO:-${V}', 0, 'this ${ is not closed'],
    ['${A:-'.repeat(30) + '}'.repeat(30), 100, 'references are nested deeper than 20'],
  ])('%s is refused at %i', (text, index, message) => {
    expect(expandVariables(text, lookup).problem).toEqual({ index, message })
  })

  it('stops at 128 KiB', () => {
    const big = 'x'.repeat(100_000)
    expect(expandVariables('$B', () => big).value).toBe(big)
    expect(expandVariables('$B$B', () => big).problem?.message).toContain('longer than 128 KiB')
  })

  it('leaves text without a dollar alone, and takes $$ for any dollar', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), text => {
        expect(expandVariables(text.replaceAll('$', '$$$$'), lookup).value).toBe(text)
      }),
    )
  })

  it('never throws, and gives a value or a problem', () => {
    const pieces = fc.constantFrom('$', '{', '}', ':', '-', '=', '+', '?', 'V', 'NO', '${', '${V', 'é', ' ')
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 40 }), parts => {
        const { problem, unset } = expandVariables(parts.join(''), lookup)
        const length = parts.join('').length
        for (const { index } of problem ? [problem, ...unset] : unset) expect(index).toBeLessThan(length)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('closingBrace', () => {
  it.each([
    ['${a}', 3],
    ['${a:-${b}}x}', 9],
    ['${a', undefined],
    ['${a:-${b}', undefined],
  ])('%s', (text, expected) => {
    expect(closingBrace(text, 2)).toBe(expected)
  })
})
