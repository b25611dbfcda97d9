import { expect, test } from 'vitest'
import { TransferRate } from '../../../src/session/transfer-rate.ts'

const mega = 1e6
const transfer = (doneBytes: number, doneFiles = 0, totalFiles = 1) => {
  return { doneBytes, totalBytes: 100 * mega, doneFiles, totalFiles }
}

test('a steady rate, and what is left of it', () => {
  const rate = new TransferRate(0)
  expect(rate.measure(transfer(5 * mega), 500)).toEqual({ bytesPerSecond: 10 * mega })
  const { bytesPerSecond, secondsLeft } = rate.measure(transfer(10 * mega), 1_000)
  expect(bytesPerSecond).toBeCloseTo(10 * mega)
  expect(secondsLeft).toBeCloseTo(9, 1)
})

test('many small files take longer than their bytes', () => {
  const all = (done: number) => ({ doneBytes: done * 100, totalBytes: 100_000, doneFiles: done, totalFiles: 1_000 })
  expect(new TransferRate(0).measure(all(100), 1_000).secondsLeft).toBeCloseTo(9)
  // what was sent and is not there yet
  const sent = { ...all(100), doneBytes: 100_000 }
  expect(new TransferRate(0).measure(sent, 1_000).secondsLeft).toBeGreaterThan(5)
})

test('a large file before many small ones does not make an hour of them', () => {
  const rate = new TransferRate(0)
  for (let ms = 200; ms < 2_000; ms += 200) rate.measure(transfer(ms * 40_000, 1, 3_000), ms)
  expect(rate.measure(transfer(80 * mega, 1, 3_000), 2_000).secondsLeft).toBeLessThan(5)
})

test('nothing is foretold of the first moment, nor where next to nothing is done, nor at a standstill', () => {
  expect(new TransferRate(0).measure(transfer(50 * mega), 999)).not.toHaveProperty('secondsLeft')
  expect(new TransferRate(0).measure(transfer(mega / 2), 5_000)).not.toHaveProperty('secondsLeft')
  expect(new TransferRate(0).measure(transfer(0), 5_000)).toEqual({ bytesPerSecond: 0 })
})

test('the time counts from when there was something to do, and a new beginning is no step backwards', () => {
  const rate = new TransferRate(0)
  rate.measure({ doneBytes: 0, totalBytes: 0, doneFiles: 0, totalFiles: 0 }, 60_000)
  expect(rate.measure(transfer(50 * mega), 60_500)).not.toHaveProperty('secondsLeft')
  expect(rate.measure(transfer(0), 62_000).bytesPerSecond).toBeGreaterThan(0)
})
