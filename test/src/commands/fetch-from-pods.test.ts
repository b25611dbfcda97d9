import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fetchFromPods } from '../../../src/commands/fetch-from-pods.ts'
import type { HolderRecord } from '../../../src/home/holder-record.ts'
import { ControlServer } from '../../../src/session/control-server.ts'
import { UserError } from '../../../syncer/base/errors.ts'

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
  try {
    const signal = AbortSignal.timeout(60_000)
    const unfetched = await fetchFromPods([record], { silence, signal, lookMs: 5 })
    return { asked, reasons: unfetched.map(({ error }) => error.message) }
  } finally {
    end()
    await server.close()
  }
}

test('it asks once, and waits for as long as something comes', async () => {
  const { asked, reasons } = await waitedFor((count, end) => {
    if (count === 15) end()
    return { state: 'syncing', bytes_received: count * 100_000 }
  })
  expect([asked, reasons]).toEqual([1, []])
})

test('signs of life are nothing that comes: it ends, and says so', async () => {
  const { reasons } = await waitedFor(count => ({ state: 'syncing', bytes_received: 1_000_000 + count * 200 }))
  expect(reasons).toEqual(['nothing more came'])
})

test('where the connection stays gone it ends, and says so', async () => {
  const { reasons } = await waitedFor(() => ({ state: 'paused', bytes_received: 0 }))
  expect(reasons).toEqual(['the connection to it is gone'])
})

test('what was refused for want of room is asked for again', async () => {
  const record = { dev: 'web', socket: join(folder, 's'), token: 'token' } as HolderRecord
  let asked = 0
  const server = await ControlServer.listen(record.socket, record.token, async ({ method }) => {
    if (method === 'fetch' && ++asked < 3) throw new UserError('state', 'big could not be written (ENOSPC)')
    return { sync: { state: 'ready', bytes_received: 0 } }
  })
  try {
    const signal = AbortSignal.timeout(60_000)
    expect(await fetchFromPods([record], { silence, signal, lookMs: 5 })).toEqual([])
  } finally {
    await server.close()
  }
  expect(asked).toBe(3)
})

test('what cannot be made here is refused soon', async () => {
  const record = { dev: 'web', socket: join(folder, 's'), token: 'token' } as HolderRecord
  const server = await ControlServer.listen(record.socket, record.token, async ({ method }) => {
    if (method === 'fetch') throw new UserError('state', 'aux is no name here')
    return { sync: { state: 'ready', bytes_received: 0 } }
  })
  try {
    const begun = performance.now()
    const [unfetched] = await fetchFromPods([record], { silence, signal: AbortSignal.timeout(60_000) })
    expect(unfetched?.error).toMatchObject({ code: 'state', message: 'aux is no name here' })
    // its pauses; a machine that is slow takes its own time
    expect(performance.now() - begun).toBeLessThan(5_000)
  } finally {
    await server.close()
  }
})

test('a process that does not answer any more is named, with what to do', async () => {
  const record = { pid: 4711, dev: 'web', socket: join(folder, 's'), token: 'token' } as HolderRecord
  const sockets: Socket[] = []
  // its process is stopped: the kernel takes connections, and nobody answers
  const silent = createServer(socket => sockets.push(socket)).listen(record.socket)
  try {
    const signal = AbortSignal.timeout(60_000)
    const [unfetched] = await fetchFromPods([record], { silence, signal, lookMs: 5, answerMs: 200 })
    expect(unfetched?.error).toMatchObject({ code: 'timeout', message: expect.stringContaining('process 4711') })
    expect(unfetched?.error.hint).toContain('kill -9 4711')
  } finally {
    for (const socket of sockets) socket.destroy()
    silent.close()
  }
})

test('a process that fetches for another down is left at it', async () => {
  const record = { dev: 'web', pid: 7, socket: join(folder, 's'), token: 'token', fetches: true } as HolderRecord
  const signal = AbortSignal.timeout(60_000)
  const [unfetched] = await fetchFromPods([record], { silence, signal, lookMs: 5 })
  expect(unfetched?.error).toMatchObject({ code: 'held', message: 'process 7 is fetching it just now' })
})
