import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { initProgram } from './init-program.ts'

describe.skipIf(initProgram === null)('init exec', () => {
  const folder = mkdtempSync(join(tmpdir(), 'podswap-init-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const run = (command: string[], env: Record<string, string> = {}) => {
    const { status, stdout, stderr } = spawnSync(initProgram!, command, { env, encoding: 'utf8' })
    return { status, stdout, stderr }
  }

  test('drops LD_* and NODE_* alone', () => {
    const env = {
      A: '1',
      LD_PRELOAD: '/x.so',
      LD_LIBRARY_PATH: '/x',
      NODE_OPTIONS: '--inspect',
      NODE_ENV: 'x',
      NODEX: '2',
    }
    expect(run(['exec', '/usr/bin/env'], env).stdout).toBe('A=1\nNODEX=2\n')
  })

  test('hands arguments and exit code through', () => {
    expect(run(['exec', '/bin/sh', '-c', 'echo "$0-$1-$#"; exit 7', 'a', 'b c'])).toEqual({
      status: 7,
      stdout: 'a-b c-1\n',
      stderr: '',
    })
  })

  test('searches PATH as execvp does', () => {
    for (const name of ['first', 'second']) mkdirSync(join(folder, name))
    const program = (path: string, mode: number) => {
      writeFileSync(join(folder, path), '#!/bin/sh\necho "$0"\n')
      chmodSync(join(folder, path), mode)
    }
    program('first/locked', 0o644)
    program('second/locked', 0o755)
    program('first/only-locked', 0o644)
    const PATH = `/nowhere:${folder}/file-not-folder:${folder}/first:${folder}/second`
    writeFileSync(join(folder, 'file-not-folder'), '')
    expect(run(['exec', 'locked'], { PATH }).stdout).toBe(`${folder}/second/locked\n`)
    expect(run(['exec', 'only-locked'], { PATH })).toMatchObject({
      status: 126,
      stderr: 'podswap: only-locked: permission denied\n',
    })
    expect(run(['exec', 'sh', '-c', 'echo found']).stdout).toBe('found\n')
    expect(run(['exec', 'sh'], { PATH: '' })).toMatchObject({ status: 127 })
  })

  test.each([
    [['exec', '/nowhere'], 127, 'podswap: /nowhere: not found\n'],
    [['exec', 'nowhere'], 127, 'podswap: nowhere: not found\n'],
    [['exec', ''], 127, 'podswap: : not found\n'],
    [['exec', `${'long/'.repeat(2000)}`], 126, /cannot run/],
    [['exec', `${'x'.repeat(9000)}`], 127, /not found/],
    [['exec', '/etc'], 126, 'podswap: /etc: permission denied\n'],
    [['exec'], 125, /usage/],
    [['pty', 'sock'], 125, /usage/],
    [['other', 'x'], 125, /usage/],
    [[], 125, /usage/],
  ])('%j ends with %i', (command, status, stderr) => {
    const result = run(command)
    expect(result.status).toBe(status)
    expect(result.stderr).toMatch(stderr)
  })

  test('a file that is no program', () => {
    const file = join(folder, 'text')
    writeFileSync(file, 'no program')
    chmodSync(file, 0o755)
    expect(run(['exec', file])).toMatchObject({ status: 126, stderr: `podswap: ${file}: not a program here\n` })
  })
})
