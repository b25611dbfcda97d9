import { expect, test } from 'vitest'
import { parseWhen } from '../../../src/commands/parse-when.ts'

const now = new Date(2026, 10, 21, 18, 30, 0)
const when = (text: string) => parseWhen(text, '--at', now.getTime())
const ago = (text: string) => now.getTime() - when(text)

test('a while ago', () => {
  expect(ago('90s')).toBe(90_000)
  expect(ago('10m')).toBe(600_000)
  expect(ago('10 min')).toBe(600_000)
  expect(ago('1.5h')).toBe(5_400_000)
  expect(ago('2d')).toBe(172_800_000)
  expect(ago('1w')).toBe(604_800_000)
})

test('a clock’s time, today or yesterday', () => {
  expect(when('18:30')).toBe(now.getTime())
  expect(when('9:05:07')).toBe(new Date(2026, 10, 21, 9, 5, 7).getTime())
  expect(when('18:31')).toBe(new Date(2026, 10, 20, 18, 31).getTime())
})

test('a date, of this zone where it names none', () => {
  expect(when('2026-11-21')).toBe(new Date(2026, 10, 21).getTime())
  expect(when('2026-11-20 08:15')).toBe(new Date(2026, 10, 20, 8, 15).getTime())
  expect(when('2026-11-20T08:15:30Z')).toBe(Date.UTC(2026, 10, 20, 8, 15, 30))
  expect(when('2026-11-20T08:15:30.123+01:00')).toBe(Date.UTC(2026, 10, 20, 7, 15, 30, 123))
})

test.each(['', 'yesterday', '10', '-5m', '25:00', '18:60', '2026-13-01', '2027-01-01', 'NaN'])('not %j', text => {
  expect(() => when(text)).toThrow(expect.objectContaining({ code: 'usage', hint: expect.stringContaining('10m') }))
})
