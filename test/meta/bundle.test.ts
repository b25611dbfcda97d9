import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageJson, repository } from './source-tree.ts'

const cli = join(repository, 'dist/podswap.cjs')

/** What is published: one file that needs nothing beside it. `npm test` builds it before this runs. */
describe('the bundle', () => {
  let alone: string

  beforeAll(() => {
    if (!existsSync(cli)) throw new Error('dist/podswap.cjs is missing: run `npm run build`')
    alone = mkdtempSync(join(tmpdir(), 'podswap-bundle-'))
    copyFileSync(cli, join(alone, 'podswap.cjs'))
  })

  afterAll(() => rmSync(alone, { recursive: true, force: true }))

  it('runs alone, with nothing installed beside it', () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['podswap.cjs', '--version'], {
      cwd: alone,
      encoding: 'utf8',
      env: { PATH: process.env.PATH },
    })
    expect({ status, stdout: stdout.trim(), stderr }).toEqual({ status: 0, stdout: packageJson.version, stderr: '' })
  })

  it('loads no module but Node’s own', () => {
    const text = readFileSync(cli, 'utf8')
    const loaded = new Set([...text.matchAll(/\brequire\(["']([^"'.][^"']*)["']\)/g)].map(([, name]) => name!))
    expect(loaded.size).toBeGreaterThan(5)
    // `ws` asks for these two native helpers in a try block and does without them
    const optional = ['bufferutil', 'utf-8-validate']
    const foreign = [...loaded].filter(
      name => !builtinModules.includes(name.replace(/^node:/, '')) && !optional.includes(name),
    )
    expect(foreign).toEqual([])
  })

  it('stays small enough to start fast', () => {
    expect(statSync(cli).size).toBeLessThan(6 * 1024 * 1024)
  })

  it('tells nothing of the machine that built it', () => {
    expect(readFileSync(cli, 'utf8')).not.toContain(repository)
  })
})
