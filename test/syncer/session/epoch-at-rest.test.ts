import { expect, onTestFinished, test, vi } from 'vitest'
import { RealPair, until } from './real-pair.ts'

test('what was agreed in a first sync is forgotten at rest: the epoch is raised before the next checkpoint', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const pair = new RealPair()
  onTestFinished(() => pair.dispose())
  for (let file = 0; file < 20; file++) pair.write('laptop', `d/${file}`, `${file}`)
  pair.open()
  pair.attach()
  await pair.inStep()
  const { engine } = pair.session as unknown as {
    engine: { idle(): boolean; exchange: { history: { moved(path: string): boolean } } }
  }
  await until(() => pair.session.status().firstSyncSeconds !== undefined && engine.idle())
  const epoch = () => JSON.parse(pair.read('pod', '.podswap/marker') ?? '{}').epoch as number
  const before = epoch()
  expect(engine.exchange.history.moved('d/7')).toBe(true)
  // Three looks at the heap; a checkpoint comes after 30 s.
  vi.advanceTimersByTime(6_000)
  await until(() => epoch() > before)
  await until(() => !engine.exchange.history.moved('d/7'))
})
