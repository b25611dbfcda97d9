import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { initProgram } from './init-program.ts'

describe.skipIf(initProgram === null)('init fifo', () => {
  const folder = mkdtempSync(join(tmpdir(), 'podswap-init-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const run = (...paths: string[]) => spawnSync(initProgram!, ['fifo', ...paths], { encoding: 'utf8' })

  test('makes every pipe, for this user alone', () => {
    const paths = ['a', 'b', 'c'].map(name => join(folder, name))
    expect(run(...paths).status).toBe(0)
    for (const path of paths) {
      expect(statSync(path).isFIFO()).toBe(true)
      expect(statSync(path).mode & 0o777).toBe(0o600)
    }
  })

  test('says where it could not', () => {
    const path = join(folder, 'no', 'such', 'folder')
    const { status, stderr } = run(path)
    expect(status).toBe(125)
    expect(stderr).toBe(`podswap: ${path}: no pipe can be made there\n`)
  })
})
