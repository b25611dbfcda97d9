import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { RemoteProcess } from '../../../syncer/wire/remote-process.ts'
import type { AgentCall, CommandState, StartedCommand } from '../../../syncer/wire/services.ts'
import { initProgram, isAlive } from '../../native/init-program.ts'
import { type Attached, type Bundle, buildAgent, RunningAgent } from './running-agent.ts'

const soon = () => AbortSignal.timeout(30_000)
const size = { columns: 80, rows: 24 }

describe.skipIf(initProgram === null)('dev command', () => {
  let bundle: Bundle
  let agent: RunningAgent
  let attached: Attached

  beforeEach(async () => {
    bundle ??= await buildAgent()
    agent = await RunningAgent.start(bundle)
    attached = await agent.attach()
  })
  afterEach(async () => {
    if (attached.mux.ended) attached = await agent.attach()
    await attached.client.call({ method: 'stop-command' }, soon())
    await agent.stop()
  })

  const start = (script: string, more: Partial<Extract<AgentCall, { method: 'start-command' }>> = {}) =>
    attached.client.call(
      { method: 'start-command', argv: ['sh', '-c', script], env: { LD_PRELOAD: '' }, ...size, ...more },
      soon(),
    ) as Promise<StartedCommand>
  const state = (): Promise<CommandState> => attached.client.call({ method: 'command-state' }, soon())
  const look = (from = attached) => new Shown(from.client.terminal(size))

  async function killAgent(): Promise<void> {
    process.kill(agent.pid, 'SIGKILL')
    await attached.mux.closed
  }

  it('starts once, shows what it prints, takes keys and a new size, and gives its exit code', async () => {
    expect(await state()).toEqual({ state: 'none' })
    const began = Date.now()
    const started = await start(
      'tty > /dev/null && echo terminal; read name; echo "hello $name"; read x; stty size; exit 42',
    )
    expect(started).toMatchObject({ started: true, state: 'running' })
    expect(started.startedAtMs).toBeGreaterThanOrEqual(began)
    expect(isAlive(started.pid!)).toBe(true)
    expect(await start('echo other')).toEqual({ ...(await state()), started: false })
    const shown = look()
    await shown.until('terminal')
    shown.process.stdin.write('ann\r')
    await shown.until('hello ann')
    shown.process.resize({ columns: 132, rows: 43 })
    shown.process.stdin.write('\r')
    await shown.until('43 132')
    expect(await shown.process.exit).toEqual({ code: 42 })
    expect(await state()).toMatchObject({ state: 'exited', exitCode: 42 })
  })

  it('is not started where its folder is missing', async () => {
    await expect(start('true', { cwd: '/no/such/folder' })).rejects.toMatchObject({ code: 'no-folder' })
    expect(await state()).toEqual({ state: 'none' })
  })

  it('has its folder made where that is asked for', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'podswap-cwd-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const cwd = join(folder, 'a/b')
    await start('pwd', { cwd, makesFolder: true })
    const shown = look()
    await shown.process.exit
    expect(shown.text).toBe(`${realpathSync(cwd)}\r\n`)
    await expect(start('true', { cwd: '/proc/none', makesFolder: true })).rejects.toMatchObject({ code: 'no-folder' })
  })

  it('has the container’s environment, its own, and a TERM', async () => {
    await start('echo "$NODE_OPTIONS $MINE $TERM"; pwd', { env: { MINE: 'yes', LD_PRELOAD: '' }, cwd: '/' })
    const shown = look()
    await shown.process.exit
    expect(shown.text).toBe('--require=/nowhere.js yes xterm-256color\r\n/\r\n')
  })

  it('says 127 for a program that is not there', async () => {
    await start('', { argv: ['no-such-program'] })
    const shown = look()
    expect(await shown.process.exit).toEqual({ code: 127 })
    await expect.poll(() => shown.text).toContain('not found')
  })

  it('gives nobody a terminal before it was started', async () => {
    await expect(look().process.exit).rejects.toMatchObject({ code: 'no-command' })
  })

  it('shows the past to who comes later, and everything to everybody', async () => {
    await start('echo one; read x; echo two; read y; exit 0')
    const first = look()
    await first.until('one')
    const other = await agent.attach()
    const second = look(other)
    await second.until('one')
    second.process.stdin.write('\r')
    await first.until('two')
    await second.until('two')
    await other.mux.close()
    first.process.stdin.write('\r')
    expect(await first.process.exit).toEqual({ code: 0 })
    const late = look()
    expect(await late.process.exit).toEqual({ code: 0 })
    expect(late.text).toContain('one')
  })

  it('gets Ctrl-C and signals', async () => {
    await start('trap "echo interrupted" INT; trap "echo usr1; exit 6" USR1; echo ready; while :; do sleep 0.05; done')
    const shown = look()
    await shown.until('ready')
    shown.process.stdin.write('\x03')
    await shown.until('interrupted')
    shown.process.signal('SIGUSR1')
    expect(await shown.process.exit).toEqual({ code: 6 })
  })

  it('can be started again when it has ended, and the old output is gone', async () => {
    await start('echo first; exit 1')
    await look().process.exit
    expect(await start('echo second; read x')).toMatchObject({ started: true })
    const shown = look()
    await shown.until('second')
    expect(shown.text).not.toContain('first')
    expect(await state()).toMatchObject({ state: 'running' })
  })

  it('stops: first politely, then not', async () => {
    await start('trap "echo bye; exit 8" TERM; echo ready; while :; do sleep 0.05; done')
    const shown = look()
    await shown.until('ready')
    const call = { method: 'stop-command' } as const
    expect(await attached.client.call(call, soon())).toMatchObject({ state: 'exited', exitCode: 8 })
    expect(await shown.process.exit).toEqual({ code: 8 })
    expect(shown.text).toContain('bye')
    expect(await attached.client.call(call, soon())).toMatchObject({ state: 'exited', exitCode: 8 })
    await start('trap "" TERM HUP; echo deaf; while :; do sleep 0.05; done')
    await look().until('deaf')
    expect(await attached.client.call(call, soon())).toMatchObject({ state: 'exited', exitCode: 137 })
  })

  it('outlives its connection', async () => {
    const { pid } = await start('echo here; read x; echo still; exit 3')
    await look().until('here')
    await attached.mux.close()
    attached = await agent.attach()
    expect(await state()).toMatchObject({ state: 'running', pid })
    const shown = look()
    await shown.until('here')
    shown.process.stdin.write('\r')
    expect(await shown.process.exit).toEqual({ code: 3 })
    expect(shown.text).toContain('still')
  })

  it('outlives the agent: the next one shows all that was printed', async () => {
    const { pid, startedAtMs } = await start('echo before; read x; echo after; exit 11')
    await look().until('before')
    await killAgent()
    attached = await agent.attach()
    const argv = expect.arrayContaining(['echo before; read x; echo after; exit 11'])
    expect(await state()).toEqual({ state: 'running', pid, startedAtMs, argv })
    expect(await start('echo other')).toMatchObject({ started: false, pid })
    const shown = look()
    await shown.until('before')
    shown.process.stdin.write('\r')
    expect(await shown.process.exit).toEqual({ code: 11 })
    expect(shown.text).toContain('after')
  })

  it('outlives an agent that retires', async () => {
    const { pid } = await start('echo here; read x')
    const second = await agent.attach({ bundle: await buildAgent('other') })
    attached = second
    expect(await state()).toMatchObject({ state: 'running', pid })
    await look().until('here')
  })

  it('tells how it ended while no agent was there', async () => {
    const marker = `${agent.home}/go`
    await start(`while [ ! -e ${marker} ]; do sleep 0.02; done; echo last words; exit 5`)
    const { pid } = await state()
    // the agent stands still while the command ends, then dies
    process.kill(agent.pid, 'SIGSTOP')
    const { writeFileSync, existsSync } = await import('node:fs')
    writeFileSync(marker, '')
    await expect.poll(() => existsSync(`${agent.files.devCommandSocket}.exit`)).toBe(true)
    await killAgent()
    attached = await agent.attach()
    expect(await state()).toMatchObject({ state: 'exited', pid, exitCode: 5 })
    expect(await look().process.exit).toEqual({ code: 5 })
  })

  it('says so when its terminal was killed', async () => {
    const { pid } = await start('echo here; read x')
    const shown = look()
    await shown.until('here')
    process.kill(pid!, 'SIGKILL')
    expect(await shown.process.exit).toMatchObject({ code: 255 })
    expect((await state()).state).toBe('exited')
  })

  it('is not held up by a viewer that stands still, who is told what he missed', async () => {
    const marker = `${agent.home}/done`
    const { existsSync } = await import('node:fs')
    await start(`seq 1 2000000; touch ${marker}; echo the end; read x`)
    const stalled = attached.client.terminal(size)
    const watching = look()
    await expect.poll(() => existsSync(marker)).toBe(true)
    await watching.until('the end')
    const shown = new Shown(stalled)
    await shown.until('the end')
    expect(shown.text).toMatch(/\[podswap: \d+ bytes of output were skipped here\]/)
    expect(shown.text.length).toBeLessThan(2_000_000)
  })
})

/** A viewer of a terminal. */
class Shown {
  text = ''
  readonly process: RemoteProcess

  constructor(process: RemoteProcess) {
    this.process = process
    process.stderr.resume()
    process.stdout.on('data', chunk => {
      this.text += chunk
    })
  }

  async until(part: string): Promise<void> {
    await expect.poll(() => this.text, { interval: 20 }).toContain(part)
  }
}
