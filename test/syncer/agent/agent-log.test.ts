import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AgentLog } from '../../../syncer/agent/agent-log.ts'
import { FakeTime } from '../wire/fake-time.ts'

describe('AgentLog', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'podswap-log-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('writes a line each, with the time, and nothing that breaks lines', () => {
    const path = join(folder, 'agent.log')
    new AgentLog(path, new FakeTime()).write('one\ntwo')
    expect(readFileSync(path, 'utf8')).toBe('2023-11-14T22:13:21.000Z one two\n')
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('keeps at most two files of a mebibyte, the newest lines in the first', () => {
    const path = join(folder, 'agent.log')
    writeFileSync(path, 'x'.repeat(900_000))
    const log = new AgentLog(path, new FakeTime())
    for (let count = 0; count < 1_000; count++) log.write(`${count} ${'y'.repeat(5_000)}`)
    expect(statSync(path).size).toBeLessThanOrEqual(1024 * 1024)
    expect(statSync(`${path}.1`).size).toBeLessThanOrEqual(1024 * 1024)
    expect(readFileSync(path, 'utf8')).toContain('Z 999 ')
  })

  it('does not mind that it cannot write', () => {
    new AgentLog(join(folder, 'no', 'such', 'folder'), new FakeTime()).write('text')
  })
})
