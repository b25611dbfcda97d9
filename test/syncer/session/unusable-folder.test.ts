import fs from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock, systemTimers } from '../../../syncer/base/clock.ts'
import { unusableCode } from '../../../syncer/session/sync-port.ts'
import { Priority } from '../../../syncer/wire/frame-payload.ts'
import { Mux } from '../../../syncer/wire/mux.ts'
import type { SyncRequest } from '../../../syncer/wire/services.ts'
import { carrierPair } from '../wire/carrier-pair.ts'
import { RealPair, until } from './real-pair.ts'

let pair: RealPair
beforeEach(() => {
  pair = new RealPair()
  pair.open()
})
afterEach(() => pair.dispose())

/** As the agent does: the lanes are streams of a connection. */
function connect(attempt: number): Mux[] {
  const [here, there] = carrierPair()
  const common = { clock: systemClock, timers: systemTimers }
  const laptop = new Mux({ ...common, carrier: here, side: 'laptop' })
  const onOpen = (request: unknown, stream: Parameters<RealPair['host']['openLane']>[1]) =>
    pair.host.openLane(request as SyncRequest, stream)
  const pod = new Mux({ ...common, carrier: there, side: 'agent', onOpen })
  const open = (lane: SyncRequest['lane']) =>
    laptop.open(
      { kind: 'sync', lane, folder: pair.podFolder, session: 'test', attempt, fence: 0 },
      { priority: lane === 'control' ? Priority.interactive : Priority.bulk },
    )
  pair.session.attach({ control: open('control'), bulk: open('bulk') })
  return [laptop, pod]
}

const problems = () =>
  pair.events.flatMap(event =>
    event.type === 'problem' || event.type === 'problem-solved' ? [{ type: event.type, ...event.problem }] : [],
  )
const isPaused = () => pair.session.status().state === 'paused'

it('a folder that the pod cannot have is told with its cause, once, until it can', async () => {
  fs.rmdirSync(pair.podFolder)
  fs.writeFileSync(pair.podFolder, 'a file stands there')
  const muxes: Mux[] = []
  for (const attempt of [1, 2]) {
    muxes.push(...connect(attempt))
    await until(isPaused)
  }
  const told = { side: 'pod', path: '', code: unusableCode, message: expect.stringContaining('EEXIST') }
  expect(problems()).toEqual([{ type: 'problem', ...told }])
  expect(pair.session.status().problems).toMatchObject([told])

  fs.rmSync(pair.podFolder)
  pair.write('laptop', 'a.txt', 'a')
  muxes.push(...connect(3))
  await pair.inStep()
  expect(pair.read('pod', 'a.txt')).toBe('a')
  expect(problems().at(-1)).toEqual({ type: 'problem-solved', ...told })
  expect(pair.session.status().problems).toEqual([])
  for (const mux of muxes) await mux.close()
})
