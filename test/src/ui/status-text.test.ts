import { describe, expect, test } from 'vitest'
import {
  type DevStatus,
  devState,
  emptySummary,
  type FolderSource,
  folderStatus,
  summarize,
} from '../../../src/session/status-report.ts'
import { statusText } from '../../../src/ui/status-text.ts'
import { paintFor } from '../../../src/ui/style.ts'
import type { SyncStatus } from '../../../syncer/session/sync-port.ts'

const NOW = Date.parse('2026-01-01T12:00:00Z')
const status: SyncStatus = {
  state: 'ready',
  pending: 0,
  files: 120,
  conflicts: [],
  problems: [],
  replaced: 0,
  bytesSent: 5_000,
  bytesReceived: 1_000,
  lastChangeAtMs: NOW - 3_000,
  firstSyncSeconds: 1.5,
  lastProbeAtMs: NOW - 1_000,
}
const folder = (more: Partial<SyncStatus> = {}): FolderSource => ({
  local: '/src',
  remote: '/app',
  mode: 'two-way',
  status: { ...status, ...more },
})

describe('state of a dev', () => {
  test.each<[string, Parameters<typeof devState>, string]>([
    ['starting', ['swapping', [], NOW], 'starting'],
    ['first sync', ['first-sync', [folder()], NOW], 'syncing'],
    ['reconnecting', ['reconnecting', [folder()], NOW], 'reconnecting'],
    ['in step and probed', ['ready', [folder()], NOW], 'ready'],
    ['no folders', ['ready', [], NOW], 'ready'],
    ['something pending', ['ready', [folder(), folder({ pending: 1 })], NOW], 'syncing'],
    ['one folder scans', ['ready', [folder(), folder({ state: 'scanning' })], NOW], 'syncing'],
    ['stopped', ['ready', [folder({ state: 'halted' }), folder()], NOW], 'failed'],
    ['no connection', ['ready', [folder({ state: 'paused' })], NOW], 'reconnecting'],
    ['the last probe is old', ['ready', [folder(), folder({ lastProbeAtMs: NOW - 16_000 })], NOW], 'reconnecting'],
    ['never probed', ['ready', [folder({ lastProbeAtMs: undefined })], NOW], 'reconnecting'],
    ['ended', ['ended', [folder()], NOW], 'failed'],
  ])('%s', (_name, args, state) => {
    expect(devState(...args)).toBe(state)
  })
})

test('folders add up', () => {
  const conflict = { path: 'a', copy: 'b', atMs: NOW }
  expect(
    summarize([
      folder({ replaced: 2 }),
      folder({ state: 'syncing', pending: 3, conflicts: [conflict], lastProbeAtMs: NOW - 9_000 }),
    ]),
  ).toEqual({
    state: 'syncing',
    pending: 3,
    transfer: null,
    conflicts: [{ path: 'a', copy: 'b', at: '2026-01-01T12:00:00.000Z' }],
    problems: [],
    replaced: 2,
    files: 240,
    bytes_sent: 10_000,
    bytes_received: 2_000,
    last_change_at: '2026-01-01T11:59:57.000Z',
    first_sync_seconds: 1.5,
    ignored: null,
    last_probe_at: '2026-01-01T11:59:51.000Z',
  })
  expect(summarize([folder(), folder({ lastProbeAtMs: undefined })]).last_probe_at).toBeNull()
  expect(summarize([]).state).toBe('none')
})

const dev: DevStatus = {
  name: 'web',
  namespace: 'team',
  workload: 'deployment/web',
  state: 'ready',
  has_problems: false,
  holder: 'ann@laptop',
  pod: 'web-podswap-1',
  sync: summarize([folder()]),
  forwards: [
    { local: 'localhost:8080', remote: 'localhost:8080', direction: 'local', state: 'ready', error: null },
    { local: 'localhost:5432', remote: 'postgres:5432', direction: 'local', state: 'failed', error: 'ECONNREFUSED' },
  ],
  command: { state: 'running', exit_code: null, started_at: '2026-01-01T11:50:00.000Z' },
  holder_pid: 7,
  since: '2026-01-01T11:49:00.000Z',
  folders: [{ local: '/src', remote: '/app', mode: 'two-way', ...summarize([folder()]) }],
  warnings: [],
}

test('a session as text', () => {
  expect(statusText({ devs: [dev] }, { nowMs: NOW, paint: paintFor(false) })).toBe(`web  ready
  workload  deployment/web in team
  holder    ann@laptop, process 7, since 11 min
  pod       web-podswap-1
  sync      /src ↔ /app: ready, 120 files, 5.0 KB sent, 1.0 KB received, last change 3.0 s ago
  forward   localhost:8080 → localhost:8080: ready
  forward   localhost:5432 → postgres:5432: failed (ECONNREFUSED)
  command   running for 10 min
`)
})

test('problems of a path, and of the folder as a whole', () => {
  const problems = [
    { side: 'pod' as const, path: 'a', code: 'EACCES', message: 'may not be written' },
    { side: 'laptop' as const, path: '', code: 'watch-limit', message: 'no more watches' },
  ]
  const text = statusText(
    { devs: [{ ...dev, sync: summarize([folder({ problems })]) }] },
    { nowMs: NOW, paint: paintFor(false) },
  )
  expect(text).toContain('  problem   a in the pod: may not be written (no permission, EACCES); give ')
  expect(text).toContain('  problem   the folder on the laptop: no more watches\n')
})

test('what is ready but for some paths is not said to be ready alone, nor in green', () => {
  const problems = [{ side: 'pod' as const, path: 'a', code: 'EACCES', message: 'may not be written' }]
  const sync = summarize([folder({ problems })])
  const broken = { ...dev, sync, folders: [{ ...dev.folders[0]!, ...sync }] }
  const text = statusText({ devs: [broken] }, { nowMs: NOW, paint: paintFor(false) })
  expect(text).toMatch(/^web {2}ready with 1 problem\n/)
  expect(text).toContain('/src ↔ /app: ready with 1 problem, 120 files')
  const painted = statusText({ devs: [broken] }, { nowMs: NOW, paint: (tone, text) => `<${tone}>${text}` })
  expect(painted).toContain('<yellow>ready with 1 problem')
  const conflicts = [{ path: 'a', copy: 'b', atMs: NOW }]
  const conflict = statusText(
    { devs: [{ ...dev, sync: summarize([folder({ conflicts })]) }] },
    { nowMs: NOW, paint: (tone, text) => `<${tone}>${text}` },
  )
  expect(conflict).toContain('<green>ready\n')
})

test('what is not shown is counted', () => {
  const problems = Array.from({ length: 1_211 }, (_, i) => ({
    side: 'laptop' as const,
    path: `f${i}`,
    code: 'unsupported-type',
    message: `f${i} is no file`,
  }))
  const text = statusText(
    { devs: [{ ...dev, sync: summarize([folder({ problems })]) }] },
    { nowMs: NOW, paint: paintFor(false) },
  )
  expect(text.match(/^ {2}problem .*$/gm)).toHaveLength(11)
  expect(text).toContain('  problem   f9 on the laptop: is no file\n  problem   and 1,201 more; --json has all\n')
})

test('of a process that does not answer no more is claimed than is known', () => {
  const silent: DevStatus = { ...dev, state: 'failed', pod: null, sync: emptySummary('unknown'), folders: [] }
  expect(statusText({ devs: [silent] }, { nowMs: NOW, paint: paintFor(false) })).toContain('  pod       unknown\n')
})

test('a session that nobody holds as text', () => {
  const orphan: DevStatus = {
    ...dev,
    state: 'failed',
    holder_pid: null,
    since: null,
    pod: null,
    sync: emptySummary('unknown'),
    folders: [],
    forwards: [],
    command: { state: 'unknown', exit_code: null, started_at: null },
    warnings: ['no podswap process on this machine holds it'],
  }
  expect(statusText({ devs: [orphan] }, { nowMs: NOW, paint: paintFor(false) })).toBe(`web  failed
  workload  deployment/web in team
  holder    ann@laptop
  pod       none
  command   unknown
  note      no podswap process on this machine holds it
`)
})

test('which way a folder goes, and what is on its way', () => {
  const transfer = { doneBytes: 250_000_000, totalBytes: 1_000_000_000, doneFiles: 0, totalFiles: 1, path: 'one.bin' }
  const push = { ...folderStatus({ ...folder({ state: 'syncing', pending: 1, transfer }), mode: 'push' }) }
  const pull = folderStatus({ ...folder(), mode: 'pull' })
  const text = statusText({ devs: [{ ...dev, folders: [push, pull] }] }, { nowMs: NOW, paint: paintFor(false) })
  expect(text).toContain('/src → /app: syncing, 120 files, 1 pending, 750 MB on their way (one.bin), 5.0 KB sent')
  expect(text).toContain('/src ← /app: ready, 120 files, 5.0 KB sent')
})
