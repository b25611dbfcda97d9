import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { childrenOf, isAlive } from '../../../native/init-program.ts'
import { buildRuntimePrograms } from './built-programs.ts'

interface Left {
  folder: string
  pids: number[]
  watchdog: number
}

const patience = { timeout: 30_000, interval: 50 }

// which processes are alive is read from /proc
describe.runIf(process.platform === 'linux')('a sandbox that is killed', () => {
  let folder: string
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'podswap-killed-'))
    await build({
      entryPoints: ['test/src/sandbox/runtime/killed-sandbox.ts'],
      bundle: true,
      platform: 'node',
      target: 'node20.19',
      format: 'cjs',
      outfile: join(folder, 'sandbox.cjs'),
      logLevel: 'error',
    })
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  async function start(): Promise<{ child: ChildProcess; left: Left }> {
    const programs = JSON.stringify(await buildRuntimePrograms())
    // in a session of its own, as a terminal gives it
    const child = spawn(process.execPath, [join(folder, 'sandbox.cjs'), programs], {
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    for await (const piece of child.stdout!) {
      text += piece
      if (text.includes('\n')) break
    }
    return { child, left: JSON.parse(text) }
  }

  async function expectNothing({ pids, watchdog, folder }: Left): Promise<void> {
    await expect.poll(() => pids.filter(isAlive), patience).toEqual([])
    await expect.poll(() => existsSync(folder), patience).toBe(false)
    await expect.poll(() => isAlive(watchdog), patience).toBe(false)
  }

  it('leaves no process and no file', async () => {
    const { child, left } = await start()
    expect(left.pids.length).toBe(3)
    expect(left.pids.filter(isAlive)).toEqual(left.pids)
    child.kill('SIGKILL')
    await expectNothing(left)
  })

  it('leaves none either when its whole process group is killed', async () => {
    const { child, left } = await start()
    process.kill(-child.pid!, 'SIGKILL')
    await expectNothing(left)
  })

  it('has a watchdog again when that was killed', async () => {
    const { child, left } = await start()
    process.kill(left.watchdog, 'SIGKILL')
    await expect.poll(() => isAlive(left.watchdog), patience).toBe(false)
    // the next one is there when it answers an end
    await expect.poll(() => childrenNamed(child.pid!, left.folder), patience).toBe(1)
    child.kill('SIGKILL')
    await once(child, 'exit')
    await expectNothing(left)
  })
})

function childrenNamed(pid: number, folder: string): number {
  const isWatchdog = (path: string) => existsSync(path) && readFileSync(path, 'utf8').includes(`${folder}/watchdog.cjs`)
  return childrenOf(pid).filter(child => child.state !== 'Z' && isWatchdog(`/proc/${child.pid}/cmdline`)).length
}
