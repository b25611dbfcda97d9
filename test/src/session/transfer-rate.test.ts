import { expect, test } from 'vitest'
import { TransferRate } from '../../../src/session/transfer-rate.ts'

const transfer = (doneBytes: number, doneFiles = 0) => ({ doneBytes, totalBytes: 1_000, doneFiles, totalFiles: 100 })

test('a steady rate, and what is left of it', () => {
  const rate = new TransferRate(0)
  expect(rate.measure(transfer(50, 50), 500)).toEqual({ bytesPerSecond: 100 })
  expect(rate.measure(transfer(100, 60), 1_000)).toEqual({ bytesPerSecond: 100, secondsLeft: 9 })
})

test('many small files take longer than their bytes', () => {
  expect(new TransferRate(0).measure(transfer(900, 10), 1_000).secondsLeft).toBeCloseTo(9)
})

test('nothing is foretold of the first moment, nor where next to nothing is done, nor at a standstill', () => {
  expect(new TransferRate(0).measure(transfer(500, 50), 999)).not.toHaveProperty('secondsLeft')
  expect(new TransferRate(0).measure(transfer(9, 1), 5_000)).not.toHaveProperty('secondsLeft')
  expect(new TransferRate(0).measure(transfer(0), 5_000)).toEqual({ bytesPerSecond: 0 })
})

test('the time counts from when there was something to do', () => {
  const rate = new TransferRate(0)
  rate.measure({ doneBytes: 0, totalBytes: 0, doneFiles: 0, totalFiles: 0 }, 60_000)
  expect(rate.measure(transfer(500, 50), 60_500)).not.toHaveProperty('secondsLeft')
  expect(rate.measure(transfer(900, 50), 62_000).secondsLeft).toBeCloseTo(2)
})
