import { describe, expect, it } from 'vitest'
import { runCommand } from './support/command.ts'
import { environment } from './support/environment.ts'

const rounds = 21
const wantedMs = 150
/** What `node -e 0` takes on a quiet machine of the kind that the figure is for. */
const quietNodeMs = 40

describe('podswap --help', () => {
  it(`takes at most ${wantedMs} ms, measured beside node -e 0`, async () => {
    const { cli } = environment()
    const help: number[] = []
    const empty: number[] = []
    for (let round = 0; round < rounds; round++) {
      help.push((await runCommand(process.execPath, [cli, '--help'])).elapsedMs)
      empty.push((await runCommand(process.execPath, ['-e', '0'])).elapsedMs)
    }
    // a machine that is busy, or slow, is so for both
    const allowance = Math.max(1, median(empty) / quietNodeMs)
    expect(median(help)).toBeLessThanOrEqual(wantedMs * allowance)
  })
})

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
