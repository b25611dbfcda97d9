import { hash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Invocation } from '../../../src/commands/io.ts'
import { type RestoreOptions, restore } from '../../../src/commands/restore.ts'
import { fileToken } from '../../../syncer/core/content.ts'
import { inOwn, inTree } from '../../../syncer/disk/disk.ts'
import { createNodeDisk } from '../../../syncer/disk/node-disk.ts'
import { Litter } from '../../../syncer/endpoint/litter.ts'
import { Trash } from '../../../syncer/endpoint/trash.ts'

const minuteMs = 60_000
let root: string
let folder: string
let ids = 0

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'podswap-restore-')))
  folder = join(root, 'app')
  mkdirSync(join(folder, 'src'), { recursive: true })
  writeFileSync(
    join(root, 'dev.yml'),
    'dev:\n  web:\n    image: node:22\n    command: sleep 1\n    sync: [./app:/app]\n',
  )
})
afterEach(() => rmSync(root, { recursive: true }))

/** As the engine does it: what stands at the path goes to the trash, `agoMs` ago, and `next` takes its place. */
function giveWay(path: string, agoMs: number, next: string | null): void {
  const disk = createNodeDisk({ root: folder, privateFolder: 'in-git' })
  const nowMs = Date.now() - agoMs
  const clock = { now: () => nowMs, monotonic: () => 0 }
  const limits = { keepMs: 1e9, bytesMax: 1e9 }
  const trash = new Trash(disk, clock, new Litter(disk, clock), 'laptop', () => `n${ids++}`, limits)
  const token = fileToken(hash('sha256', readFileSync(join(folder, path)), 'hex'), false)
  disk.rename(inTree(path), inOwn(trash.nameFor(path, token, next === null ? '' : undefined)))
  disk.close()
  if (next !== null) writeFileSync(join(folder, path), next)
}

interface Called {
  names?: string[]
  options?: RestoreOptions
  json?: boolean
  cwd?: string
  file?: string
}

async function call({ names = [], options = {}, json, cwd = root, file }: Called = {}) {
  let stdout = ''
  const out = { write: (text: string) => (stdout += text) }
  const io = { cwd, env: {}, homedir: '/home/nobody', stdout: out, stderr: out }
  const globals = { color: false, ...(json && { json }), ...(file !== undefined && { file }) }
  const invocation = { io, globals, names, rest: null, options } as unknown as Invocation<RestoreOptions>
  return { code: await restore(invocation), stdout }
}

const text = (path: string) => readFileSync(join(folder, path), 'utf8')

/** `src/a.txt` was overwritten 30 and 10 minutes ago, `b.txt` deleted 20 minutes ago. */
function fill(): void {
  writeFileSync(join(folder, 'src/a.txt'), 'first')
  writeFileSync(join(folder, 'b.txt'), 'b')
  giveWay('src/a.txt', 30 * minuteMs, 'second')
  giveWay('b.txt', 20 * minuteMs, null)
  giveWay('src/a.txt', 10 * minuteMs, 'third')
}

test('where nothing was ever kept, it says so, and makes no folder', async () => {
  expect(await call()).toEqual({ code: 0, stdout: 'nothing is in the trash\n' })
  expect(existsSync(join(folder, '.podswap'))).toBe(false)
  await expect(call({ names: ['app/b.txt'] })).rejects.toMatchObject({ code: 'not-found' })
})

test('lists what, when, how large and why, the newest first, as somebody here would name it', async () => {
  fill()
  const time = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`
  const lines = (await call()).stdout.split('\n')
  expect(lines[0]).toMatch(new RegExp(`^${time}  6 B  overwritten from the pod  app/src/a.txt$`))
  expect(lines[1]).toMatch(new RegExp(`^${time}  1 B  deleted in the pod        app/b.txt$`))
  expect(lines[2]).toMatch(new RegExp(`^${time}  5 B  overwritten from the pod  app/src/a.txt$`))
  expect(lines[3]).toBe('3 versions, 12 B')
  expect((await call({ options: { since: '25m', list: true } })).stdout.split('\n')).toHaveLength(4)
  expect((await call({ names: ['app/src'], options: { list: true } })).stdout).toContain('2 versions')
})

test('as JSON, for programs', async () => {
  fill()
  const { entries } = JSON.parse((await call({ json: true })).stdout)
  expect(entries).toHaveLength(3)
  expect(entries[1]).toEqual({
    folder,
    path: 'b.txt',
    name: 'b.txt',
    trashed_at: expect.stringMatching(/^\d{4}-.*Z$/),
    written_at: expect.stringMatching(/^\d{4}-.*Z$/),
    reason: 'deleted',
    kind: 'file',
    size: 1,
    trash_file: expect.stringContaining(join(folder, '.podswap', 'trash-')),
  })
  expect(readFileSync(entries[1].trash_file, 'utf8')).toBe('b')
})

test('a path: its newest version, and what stood there is in the trash', async () => {
  fill()
  const { code, stdout } = await call({ names: ['app/src/a.txt'] })
  expect(code).toBe(0)
  expect(stdout).toMatch(
    /^app\/src\/a\.txt: restored, as it was until .*\(6 bytes\); what stood there is in the trash\n$/,
  )
  expect(text('src/a.txt')).toBe('second')
  expect((await call()).stdout).toMatch(/ 5 B {2}gave way to a restore {5}app\/src\/a\.txt\n/)
  expect((await call({ names: ['app/src/a.txt'], options: { at: '15m' } })).stdout).toContain('it stands there already')
})

test('by time: everything as it was then', async () => {
  fill()
  expect((await call({ options: { since: '25m' } })).code).toBe(0)
  expect([text('src/a.txt'), text('b.txt')]).toEqual(['second', 'b'])
  expect((await call({ options: { at: '40m' } })).code).toBe(0)
  expect([text('src/a.txt'), text('b.txt')]).toEqual(['first', 'b'])
  await expect(call({ names: ['app/b.txt'], options: { since: '5m' } })).rejects.toMatchObject({
    code: 'not-found',
    hint: expect.stringContaining('the last one did at'),
  })
})

test('by time: what was written after it is told from what stood there', async () => {
  fill()
  // the test makes all of it now, and gives it up in the past
  const now = Date.now() / 1000
  for (const name of readdirSync(join(folder, '.podswap'))) {
    if (name !== '.gitignore') utimesSync(join(folder, '.podswap', name), now - 60 * 60, now - 60 * 60)
  }
  expect((await call({ options: { at: '40m' } })).stdout).not.toContain('written later')
  rmSync(join(folder, 'b.txt'))
  rmSync(join(folder, 'src/a.txt'))
  const restored = (await call({ options: { at: '2h' } })).stdout
  const doubt =
    /restored, as it was until .*; it was written later, at [-\d]+ [:\d]+, and may not have been there then\n/g
  expect(restored.match(doubt)).toHaveLength(2)
})

test('to another place: a file, a folder, a tree; nothing there is overwritten', async () => {
  fill()
  const to = join(root, 'back')
  expect((await call({ names: ['app/b.txt'], options: { to: `${to}/one/b` } })).code).toBe(0)
  expect(readFileSync(join(to, 'one/b'), 'utf8')).toBe('b')
  expect((await call({ names: ['app/b.txt'], options: { to: `${to}/one` } })).code).toBe(0)
  expect(readFileSync(join(to, 'one/b.txt'), 'utf8')).toBe('b')
  expect((await call({ names: ['app'], options: { to: `${to}/all` } })).code).toBe(0)
  expect(readFileSync(join(to, 'all/src/a.txt'), 'utf8')).toBe('second')
  writeFileSync(join(to, 'all/b.txt'), 'mine')
  const again = await call({ names: ['app/b.txt'], options: { to: `${to}/all` } })
  expect(again).toMatchObject({ code: 1, stdout: expect.stringContaining('something is there') })
  expect(readFileSync(join(to, 'all/b.txt'), 'utf8')).toBe('mine')
  // within the folder there is a trash for what gives way
  expect((await call({ names: ['app/b.txt'], options: { to: 'app/src/a.txt' } })).code).toBe(0)
  expect(text('src/a.txt')).toBe('b')
  expect((await call()).stdout).toContain('gave way to a restore')
})

test('from within the folder, without a manifest', async () => {
  fill()
  rmSync(join(root, 'dev.yml'))
  expect((await call({ names: ['a.txt'], cwd: join(folder, 'src') })).stdout).toMatch(/^a\.txt: restored/)
  expect((await call({ cwd: folder })).stdout).toContain('b.txt')
  await expect(call({ cwd: root })).rejects.toMatchObject({ code: 'not-found', hint: expect.stringContaining('-f') })
})

test.each<[Called, string]>([
  [{ names: ['elsewhere'] }, 'usage'],
  [{ names: ['../x'] }, 'usage'],
  [{ options: { at: 'soon' } }, 'usage'],
  [{ options: { at: '5m', since: '5m' } }, 'usage'],
  [{ options: { to: '/tmp/x' } }, 'usage'],
  [{ file: 'missing.yml' }, 'manifest'],
])('refuses %j', async (called, code) => {
  fill()
  await expect(call(called)).rejects.toMatchObject({ code })
})
