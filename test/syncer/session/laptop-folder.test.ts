import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../../../syncer/base/clock.ts'
import { LaptopFolder } from '../../../syncer/session/laptop-folder.ts'

let base: string
let init: string
beforeEach(() => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'laptop-folder-'))
  fs.mkdirSync(path.join(base, 'local'))
  init = path.join(base, 'init')
  execFileSync('mkfifo', [`${init}.never`])
  fs.writeFileSync(init, '#!/bin/sh\nread line < "$0.never"\n', { mode: 0o755 })
})
afterEach(() => fs.rmSync(base, { recursive: true }))

/** Processes that run the program, which never ends by itself. */
function running(): string[] {
  return fs.readdirSync('/proc').filter(pid => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`${init}\0exchange`)
    } catch {
      return false
    }
  })
}

/** Folders and files below the base that this process has open. */
function opened(): string[] {
  return fs.readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      const target = fs.readlinkSync(`/proc/self/fd/${fd}`)
      return target.startsWith(base) ? [target] : []
    } catch {
      return []
    }
  })
}

it.runIf(process.platform === 'linux')(
  'leaves no process and nothing open where its state cannot be kept',
  async () => {
    const stateFolder = path.join(base, 'state')
    fs.mkdirSync(path.join(stateFolder, 'ancestor.log'), { recursive: true })
    const events = { changed: () => {}, overflow: () => {}, limited: () => {} }
    const local = path.join(base, 'local')
    const open = () => new LaptopFolder({ local, stateFolder, sessionKey: 'test', clock: systemClock, events, init })
    expect(open).toThrow(/EISDIR/)
    await expect.poll(running).toEqual([])
    expect(opened()).toEqual([])
  },
)
