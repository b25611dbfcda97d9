import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildPodProgram, buildStartScript } from '../../../scripts/pod-programs.mjs'
import { initProgram } from '../../native/init-program.ts'

/** Well below what a pod spec takes (one argument: 128 KiB; an object: 1.5 MiB), and a person still scrolls past it. */
const scriptBytesMax = 28 * 1024

describe('start script', () => {
  let script: string
  const home = mkdtempSync(join(tmpdir(), 'podswap-start-'))
  beforeAll(async () => {
    script = await buildStartScript()
  })
  afterAll(() => rmSync(home, { recursive: true }))

  /** Fills `home` instead of /podswap. */
  const run = (env: Record<string, string> = {}, change = (text: string) => text) =>
    spawnSync(process.execPath, ['-e', change(script).replaceAll('/podswap', home)], { env, encoding: 'utf8' })

  test('is small, and Kubernetes leaves it as it is', () => {
    expect(Buffer.byteLength(script)).toBeLessThan(scriptBytesMax)
    expect(script).not.toMatch(/\$[$(]/)
    expect(script.split('/podswap').length).toBeGreaterThan(5)
  })

  describe.skipIf(initProgram === null)('on Linux', () => {
    test('fills the folder with a Node that runs by itself', () => {
      expect(run()).toMatchObject({ status: 0, stderr: '' })
      expect(readdirSync(home).sort()).toEqual(['attach.cjs', 'boot.cjs', 'fill.cjs', 'init', 'ld', 'lib', 'node'])
      for (const name of readdirSync(home)) expect(statSync(join(home, name)).mode & 0o777).toBe(0o755)
      const libraries = readdirSync(join(home, 'lib'))
      expect(libraries).toContain('libc.so.6')
      expect(libraries).toContain('libutil.so.1')
      expect(libraries.filter(name => !/\.so(\.\d+)*$/.test(name))).toEqual([])
      const node = spawnSync(
        join(home, 'init'),
        ['exec', join(home, 'ld'), '--library-path', join(home, 'lib'), join(home, 'node'), '-p', 'process.version'],
        { env: { NODE_OPTIONS: '--require=/nowhere', LD_PRELOAD: '/nowhere.so' }, encoding: 'utf8' },
      )
      expect(node).toMatchObject({ status: 0, stdout: `${process.version}\n`, stderr: '' })
    })

    test('takes every library from the copy', () => {
      const list = "process.report.getReport().sharedObjects.filter(name => !name.includes('vdso')).join('\\n')"
      const { stdout } = spawnSync(
        join(home, 'ld'),
        ['--library-path', join(home, 'lib'), join(home, 'node'), '-p', list],
        { encoding: 'utf8' },
      )
      for (const path of stdout.trim().split('\n')) expect(path.startsWith(home), path).toBe(true)
    })

    test('carries the programs as they were built', async () => {
      expect(readFileSync(join(home, 'init')).equals(readFileSync(initProgram!))).toBe(true)
      for (const name of ['boot', 'attach', 'fill'] as const) {
        expect(readFileSync(join(home, `${name}.cjs`), 'utf8')).toBe(await buildPodProgram(name))
      }
    })

    test('may run twice, over files that are in use or half written', () => {
      writeFileSync(join(home, 'node.new'), 'a part')
      const before = statSync(join(home, 'node'))
      const busy = spawnSync(process.execPath, ['-e', busyScript], {
        env: { HOME_FOLDER: home, SCRIPT: script.replaceAll('/podswap', home) },
        encoding: 'utf8',
      })
      expect(busy).toMatchObject({ status: 0, stderr: '' })
      expect(statSync(join(home, 'node')).ino).not.toBe(before.ino)
      expect(readdirSync(home).filter(name => name.endsWith('.new'))).toEqual([])
    })

    test.each([
      ['no volume', (text: string) => text.replaceAll('/podswap', '/dev/null/podswap'), /ENOTDIR/],
      [
        'an old Node',
        (text: string) => `Object.defineProperty(process.versions,'node',{value:'18.20.4'});${text}`,
        /has Node 18\.20\.4, it needs 20\.19 or newer/,
      ],
      [
        'another machine',
        (text: string) => `Object.defineProperty(process,'arch',{value:'riscv64'});${text}`,
        /no program for riscv64, only for x64,arm64/,
      ],
    ])('says what is wrong: %s', (_name, change, said) => {
      const { status, stderr } = run({}, change)
      expect(status).toBe(1)
      expect(stderr).toMatch(/^podswap: cannot prepare the agent: .*\n$/)
      expect(stderr).toMatch(said)
    })
  })

  test('what the failures left', () => {
    mkdirSync(home, { recursive: true })
    expect(existsSync('/dev/null/podswap')).toBe(false)
  })
})

/** Runs the copied Node, and the script while that runs. */
const busyScript = `
const { spawn, spawnSync } = require('node:child_process')
const home = process.env.HOME_FOLDER
const child = spawn(home + '/ld', ['--library-path', home + '/lib', home + '/node', '-e', 'process.stdout.write("up"); setInterval(() => {}, 1e9)'])
child.stdout.once('data', () => {
  const { status, stderr } = spawnSync(process.execPath, ['-e', process.env.SCRIPT], { encoding: 'utf8' })
  process.stderr.write(stderr)
  child.kill()
  process.exitCode = status
})`
