import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parseEnvironment } from '../../../syncer/agent/environment.ts'
import { initProgram } from '../../native/init-program.ts'

describe('environment', () => {
  it('is read as getenv would: the first of a name, text with =, no name left out', () => {
    const bytes = Buffer.from('A=1\0B=x=y\0A=2\0=odd\0NOTHING\0EMPTY=\0Ü=ä\0')
    expect(parseEnvironment(bytes)).toEqual({ A: '1', B: 'x=y', EMPTY: '', Ü: 'ä' })
  })

  it('takes names that objects have of their own', () => {
    expect(parseEnvironment(Buffer.from('toString=1\0constructor=2\0__proto__=3\0'))).toEqual(
      Object.fromEntries([
        ['toString', '1'],
        ['constructor', '2'],
        ['__proto__', '3'],
      ]),
    )
  })

  it.skipIf(initProgram === null || !existsSync('/proc/self/environ'))('is the container’s, not the agent’s', () => {
    const module = fileURLToPath(new URL('../../../syncer/agent/environment.ts', import.meta.url))
    const tsx = fileURLToPath(new URL('../../../node_modules/tsx/dist/cli.mjs', import.meta.url))
    const script = `import(${JSON.stringify(module)}).then(m => console.log(JSON.stringify(m.containerEnvironment())))`
    // the parent keeps what the child is started without
    const parent = `require('node:child_process').spawnSync(process.execPath, ['--import', ${JSON.stringify(tsx.replace('cli.mjs', 'esm/index.mjs'))}, '-e', ${JSON.stringify(script)}], { env: { PATH: process.env.PATH }, stdio: 'inherit' })`
    const { stdout } = spawnSync(process.execPath, ['-e', parent], {
      env: { PATH: process.env.PATH, MINE: 'yes', LD_PRELOAD: '' },
      encoding: 'utf8',
    })
    expect(JSON.parse(stdout)).toMatchObject({ MINE: 'yes', LD_PRELOAD: '' })
  })
})
