import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  claimHolder,
  type HolderRecord,
  listHolders,
  readHolder,
  releaseHolder,
  updateHolder,
} from '../../../src/home/holder-record.ts'
import { homePath, makePrivate, openHome, type Platform } from '../../../src/home/home.ts'
import { processStart } from '../../../src/home/process-identity.ts'
import { socketPlace } from '../../../src/home/socket-path.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podswap-home-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const windows = process.platform === 'win32'

describe('where the state folder is', () => {
  const linux: Platform = { platform: 'linux', env: {}, homedir: '/home/ann', cwd: '/work' }
  test.each<[string, Platform, string]>([
    ['PODSWAP_HOME', { ...linux, env: { PODSWAP_HOME: '/state' } }, '/state'],
    ['PODSWAP_HOME, relative', { ...linux, env: { PODSWAP_HOME: 'state' } }, '/work/state'],
    ['Linux', linux, '/home/ann/.local/state/podswap'],
    ['XDG_STATE_HOME', { ...linux, env: { XDG_STATE_HOME: '/xdg' } }, '/xdg/podswap'],
    ['XDG_STATE_HOME, relative', { ...linux, env: { XDG_STATE_HOME: 'xdg' } }, '/home/ann/.local/state/podswap'],
    ['macOS', { ...linux, platform: 'darwin' }, '/home/ann/Library/Application Support/podswap'],
    [
      'Windows',
      { ...linux, platform: 'win32', env: { LOCALAPPDATA: 'C:\\Users\\ann\\AppData\\Local' } },
      'C:\\Users\\ann\\AppData\\Local\\podswap',
    ],
  ])('%s', (_name, platform, path) => {
    expect(homePath(platform)).toBe(path)
  })
})

describe.skipIf(windows)('opening it', () => {
  test('makes private folders and closes one that was open', () => {
    const home = openHome(join(folder, 'a', 'b'))
    for (const path of [home.path, home.run, home.logs, home.sync]) expect(statSync(path).mode & 0o777).toBe(0o700)
    chmodSync(home.run, 0o755)
    openHome(home.path)
    expect(statSync(home.run).mode & 0o777).toBe(0o700)
  })

  test('refuses a link and a file', () => {
    symlinkSync(folder, join(folder, 'link'))
    expect(() => makePrivate(join(folder, 'link'))).toThrow(expect.objectContaining({ code: 'state' }))
    writeFileSync(join(folder, 'file'), '')
    expect(() => openHome(join(folder, 'file'))).toThrow(expect.objectContaining({ code: 'state' }))
  })
})

describe('where a session listens', () => {
  const system = { platform: 'linux', tmpdir: '/tmp', user: 'ann' } as const
  const at = (path: string) => ({ path, run: `${path}/run`, logs: `${path}/log`, sync: `${path}/sync` })
  test('beside its record where the path fits', () => {
    expect(socketPlace(at('/home/ann/.podswap'), 'abc', system)).toEqual({ path: '/home/ann/.podswap/run/abc.sock' })
  })
  test('in a private folder of the temporary folder where it does not', () => {
    const place = socketPlace(at(`/${'x'.repeat(100)}`), 'abc', system)
    expect(place).toEqual({
      path: expect.stringMatching(/^\/tmp\/podswap-ann\/[0-9a-f]{32}\.sock$/),
      folder: '/tmp/podswap-ann',
    })
    expect(socketPlace(at(`/${'x'.repeat(100)}`), 'abd', system).path).not.toBe(place.path)
    expect(socketPlace(at(`/${'y'.repeat(100)}`), 'abc', system).path).not.toBe(place.path)
  })
  test('in /tmp where the temporary folder has a long path too', () => {
    const place = socketPlace(at(`/${'x'.repeat(100)}`), 'abc', { ...system, tmpdir: `/${'t'.repeat(90)}` })
    expect(place.folder).toBe('/tmp/podswap-ann')
  })
  test('counts bytes, not letters', () => {
    expect(socketPlace(at(`/${'ü'.repeat(45)}`), 'abc', system).folder).toBe('/tmp/podswap-ann')
  })
  test('as a named pipe on Windows', () => {
    const place = socketPlace(at('C:\\x'), 'abc', { ...system, platform: 'win32' })
    expect(place.path).toMatch(/^\\\\\.\\pipe\\podswap-[0-9a-f]{32}$/)
  })
})

function record(token: string): HolderRecord {
  return {
    version: 1,
    id: '0123456789abcdef',
    pid: process.pid,
    processStart: processStart(process.pid) ?? null,
    startedAtMs: 1,
    user: 'ann',
    host: 'laptop',
    token,
    socket: join(folder, 's.sock'),
    server: 'https://cluster',
    context: 'c',
    namespace: 'team',
    dev: 'web',
    workload: null,
    manifest: '/work/dev.yml',
    log: null,
  }
}

describe('records of holders', () => {
  test('the first claim wins, the second learns of the first', () => {
    const home = openHome(folder)
    expect(claimHolder(home, record('a'))).toEqual({ claimed: true })
    expect(claimHolder(home, record('b'))).toEqual({ claimed: false, by: record('a') })
    expect(listHolders(home)).toEqual([record('a')])
    expect(readdirSync(home.run)).toEqual(['0123456789abcdef.json'])
  })

  test.skipIf(windows)('is for this person only', () => {
    const home = openHome(folder)
    claimHolder(home, record('a'))
    expect(statSync(join(home.run, '0123456789abcdef.json')).mode & 0o777).toBe(0o600)
  })

  test('an unreadable record is in nobody’s way', () => {
    const home = openHome(folder)
    for (const text of ['', '{', '[]', '{"version":2}', '{"version":1,"pid":"x"}']) {
      writeFileSync(join(home.run, '0123456789abcdef.json'), text)
      expect(listHolders(home)).toEqual([])
      expect(claimHolder(home, record('a'))).toEqual({ claimed: true })
      releaseHolder(home, record('a'))
    }
  })

  test('releases its own record only', () => {
    const home = openHome(folder)
    claimHolder(home, record('a'))
    releaseHolder(home, record('b'))
    expect(readHolder(home, record('a').id)).toEqual(record('a'))
    releaseHolder(home, record('a'))
    releaseHolder(home, record('a'))
    expect(readdirSync(home.run)).toEqual([])
  })

  test('updates its own record only', () => {
    const home = openHome(folder)
    claimHolder(home, record('a'))
    updateHolder(home, { ...record('a'), workload: 'deployment/web' })
    updateHolder(home, { ...record('b'), workload: 'deployment/db' })
    expect(readHolder(home, record('a').id)?.workload).toBe('deployment/web')
    expect(readdirSync(home.run)).toHaveLength(1)
  })
})

describe.skipIf(windows)('telling processes apart', () => {
  test('a live one, a dead one, and none', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
    await once(child, 'spawn')
    const start = processStart(child.pid!)
    expect(start).toEqual(expect.any(String))
    expect(processStart(child.pid!)).toBe(start)
    expect(start).not.toBe(processStart(process.pid))
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(processStart(child.pid!)).toBeNull()
    for (const none of [0, -1, Number.NaN, 2 ** 40]) expect(processStart(none)).toBeNull()
  })
})
