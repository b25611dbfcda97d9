import { expect, test } from 'vitest'
import { eventLines } from '../../../src/ui/event-text.ts'
import type { UiEvent } from '../../../src/ui/events.ts'
import { plainLine } from '../../../src/ui/line-reporter.ts'
import { digestProblems } from '../../../src/ui/problem-digest.ts'
import { paintFor } from '../../../src/ui/style.ts'
import type { SyncProblem } from '../../../syncer/session/sync-port.ts'
import { FakeTime } from '../../syncer/wire/fake-time.ts'

function begin() {
  const time = new FakeTime()
  const lines: string[] = []
  const report = (event: UiEvent) => {
    lines.push(...eventLines(event).map(line => plainLine(line, paintFor(false))))
  }
  const reporter = digestProblems({ report, clear() {}, close() {} }, time)
  const tell = (type: 'problem' | 'problem-solved', problem: SyncProblem) =>
    reporter.report({ type: 'sync', folder: '/app', event: { type, problem } })
  const taken = () => lines.splice(0)
  return { time, reporter, tell, taken }
}

const pipe = (n: number, code = 'unsupported-type'): SyncProblem => {
  return { side: 'laptop', path: `pipes/p${n}`, code, message: 'is no file' }
}

test('a few problems are told one by one, and so is the end of each', async () => {
  const { time, tell, taken } = begin()
  tell('problem', pipe(1))
  tell('problem', pipe(2))
  expect(taken()).toEqual([
    'warning: /app: pipes/p1 on the laptop: is no file',
    'warning: /app: pipes/p2 on the laptop: is no file',
  ])
  await time.advance(5_000)
  tell('problem-solved', pipe(1))
  expect(taken()).toEqual(['/app: no more: pipes/p1 on the laptop: is no file'])
})

test('of thousands the first ones are told, then how many and why, and where all are', async () => {
  const { time, tell, taken } = begin()
  for (let n = 0; n < 3_000; n++) tell('problem', pipe(n, n % 3 === 0 ? 'EACCES' : 'unsupported-type'))
  expect(taken()).toHaveLength(10)
  await time.advance(1_000)
  expect(taken()).toEqual([
    'warning: /app: 2,990 more problems (1,994 unsupported type, 996 no permission (EACCES))',
    '3,000 now; podswap status --json has all, logs --sync when each came',
  ])
  await time.advance(60_000)
  expect(taken()).toEqual([])
  for (let n = 0; n < 3_000; n++) tell('problem-solved', pipe(n, n % 3 === 0 ? 'EACCES' : 'unsupported-type'))
  expect(taken()).toHaveLength(10)
  await time.advance(1_000)
  expect(taken()).toEqual(['/app: no more: 2,990 other problems; none is left'])
  await time.advance(5_000)
  tell('problem', pipe(1))
  expect(taken()).toHaveLength(1)
})

test('what else happens is told after the count, and the end tells what was not yet', () => {
  const { reporter, tell, taken } = begin()
  for (let n = 0; n < 12; n++) tell('problem', pipe(n))
  reporter.report({ type: 'warning', message: 'careful' })
  expect(taken().slice(10)).toEqual([
    'warning: /app: 2 more problems (2 unsupported type)',
    '12 now; podswap status --json has all, logs --sync when each came',
    'warning: careful',
  ])
  tell('problem-solved', pipe(11))
  reporter.close()
  expect(taken()).toEqual(['/app: no more: 1 other problem; 11 problems left'])
})
