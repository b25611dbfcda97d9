import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fetchFromPods } from '../../../src/commands/fetch-from-pods.ts'
import type { HolderRecord } from '../../../src/home/holder-record.ts'
import { ControlServer } from '../../../src/session/control-server.ts'

const silence = { at: () => {} }
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fetch-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true })
})

/** A session whose pod is never done; `look` is how its sync is, each time it is asked. */
async function waitedFor(look: (count: number, end: () => void) => { state: string; bytes_received: number }) {
  const record = { dev: 'web', socket: join(folder, 's'), token: 'token' } as HolderRecord
  const warnings: string[] = []
  let asked = 0
  let looks = 0
  let end = () => {}
  const server = await ControlServer.listen(record.socket, record.token, async request => {
    if (request.method === 'status') return { sync: look(++looks, end) }
    asked += 1
    await new Promise<void>(resolve => {
      end = resolve
    })
    return null
  })
  const reporter = { report: (event: { type: string }) => warnings.push(JSON.stringify(event)) }
  try {
    const signal = AbortSignal.timeout(60_000)
    await fetchFromPods({ reporter } as never, [record], { silence, signal, lookMs: 5 })
  } finally {
    end()
    await server.close()
  }
  return { asked, looks, warnings }
}

test('it asks once, and waits for as long as something comes', async () => {
  const { asked, warnings } = await waitedFor((count, end) => {
    if (count === 15) end()
    return { state: 'syncing', bytes_received: count * 100_000 }
  })
  expect([asked, warnings]).toEqual([1, []])
})

test('signs of life are nothing that comes: it ends, and says so', async () => {
  const { warnings } = await waitedFor(count => ({ state: 'syncing', bytes_received: 1_000_000 + count * 200 }))
  expect(warnings).toEqual([expect.stringContaining('may not all be here, and goes with the pod: nothing more came')])
})

test('where the connection is gone it does not wait for the next one', async () => {
  const { looks, warnings } = await waitedFor(() => ({ state: 'paused', bytes_received: 0 }))
  expect([looks, warnings.length]).toEqual([1, 1])
})
