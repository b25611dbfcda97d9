import { afterEach, beforeEach, describe } from 'vitest'
import { DiskBench, type DiskUnderTest } from './disk-bench.ts'
import { movingCases } from './disk-moving.ts'
import { readingCases } from './disk-reading.ts'
import { writingCases } from './disk-writing.ts'

/** The cases that every `Disk` must pass. `makeDisk` is called before each case. */
export function diskContract(name: string, makeDisk: () => DiskUnderTest): void {
  describe(`disk contract: ${name}`, () => {
    const bench = new DiskBench()
    beforeEach(() => bench.start(makeDisk()))
    afterEach(() => bench.end())
    readingCases(bench)
    writingCases(bench)
    movingCases(bench)
  })
}
