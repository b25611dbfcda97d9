import { expect, it } from 'vitest'
import { untilAnswering } from '../../../src/commands/until-answering.ts'
import type { DevStatus, ForwardStatus } from '../../../src/session/status-report.ts'

const forward = (state: ForwardStatus['state'], more: Partial<ForwardStatus> = {}): ForwardStatus => ({
  local: 'localhost:8080',
  remote: 'localhost:3000',
  direction: 'local',
  state,
  error: null,
  ...more,
})
const status = (forwards: ForwardStatus[], more: Partial<DevStatus> = {}) =>
  ({ name: 'web', state: 'ready', forwards, command: { state: 'running' }, ...more }) as DevStatus

/** Waits in a time of its own; `at` says how it is after so many milliseconds. */
async function wait(at: (ms: number) => DevStatus) {
  let ms = 0
  const said: string[] = []
  const last = await untilAnswering({
    ask: async () => at(ms),
    tell: message => said.push(`${ms}: ${message}`),
    now: () => ms,
    pause: async pauseMs => {
      ms += pauseMs
    },
  })
  return { said, ms, last }
}

it('says once what it waits for, where that takes longer', async () => {
  const line = '2000: waiting for an answer of localhost:8080 → localhost:3000, 20 s at most'
  const debug = forward('failed', { local: 'localhost:9229', remote: 'localhost:9229' })
  const silent = await wait(() => status([forward('ready'), forward('failed')]))
  expect(silent).toMatchObject({ said: [line], ms: 20_100 })
  expect(silent.last.forwards[1]!.state).toBe('failed')
  const late = await wait(ms => status([forward(ms < 5_000 ? 'failed' : 'ready')]))
  expect(late).toMatchObject({ said: [line], ms: 5_000 })
  const { said } = await wait(() => status([forward('failed'), debug]))
  expect(said).toEqual([line.replace(', 20', ', localhost:9229 → localhost:9229, 20')])
  const away = await wait(ms => status([forward('ready')], { state: ms < 3_000 ? 'reconnecting' : 'ready' }))
  expect(away).toMatchObject({ said: ['2000: waiting for web, which is reconnecting, 20 s at most'], ms: 3_000 })
})

it('says nothing where that is soon, and does not wait for what will not come', async () => {
  expect(await wait(ms => status([forward(ms < 1_900 ? 'failed' : 'ready')]))).toMatchObject({ said: [], ms: 1_900 })
  expect(await wait(() => status([forward('failed', { direction: 'reverse' })]))).toMatchObject({ said: [], ms: 0 })
  expect(await wait(() => status([forward('waiting')]))).toMatchObject({ said: [], ms: 0 })
  const exited = { command: { state: 'exited', exit_code: 1, started_at: null } } as const
  expect(await wait(() => status([forward('failed')], exited))).toMatchObject({ said: [], ms: 0 })
})
