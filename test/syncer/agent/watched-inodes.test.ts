import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { WatchedInodes } from '../../../syncer/agent/watched-inodes.ts'
import { FakeTime } from '../wire/fake-time.ts'

const watcher = 'require("fs").watch(process.argv[1], () => {}); console.log("watching")'

test.runIf(process.platform === 'linux')('an inode is watched as long as a program waits for it', async context => {
  const folder = mkdtempSync(join(tmpdir(), 'podswap-watched-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const time = new FakeTime()
  // of this program alone: another file system's inode may have the same number
  const procfs = join(folder, 'proc')
  mkdirSync(procfs)
  const watched = new WatchedInodes(time, procfs)
  const inodeOf = (name: string) => statSync(join(folder, name), { bigint: true }).ino
  writeFileSync(join(folder, 'one'), '')
  writeFileSync(join(folder, 'other'), '')
  const program = spawn(process.execPath, ['-e', watcher, join(folder, 'one')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    await once(program.stdout, 'data')
    symlinkSync(`/proc/${program.pid}`, join(procfs, String(program.pid)))
    const isNamed = inotifyLines(program.pid!).includes(` ino:${inodeOf('one').toString(16)} `)
    context.skip(!isNamed, `inotify numbers inodes otherwise than stat does in ${tmpdir()}`)
    expect([watched.has(inodeOf('one')), watched.has(inodeOf('other'))]).toEqual([true, false])
  } finally {
    program.kill('SIGKILL')
  }
  await once(program, 'exit')
  expect(watched.has(inodeOf('one'))).toBe(true)
  await time.advance(6_000)
  expect(watched.has(inodeOf('one'))).toBe(false)
})

test('where there is no /proc nothing is watched', () => {
  expect(new WatchedInodes(new FakeTime(), '/nowhere').has(1n)).toBe(false)
})

/** As proc_pid_fdinfo(5) has them. */
function inotifyLines(pid: number): string {
  const folder = `/proc/${pid}/fdinfo`
  return readdirSync(folder)
    .map(descriptor => readFileSync(join(folder, descriptor), 'latin1'))
    .join('')
}
