import { expect, test } from 'vitest'
import { SecondLooks } from '../../../../syncer/engine/notice/second-looks.ts'

test('second looks wait until it has been calm for a moment', () => {
  const looks = new SecondLooks()
  expect(looks.fromMs).toBeLessThanOrEqual(0)
  for (let ms = 100; ms <= 200; ms += 10) looks.busy(ms)
  expect(looks.fromMs).toBe(250)
})

test('no longer than two seconds, and as long again when it was calm in between', () => {
  const looks = new SecondLooks()
  for (let ms = 0; ms <= 5_000; ms += 10) looks.busy(ms)
  expect(looks.fromMs).toBe(2_000)
  looks.busy(60_000)
  expect(looks.fromMs).toBe(60_050)
})
