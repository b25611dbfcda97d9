import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { endOf, type HolderStart, startHolder } from '../../../src/commands/start-holder.ts'

const run = (program: string) =>
  spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })

it('a background process that says nothing any more may have left something swapped', async () => {
  const hint = 'what it wrote is in /logs/web.log\npodswap down web puts back what it has swapped'
  expect(await endOf(run('process.exit(7)'), '/logs/web.log', 'web')).toMatchObject({
    code: 'state',
    message: 'the background process ended with code 7',
    hint,
  })
  const failed = { type: 'failed', error: { code: 'held', message: 'it is held' } }
  const program = `process.send(${JSON.stringify(failed)}, () => process.exit(3))`
  expect(await endOf(run(program), '/logs/web.log', 'web')).toMatchObject({ code: 'held', message: 'it is held' })
})

describe('starting a background process', () => {
  let root: string
  let log: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'podswap-start-holder-'))
    log = join(root, 'web.log')
    writeFileSync(log, 'of another one')
  })
  afterEach(() => rmSync(root, { recursive: true }))

  /** It says and tells this, and ends. */
  function start(words: string, message: object, rest: string[] | null = null): HolderStart {
    const script = join(root, 'hold.cjs')
    const last = `process.send(${JSON.stringify(message)}, () => process.exit(1))`
    writeFileSync(script, `console.log(${JSON.stringify(words)}, ...process.argv.slice(2))\n${last}`)
    return { program: [script, 'web'], rest, cwd: root, env: process.env, dev: 'web', log }
  }
  const failed = (code: string) => ({ type: 'failed', error: { code, message: 'it cannot' } })
  const listening = { type: 'listening', socket: '/s', token: 't' }
  const logs = () => readdirSync(root).filter(name => name.includes('.log'))

  it('one that listens writes aside until it has put that in the place of the last one’s log', async () => {
    const { record, letGo } = await startHolder(start('begun', listening, ['sleep', '1']))
    letGo()
    expect(record).toMatchObject({ socket: '/s', token: 't' })
    const fresh = `${log}.${process.pid}`
    expect(readFileSync(fresh, 'utf8')).toBe(`begun web --log ${log} --fresh-log ${fresh} -- sleep 1\n`)
    expect(readFileSync(log, 'utf8')).toBe('of another one')
  })

  it('a Node that does not know an option of ours is started without any', async () => {
    const { record, letGo } = await startHolder(start('begun', listening), ['--no-such-option=3', '--v8-pool-size=2'])
    letGo()
    expect(record).toMatchObject({ socket: '/s' })
    expect(readFileSync(`${log}.${process.pid}`, 'utf8')).toMatch(/^begun/)
  })

  it('where another process was quicker its log stays', async () => {
    await expect(startHolder(start('too late', failed('held')))).rejects.toMatchObject({ code: 'held' })
    expect(readFileSync(log, 'utf8')).toBe('of another one')
    expect(logs()).toEqual(['web.log'])
  })

  it('what one wrote that could not start is in the log', async () => {
    await expect(startHolder(start('no cluster', failed('unreachable')))).rejects.toMatchObject({ code: 'unreachable' })
    expect(readFileSync(log, 'utf8')).toMatch(/^no cluster/)
    expect(logs()).toEqual(['web.log'])
  })
})
