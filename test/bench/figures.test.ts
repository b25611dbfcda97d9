import { describe, expect, it } from 'vitest'
import {
  comparison,
  comparisonOfMeans,
  holds,
  latency,
  percentile,
  reading,
  referenceOf,
  wantedText,
} from '../../bench/figures.ts'
import { table } from '../../bench/table.ts'

const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)

describe('figures', () => {
  it('takes a percentile by nearest rank: a value that was measured', () => {
    expect([50, 95, 99, 100].map(percent => percentile(hundred, percent))).toEqual([50, 95, 99, 100])
    expect(percentile([7], 1)).toBe(7)
    expect(percentile([], 50)).toBeNaN()
  })

  it('takes the median of the ratios of the rounds, not the ratio of the medians', () => {
    const rounds = [
      { ours: 1, theirs: 2 },
      { ours: 8, theirs: 8 },
      { ours: 3, theirs: 1 },
    ]
    expect(comparison('', 's', 'tar', rounds)).toMatchObject({ ours: 3, theirs: 2, ratio: 1 })
  })

  it('takes the ratio of the means where the rounds differ by design', () => {
    const rounds = [
      { ours: 1, theirs: 2 },
      { ours: 8, theirs: 4 },
    ]
    expect(comparisonOfMeans('', 's', 'scale', rounds)).toMatchObject({ ours: 4.5, theirs: 3, ratio: 1.5 })
  })

  it('tells whether a limit holds, at the limit too', () => {
    const ratio = (limit: number, isStrict = false) =>
      holds(comparison('', 's', 'tar', [{ ours: 3, theirs: 4 }], { of: 'ratio', limit, isStrict }))
    expect([ratio(0.74), ratio(0.75), ratio(0.75, true), ratio(0.76, true)]).toEqual([false, true, false, true])
  })

  it('holds only where every limit does', () => {
    const of = (p50: number, p99: number) =>
      holds(latency('', hundred, undefined, { of: 'p50', limit: p50 }, { of: 'p99', limit: p99 }))
    expect([of(50, 99), of(49, 99), of(50, 98)]).toEqual([true, false, false])
  })

  it('takes what could not be measured for a miss, and wants nothing where no limit is', () => {
    expect(holds(reading('', 'MB', [], { of: 'ours', limit: 1 }))).toBe(false)
    expect(holds(reading('', 'MB', [2]))).toBeUndefined()
  })

  it('refuses a limit for a value that the figure does not have', () => {
    expect(() => holds(reading('memory', 'MB', [2], { of: 'p99', limit: 1 }))).toThrow('memory has no p99')
  })

  it('says what is wanted, in the units of the figure', () => {
    const bounds = [
      { of: 'ours', limit: 2, isStrict: true },
      { of: 'ratio', limit: 1.5 },
    ] as const
    expect(wantedText(comparison('', 'MB', 'cat', [{ ours: 1, theirs: 1 }], ...bounds))).toBe('< 2 MB, ≤ 1.5 ×')
    expect(wantedText(latency('', hundred, undefined, { of: 'p50', limit: 8 }))).toBe('p50 ≤ 8 ms')
  })

  it('prints a line for each figure, with its reference and whether it holds', () => {
    const text = table([
      comparison('first sync', 's', 'tar', [{ ours: 3, theirs: 4 }], { of: 'ratio', limit: 0.7 }),
      latency('save', hundred, referenceOf('echo', [1, 2, 3]), { of: 'p50', limit: 50 }),
      reading('memory', 'MB', [123.4]),
    ])
    expect(text.split('\n').map(line => line.split(/ {2,}/))).toEqual([
      ['', 'podswap', 'reference', 'ratio', 'wanted', 'holds'],
      ['first sync', '3.00 s', 'tar 4.00 s', '0.75 ×', '≤ 0.7 ×', 'NO'],
      ['save', 'p50 50.0 p95 95.0 p99 99.0 ms', 'echo p50 2.00 p99 3.00 ms', 'p50 ≤ 50 ms', 'yes'],
      ['memory', '123 MB', '–'],
    ])
  })
})
