import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { WatchedInodes } from '../../../syncer/agent/watched-inodes.ts'
import { FakeTime } from '../wire/fake-time.ts'

const watcher = 'require("fs").watch(process.argv[1], () => {}); console.log("watching")'

test.runIf(process.platform === 'linux')('an inode is watched as long as a program waits for it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'podswap-watched-'))
  const time = new FakeTime()
  const watched = new WatchedInodes(time)
  const inodeOf = (name: string) => statSync(join(folder, name), { bigint: true }).ino
  writeFileSync(join(folder, 'one'), '')
  writeFileSync(join(folder, 'other'), '')
  const program = spawn(process.execPath, ['-e', watcher, join(folder, 'one')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await once(program.stdout, 'data')
    expect([watched.has(inodeOf('one')), watched.has(inodeOf('other'))]).toEqual([true, false])
  } finally {
    program.kill('SIGKILL')
  }
  await once(program, 'exit')
  expect(watched.has(inodeOf('one'))).toBe(true)
  await time.advance(6_000)
  expect(watched.has(inodeOf('one'))).toBe(false)
  rmSync(folder, { recursive: true })
})

test('where there is no /proc nothing is watched', () => {
  expect(new WatchedInodes(new FakeTime(), '/nowhere').has(1n)).toBe(false)
})
