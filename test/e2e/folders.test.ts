import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { DevSession } from './support/dev-session.ts'

/** Folders with rules of their own, in one session. */
let session: DevSession
const on = (folder: string, path: string) => join(session.laptop.root, folder, path)
const here = (folder: string, path: string) => readFileSync(on(folder, path), 'utf8')

async function inPod(script: string): Promise<string> {
  const { stdout } = await session.laptop.ok(['exec', '-T', ...session.target, '--', 'sh', '-c', script])
  return stdout
}

beforeAll(async () => {
  const sync = [
    { local: './app', remote: '/app', include: ['.env'] },
    { local: './push', remote: '/push', mode: 'push' },
    { local: './pull', remote: '/pull', mode: 'pull' },
  ]
  const files = { '.gitignore': '.env\n*.log\n/build/\n', '.env': 'KEY=1\n', 'a.log': 'log', 'web/a.txt': 'a' }
  session = await DevSession.create({ purpose: 'folders', files, dev: { sync, workdir: '/app' } })
  session.laptop.folder('push', { 'a.txt': 'laptop' })
  session.laptop.folder('pull', { 'own.txt': 'mine' })
  await session.up()
})
afterAll(() => session[Symbol.asyncDispose]())

it('include brings what an ignore file leaves out, and nothing else', async () => {
  expect(await inPod('cat .env; LC_ALL=C ls -A')).toBe('KEY=1\n.env\n.gitignore\n.podswap\nweb\n')
  writeFileSync(on('app', '.env'), 'KEY=2\n')
  await session.flush()
  expect(await inPod('cat .env')).toBe('KEY=2\n')
})

it('case 71: rules change while it runs: .gitignore, one in a subfolder, .podswapignore', async () => {
  appendFileSync(on('app', '.gitignore'), '*.tmp\n')
  writeFileSync(on('app', 'web/.gitignore'), 'only-here\n')
  await session.flush()
  for (const path of ['a.tmp', 'web/only-here', 'web/travels']) writeFileSync(on('app', path), 'new')
  await session.flush()
  expect(await inPod('export LC_ALL=C; ls -A; ls -A web')).toBe(
    '.env\n.gitignore\n.podswap\nweb\n.gitignore\na.txt\ntravels\n',
  )
  writeFileSync(on('app', 'web/.gitignore'), '')
  await session.flush()
  await session.flush()
  expect(await inPod('cat web/only-here')).toBe('new')
  writeFileSync(on('app', '.podswapignore'), 'web/travels\n')
  await session.flush()
  await session.flush()
  // what is left out from now on stays where it is
  writeFileSync(on('app', 'web/travels'), 'newer')
  await session.flush()
  expect(await inPod('cat web/travels; cat a.log')).toBe('newlog')
})

it('cases 2, 11, 19, 24: links, the executable bit, empty folders and names of any kind travel both ways', async () => {
  const names = ['Ünï cödé', '-dash', 'new\nline', 'quote\'"', '日本.txt', 'e\u0301']
  mkdirSync(on('app', 'kinds/empty'), { recursive: true })
  symlinkSync('../web/a.txt', on('app', 'kinds/link'))
  writeFileSync(on('app', 'kinds/run'), '#!/bin/sh\necho ran\n')
  chmodSync(on('app', 'kinds/run'), 0o755)
  for (const name of names) writeFileSync(on('app', join('kinds', name)), name)
  await session.flush()
  expect(await inPod('cd kinds && readlink link && ./run && ls empty && cat ./-dash "Ünï cödé"')).toBe(
    '../web/a.txt\nran\n-dashÜnï cödé',
  )
  await inPod('cd kinds && ln -s run other && chmod -x run && mkdir -p new/empty && mv ./-dash new/--moved')
  await session.flush()
  expect(readlinkSync(on('app', 'kinds/other'))).toBe('run')
  expect(statSync(on('app', 'kinds/run')).mode & 0o111).toBe(0)
  expect(statSync(on('app', 'kinds/new/empty')).isDirectory()).toBe(true)
  expect([here('app', 'kinds/new/--moved'), existsSync(on('app', 'kinds/-dash'))]).toEqual(['-dash', false])
})

it('case 31: push: the pod’s changes stay in the pod, and the laptop’s go over them', async () => {
  await inPod('echo pod > ../push/a.txt; echo made > ../push/made.txt')
  await session.flush()
  expect([here('push', 'a.txt'), existsSync(on('push', 'made.txt'))]).toEqual(['laptop', false])
  writeFileSync(on('push', 'a.txt'), 'laptop again')
  await session.flush()
  expect(await inPod('cat ../push/a.txt ../push/made.txt')).toBe('laptop againmade\n')
})

it('pull: the laptop’s changes stay here, the pod’s come over them, and what gave way can be restored', async () => {
  await inPod('echo pod > ../pull/a.txt')
  await session.flush()
  expect(here('pull', 'a.txt')).toBe('pod\n')
  writeFileSync(on('pull', 'a.txt'), 'of the laptop')
  await session.flush()
  expect(await inPod('cat ../pull/a.txt; ls ../pull')).toBe('pod\na.txt\n')
  await inPod('echo newer > ../pull/a.txt')
  await session.flush()
  expect([here('pull', 'a.txt'), here('pull', 'own.txt')]).toEqual(['newer\n', 'mine'])
  await session.laptop.ok(['restore', on('pull', 'a.txt'), ...session.target])
  expect(here('pull', 'a.txt')).toBe('of the laptop')
})

it('status counts what is left out; the history names what changed, which way, and outlives the session', async () => {
  const { stdout } = await session.laptop.ok(['status', '--json', ...session.target])
  const { ignored } = JSON.parse(stdout).devs[0].folders[1]
  expect(ignored).toEqual({ files: 0, folders: 0, largest: [], partial: false })
  writeFileSync(on('app', 'in-history'), 'new')
  await inPod('echo pod > ../pull/in-history')
  await session.flush()
  await session.down()
  const history = (await session.laptop.ok(['logs', '--sync', ...session.target])).stdout
  expect(history).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}\/app → pod: .*in-history/m)
  expect(history).toMatch(/ {2}\/pull ← pod: .*in-history/)
  expect(history).toMatch(/ {2}\/app: in step \(/)
  const lines = (await session.laptop.ok(['logs', '--sync', '--json', ...session.target])).stdout.trim().split('\n')
  expect(lines.map(line => JSON.parse(line).type)).toEqual(lines.map(() => 'sync'))
  expect((await session.laptop.ok(['logs', ...session.target])).stdout).toContain('ready')
})
