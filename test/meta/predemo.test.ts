import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Finished, runCommand } from '../e2e/support/command.ts'
import { repository } from '../e2e/support/environment.ts'

const script = pathToFileURL(join(repository, 'scripts/predemo.mjs')).href

/** What stands before `npm run demo`, in a fresh clone. */
describe('before the demo', () => {
  let clone: string

  beforeEach(() => {
    clone = mkdtempSync(join(tmpdir(), 'podswap-predemo-'))
    for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(repository, name), join(clone, name))
  })
  afterEach(() => rmSync(clone, { recursive: true, force: true }))

  async function preflight(world: object = {}, env: Record<string, string> = {}): Promise<Finished> {
    const pretend = `Object.defineProperties(process, ${JSON.stringify(world)}); await import(${JSON.stringify(script)})`
    const options = { cwd: clone, env: { PATH: process.env.PATH, HOME: clone, ...env } }
    return await runCommand(process.execPath, ['--input-type=module', '-e', pretend], options)
  }

  it('says on Windows what does work there', async () => {
    const { code, stdout, stderr } = await preflight({ platform: { value: 'win32' } })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/does not run on Windows[\s\S]*What works: the demo in WSL, and podswap itself/)
  })

  it('names the Node.js that it needs', async () => {
    const { code, stderr } = await preflight({ versions: { value: { ...process.versions, node: '20.18.9' } } })
    expect(code).toBe(1)
    const wanted = /[\d.]+/.exec(JSON.parse(readFileSync('package.json', 'utf8')).engines.node)![0]
    expect(stderr).toContain(`needs Node.js ${wanted} or newer; this is 20.18.9`)
  })

  it('says that the registry cannot be reached', async () => {
    const nowhere = { npm_config_registry: 'http://127.0.0.1:9/', npm_config_fetch_retry_mintimeout: '1' }
    const { code, stderr } = await preflight({}, { ...nowhere, npm_config_cache: join(clone, 'cache') })
    expect(code).not.toBe(0)
    expect(stderr).toContain('ECONNREFUSED')
    expect(stderr).toMatch(/npm could not install[\s\S]*is there a network[\s\S]*npm ping/)
  })

  it('installs nothing where everything is there', async () => {
    mkdirSync(join(clone, 'node_modules'))
    copyFileSync(join(clone, 'package-lock.json'), join(clone, 'node_modules/.package-lock.json'))
    expect(await preflight()).toMatchObject({ code: 0, stdout: '', stderr: '' })
  })
})
