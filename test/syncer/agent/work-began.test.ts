import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { markBeginning, workBeganNs } from '../../../syncer/agent/work-began.ts'

let dir: string
beforeEach(() => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), 'work-began-'))
})
afterEach(() => fs.rmSync(dir, { recursive: true }))

const ms = (ns: bigint) => Number(ns / 1_000_000n)
const options = () => ({ began: path.join(dir, 'began'), root: dir, nowMs: Date.now(), uptimeMs: 1_000 })

test.runIf(process.platform === 'linux')(
  'since the first process began: what was there before is not of that time',
  async () => {
    const program = 'setTimeout(() => process.stdout.write("runs"), 300); setInterval(() => {}, 1_000)'
    const started = Date.now()
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] })
    try {
      await once(child.stdout, 'data')
      const began = ms(workBeganNs(dir, { ...options(), pid: child.pid! }))
      expect(began).toBeGreaterThan(started - 150)
      expect(began).toBeLessThan(Date.now() - 250)
    } finally {
      child.kill()
    }
  },
)

test('where no process tells, since the agent itself began', () => {
  const nowMs = Date.now()
  expect(ms(workBeganNs(dir, { ...options(), nowMs, pid: 2 ** 22 + 1 }))).toBe(nowMs - 1_050)
})

const memory = '/dev/shm'
const isApart = fs.existsSync(memory) && fs.statSync(memory).dev !== fs.statSync(os.tmpdir()).dev

test.runIf(isApart)('on a volume, which may be older than the container, since the pod’s first agent began', () => {
  const { began: file } = options()
  markBeginning(file)
  const made = fs.statSync(file).ctimeMs
  markBeginning(file)
  const began = ms(workBeganNs(memory, { ...options(), nowMs: Date.now() + 60_000, pid: process.pid }))
  expect(Math.abs(began - made)).toBeLessThan(60)
})
