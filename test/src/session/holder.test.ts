import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { claimHolder, type HolderRecord, readHolder } from '../../../src/home/holder-record.ts'
import { type Home, openHome } from '../../../src/home/home.ts'
import { processStart } from '../../../src/home/process-identity.ts'
import { askHolder } from '../../../src/session/control-client.ts'
import { EventLog } from '../../../src/session/event-log.ts'
import {
  claimSession,
  findHolder,
  isAlive,
  liveHolders,
  sessionId,
  stopHolder,
} from '../../../src/session/find-holder.ts'
import { HeldSession } from '../../../src/session/hold-session.ts'
import { Session } from '../../../src/session/run.ts'
import type { DevStatus } from '../../../src/session/status-report.ts'
import { reviveEvent } from '../../../src/ui/json-reporter.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { settle } from '../../syncer/wire/fake-time.ts'
import { configOf, FakeParts, podRef } from './fake-parts.ts'

let path: string
let home: Home
const never = new AbortController().signal

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'podswap-holder-'))
  home = openHome(path)
})
afterEach(() => rmSync(path, { recursive: true }))

function recordOf(more: Partial<HolderRecord> = {}): HolderRecord {
  return {
    version: 1,
    id: '0123456789abcdef',
    pid: process.pid,
    processStart: processStart(process.pid) ?? null,
    startedAtMs: Date.parse('2026-01-01T12:00:00Z'),
    user: 'ann',
    host: 'laptop',
    token: 'token',
    socket: process.platform === 'win32' ? `\\\\.\\pipe\\podswap-test-${process.pid}` : join(path, 's.sock'),
    server: 'https://cluster',
    context: 'test',
    namespace: 'team',
    dev: 'web',
    workload: null,
    manifest: '/work/dev.yml',
    log: null,
    ...more,
  }
}

/** A record whose process has ended. */
async function deadRecord(): Promise<HolderRecord> {
  const child = spawn(process.execPath, ['-e', ''], { stdio: 'ignore' })
  const start = processStart(child.pid!)
  await once(child, 'exit')
  return recordOf({ pid: child.pid!, processStart: start ?? 'gone', token: 'dead' })
}

describe('who holds a session', () => {
  test('the same dev of the same place has the same id, anything else another', () => {
    const of = { server: 's', namespace: 'n', name: 'web', selector: { a: '1', b: '2' } }
    const idOf = (each: Omit<typeof of, 'selector'> & { selector?: Record<string, string> | undefined }) =>
      sessionId(each, each)
    expect(idOf(of)).toMatch(/^[0-9a-f]{16}$/)
    expect(idOf({ ...of, selector: { b: '2', a: '1' } })).toBe(idOf(of))
    const others = [
      { ...of, server: 't' },
      { ...of, namespace: 'm' },
      { ...of, name: 'api' },
      { ...of, selector: undefined },
    ]
    expect(new Set([of, ...others].map(idOf)).size).toBe(5)
  })

  test('case 74: a live process keeps it: a second claim is told who and what to do', () => {
    claimSession(home, recordOf())
    const again = () => claimSession(home, recordOf({ token: 'other' }))
    expect(again).toThrow(expect.objectContaining({ code: 'held', message: expect.stringContaining(`${process.pid}`) }))
    expect(again).toThrow(expect.objectContaining({ hint: expect.stringContaining('--take-over') }))
    expect(readHolder(home, recordOf().id)?.token).toBe('token')
  })

  test('a dead process does not: its record is replaced', async () => {
    const dead = await deadRecord()
    claimHolder(home, dead)
    expect(isAlive(dead)).toBe(false)
    claimSession(home, recordOf())
    expect(readHolder(home, dead.id)?.token).toBe('token')
  })

  test.skipIf(process.platform === 'win32')('a later process with the same number is another one', () => {
    const later = recordOf({ processStart: 'some other boot 123' })
    expect(isAlive(later)).toBe(false)
    claimHolder(home, later)
    expect(findHolder(home, later.id)).toBeNull()
    expect(readdirSync(home.run)).toEqual([])
  })

  test('a list of the live ones is without the dead, and removes them', async () => {
    claimHolder(home, { ...(await deadRecord()), id: 'aaaaaaaaaaaaaaaa' })
    claimHolder(home, recordOf())
    expect(liveHolders(home).map(record => record.id)).toEqual(['0123456789abcdef'])
    expect(readdirSync(home.run)).toEqual(['0123456789abcdef.json'])
  })

  test.skipIf(process.platform === 'win32')(
    'a process that does not answer gets SIGTERM and is waited for',
    async () => {
      const child = spawn(process.execPath, ['-e', 'process.stdout.write("up"); setInterval(() => {}, 1000)'])
      await once(child.stdout, 'data')
      const record = recordOf({ pid: child.pid!, processStart: processStart(child.pid!) ?? null })
      claimHolder(home, record)
      const exited = once(child, 'exit')
      await stopHolder(home, record, never)
      expect(await exited).toEqual([null, 'SIGTERM'])
      expect(readHolder(home, record.id)).toBeNull()
    },
  )
})

describe('a held session', () => {
  test('ends alone where its process holds others', async () => {
    const { session, record, held } = await hold()
    claimHolder(home, recordOf({ id: 'aaaaaaaaaaaaaaaa', token: 'another' }))
    const terminated = vi.fn()
    process.once('SIGTERM', terminated)
    const closed = session.done.then(() => held.close())
    session.start()
    await stopHolder(home, record, never)
    await closed
    process.off('SIGTERM', terminated)
    expect(terminated).not.toHaveBeenCalled()
    expect(liveHolders(home).map(({ id }) => id)).toEqual(['aaaaaaaaaaaaaaaa'])
  })

  async function hold() {
    const parts = new FakeParts()
    const log = new EventLog()
    const session = new Session(configOf({ endsWithCommand: false }), parts, event => log.push(event))
    const record = recordOf()
    const held = await HeldSession.open({ home, record, log, session, now: parts.clock.now.bind(parts.clock) })
    const ready = async () => {
      await settle()
      parts.tell({ state: 'running', pod: podRef(1) })
      await expect.poll(() => parts.syncs[0]?.attaches).toBe(1)
      parts.syncs[0]?.turn('first-sync')
      await settle()
      parts.syncs[0]!.current = { ...parts.syncs[0]!.current, lastProbeAtMs: parts.clock.now() }
      parts.syncs[0]?.inStep()
      await expect.poll(() => session.snapshot().phase).toBe('ready')
    }
    return { parts, session, record, held, ready }
  }

  test('is found, and tells how it is from probes', async () => {
    const { parts, session, record, held, ready } = await hold()
    session.start()
    await ready()
    expect(findHolder(home, record.id)).toMatchObject({ pid: process.pid, workload: 'deployment/web' })
    const ask = async () => (await askHolder(record, { method: 'status' }, { signal: never })) as DevStatus
    expect(await ask()).toMatchObject({
      name: 'web',
      namespace: 'team',
      workload: 'deployment/web',
      state: 'ready',
      holder: 'ann@laptop',
      pod: 'web-podswap-1',
      sync: { state: 'ready', pending: 0, files: 3 },
      forwards: [{ local: 'localhost:8080', direction: 'local', state: 'failed', error: 'ECONNREFUSED' }],
      command: { state: 'running', exit_code: null },
      holder_pid: process.pid,
      since: '2026-01-01T12:00:00.000Z',
      folders: [{ local: '/work', remote: '/app' }],
      warnings: [],
    })
    parts.pod.ports.add('localhost:8080')
    parts.pod.exitCommand({ code: 3 })
    expect(await ask()).toMatchObject({
      state: 'ready',
      forwards: [{ state: 'ready', error: null }],
      command: { state: 'exited', exit_code: 3 },
      warnings: [expect.stringContaining('has ended')],
    })
    session.stop()
    await session.done
    await held.close()
  })

  test('does not call ready what does not answer', async () => {
    const { parts, session, record, held, ready } = await hold()
    session.start()
    await ready()
    parts.pod.silent = true
    const status = (await askHolder(record, { method: 'status' }, { signal: never })) as DevStatus
    expect(status).toMatchObject({ state: 'reconnecting', command: { state: 'unknown' } })
    expect(status.forwards[0]?.state).toBe('reconnecting')
    session.stop()
    await session.done
    await held.close()
  })

  test('is followed from its start to ready, also by one who comes late', async () => {
    const { session, record, held, ready } = await hold()
    session.start()
    const follow = async () => {
      const types: string[] = []
      const onEvent = (event: unknown) => types.push(reviveEvent(event)?.type ?? '?')
      await askHolder(record, { method: 'follow' }, { signal: never, onEvent })
      return types
    }
    const early = follow()
    await ready()
    const wanted = ['forwards-bound', 'swapped', 'pod', 'command-started', 'ready']
    expect((await early).filter(type => type !== 'phase' && type !== 'sync')).toEqual(wanted)
    expect((await follow()).filter(type => type !== 'phase' && type !== 'sync')).toEqual(wanted)
    session.stop()
    await session.done
    await held.close()
  })

  test('a follower learns why it did not get to ready', async () => {
    const { parts, session, record, held } = await hold()
    parts.refusedBefore = new UserError('not-found', 'there is no web', { hint: 'look' })
    const followed = askHolder(record, { method: 'follow' }, { signal: never })
    session.start()
    await expect(followed).rejects.toMatchObject({ code: 'not-found', message: 'there is no web', hint: 'look' })
    await held.close()
  })

  test('flushes, with a limit', async () => {
    const { parts, session, record, held, ready } = await hold()
    session.start()
    await ready()
    expect(await askHolder(record, { method: 'flush', timeoutMs: 30_000 }, { signal: never })).toBeNull()
    parts.syncs[0]?.turn('syncing')
    const late = askHolder(record, { method: 'flush', timeoutMs: 20 }, { signal: never })
    await expect(late).rejects.toMatchObject({ code: 'timeout' })
    session.stop()
    await session.done
    await held.close()
  })

  test('ends when asked, leaves the cluster as it is, and leaves nothing here', async () => {
    const { parts, session, record, held, ready } = await hold()
    session.start()
    await ready()
    const closed = session.done.then(() => held.close())
    await askHolder(record, { method: 'stop' }, { signal: never })
    expect(await session.done).toEqual({ reason: { kind: 'stopped' }, cluster: 'swapped' })
    await closed
    expect(parts.log).not.toContain('revert')
    expect(readdirSync(home.run)).toEqual([])
    await expect(askHolder(record, { method: 'stop' }, { signal: never })).rejects.toMatchObject({ code: 'not-found' })
  })

  test('asked to end while it puts the workload back, it does not say that it begins nothing any more', async () => {
    const { parts, session, record, held } = await hold()
    let letGo = () => {}
    parts.revertGate = new Promise(resolve => {
      letGo = resolve
    })
    session.start()
    await settle()
    session.interrupt('SIGINT')
    await expect.poll(() => parts.log).toContain('revert')
    const heard = vi.fn()
    const asked = askHolder(record, { method: 'stop' }, { signal: never, onEvent: heard })
    // an answer to what is asked later shows that the first was heard
    await askHolder(record, { method: 'status' }, { signal: never })
    letGo()
    await asked
    expect(await session.done).toMatchObject({ cluster: 'reverted' })
    expect(heard).not.toHaveBeenCalled()
    await held.close()
  })

  test('interrupted before it was ready, it undoes what it began', async () => {
    const { parts, session, record, held } = await hold()
    session.start()
    await settle()
    await askHolder(record, { method: 'interrupt' }, { signal: never })
    expect(await session.done).toMatchObject({ cluster: 'reverted' })
    expect(parts.log).toContain('revert')
    await held.close()
  })
})
