import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { startSeconds } from '../../../syncer/agent/process-group.ts'

const hasPs = spawnSync('ps', ['-o', 'lstart=', '-p', `${process.pid}`]).status === 0

describe.runIf(hasPs)('when a process started, by ps', () => {
  it('names it while it runs, and no longer', async () => {
    const begun = startSeconds(process.pid)
    expect(begun).toBeGreaterThan(Date.now() / 1000 - 86_400)
    expect(startSeconds(process.pid)).toBe(begun)
    const child = spawn('sleep', ['1000'])
    await once(child, 'spawn')
    expect(startSeconds(child.pid!)).toBeGreaterThanOrEqual(begun!)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(startSeconds(child.pid!)).toBeUndefined()
  })
})
