import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadManifest } from '../../../src/manifest/load-manifest.ts'
import { formatComplaint, ManifestError } from '../../../src/manifest/manifest-error.ts'
import { UserError } from '../../../syncer/base/errors.ts'
import { errorsOf, load, short } from './laptop.ts'

describe('loadManifest on a disk', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'podswap-manifest-'))
    mkdirSync(join(folder, 'app/.git'), { recursive: true })
    mkdirSync(join(folder, 'app/src'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  const put = (name: string, text: string | Buffer) => writeFileSync(join(folder, 'app', name), text)
  const run = (file?: string, cwd = 'app') =>
    loadManifest({ file, cwd: join(folder, cwd), env: {}, home: join(folder, 'home') })

  const refusal = (file: string): Error => {
    try {
      run(file)
    } catch (error) {
      return error as Error
    }
    return expect.unreachable()
  }

  it('finds the manifest of the folder above, and the .env beside it', () => {
    put('dev.yml', 'dev:\n  web:\n    image: ${IMAGE}\n    sync: [src:/app]\n')
    put('.env', 'IMAGE=node:22\n')
    const manifest = run(undefined, 'app/src')
    expect(manifest.file).toBe(join(folder, 'app/dev.yml'))
    expect(manifest.devs[0]).toMatchObject({ image: 'node:22', sync: [{ local: join(folder, 'app/src') }] })
    expect(manifest.warnings).toEqual([])
  })

  it('takes .env from the folder of the call where -f is given', () => {
    put('dev.yml', 'dev:\n  web:\n    image: ${IMAGE-none}\n')
    put('.env', 'IMAGE=wrong\n')
    writeFileSync(join(folder, 'app/src/.env'), 'IMAGE=right\n')
    expect(run('../dev.yml', 'app/src').devs[0]?.image).toBe('right')
  })

  it('follows symbolic links', () => {
    put('real.yml', 'name: web\nsync: [link:/app]\n')
    symlinkSync('real.yml', join(folder, 'app/dev.yml'))
    symlinkSync('src', join(folder, 'app/link'))
    expect(run().devs[0]?.sync[0]?.local).toBe(join(folder, 'app/link'))
  })

  it('takes a local folder that was moved away for one, where it is not needed', () => {
    put('dev.yml', 'namespace: team\nname: web\nsync: [gone:/app]\n')
    const options = { cwd: join(folder, 'app'), env: {}, home: join(folder, 'home') }
    expect(() => loadManifest(options)).toThrow('there is no folder')
    const { namespace, devs } = loadManifest({ ...options, foldersMayBeGone: true })
    expect([namespace, devs[0]?.sync[0]?.local]).toEqual(['team', join(folder, 'app/gone')])
    put('gone', 'a file now')
    expect(() => loadManifest({ ...options, foldersMayBeGone: true })).toThrow('is not a folder')
  })

  it('says what is wrong with the file itself', () => {
    symlinkSync('loop.yml', join(folder, 'app/loop.yml'))
    for (const [file, message] of [
      ['none.yml', 'there is no file "none.yml"'],
      ['loop.yml', 'there is no file "loop.yml"'],
      ['a\0b.yml', 'there is no file "a\\u0000b.yml"'],
      ['src', '"src" is a folder'],
      ['/dev/null', '"/dev/null" is not a file'],
    ] as const) {
      const error = refusal(file)
      expect(error).toBeInstanceOf(UserError)
      expect(error).toMatchObject({ code: 'manifest', message, at: undefined })
    }
  })

  it.skipIf(process.getuid?.() === 0)('says that the file cannot be read (not as root, who can)', () => {
    put('dev.yml', 'name: web\n')
    chmodSync(join(folder, 'app/dev.yml'), 0)
    expect(refusal('dev.yml')).toMatchObject({ code: 'manifest', message: '"dev.yml" cannot be read' })
  })

  it('refuses 10 MB and binary files at once', () => {
    put('big.yml', Buffer.alloc(10_000_000, 'a: b\n'))
    expect(refusal('big.yml').message).toBe('the file is larger than 1 MiB: this is no manifest')
    put('bin.yml', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 0]))
    expect(refusal('bin.yml').message).toBe('the file is binary: it holds a NUL byte')
  })
})

it('says that a file cannot be read, with the cause', () => {
  const cause = Object.assign(new Error('EACCES'), { code: 'EACCES' })
  const fail = () => {
    throw cause
  }
  const file = { stat: () => ({ kind: 'file' as const, sizeBytes: 1 }), readFile: fail, names: () => [] }
  for (const files of [file, { ...file, stat: fail }]) {
    expect(() => load('', { files })).toThrow(expect.objectContaining({ message: '"dev.yml" cannot be read', cause }))
  }
})

describe('.env', () => {
  const image = (dotenv: string, env: Record<string, string> = {}) =>
    load('name: web\nimage: ${IMAGE-none}\n', { env, beside: { '/work/app/.env': dotenv } })

  it('never overrides what is set', () => {
    expect(image('IMAGE=a').devs[0]?.image).toBe('a')
    expect(image('IMAGE=a', { IMAGE: 'b' }).devs[0]?.image).toBe('b')
    expect(image('IMAGE=a', { IMAGE: '' }).devs[0]?.image).toBeUndefined()
  })

  it('is passed over with a warning where it cannot be read', () => {
    const { devs, warnings } = image('IMAGE=a\n!hunter2\n')
    expect(devs[0]?.image).toBe('a')
    expect(warnings.map(w => `${w.at.file}:${short(w)}`)).toEqual(['/work/app/.env:2:1 expected NAME=value'])
    expect(image('IMAGE=\0').warnings.map(short)).toEqual(['1:7 the file is binary: it holds a NUL byte'])
  })

  it('may be a folder, as Python has it', () => {
    const manifest = load('name: web\n', { beside: { '/work/app/.env/bin/python': '' } })
    expect(manifest.warnings).toEqual([])
  })

  it('does not take names from the prototype of the environment', () => {
    expect(load('name: web\nimage: ${constructor-none}\n').devs[0]?.image).toBe('none')
  })
})

describe('files that are made to be slow', () => {
  const within = (text: string): string[] => {
    const start = performance.now()
    const errors = errorsOf(text)
    // Well above what it takes; done naively, most of these need minutes or all memory.
    expect(performance.now() - start).toBeLessThan(10_000)
    return errors
  }
  const bomb = (use: string) => {
    const levels = Array.from({ length: 20 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(9)}]`)
    return `a0: &a0 [x, x, x]\n${levels.join('\n')}\ndev:\n  web:\n    ${use}\n`
  }

  it('reads no alias that nobody asks for', () => {
    expect(load(bomb('image: x')).devs).toHaveLength(1)
    expect(within(bomb('command: *a20'))).toHaveLength(9)
    expect(within(bomb('environment: *a20'))).toHaveLength(9)
  })

  it.each<[string, string]>([
    [
      'devs that share a large map',
      `x: &e\n${'  - A=b\n'.repeat(20_000)}dev:\n${Array.from({ length: 90 }, (_, i) => `  d${i}: {environment: *e}\n`).join('')}`,
    ],
    [
      'maps that merge each other in a chain',
      `m0: &m0 {a: b}\n${Array.from({ length: 10_000 }, (_, i) => `m${i + 1}: &m${i + 1} {<<: *m${i}, k${i}: v}\n`).join('')}name: web\nenvironment: *m10000\n`,
    ],
    [
      'maps that merge each other many times',
      `m0: &m0 {${Array.from({ length: 1_000 }, (_, i) => `k${i}: v`).join(', ')}}\nname: web\nenvironment:\n  <<: [${'*m0, '.repeat(50_000)}]\n`,
    ],
  ])('stops at %s', (_, text) => {
    const errors = within(text)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatch(/multiply to more than a manifest can hold|nested deeper than 50/)
  })

  it.each<[string, string]>([
    ['brackets', '['.repeat(1_000_000)],
    ['dashes', '- '.repeat(500_000)],
    ['one long line', `name: ${'x '.repeat(500_000)}`],
    ['quotes', `name: web\nx: "${'" \''.repeat(300_000)}`],
    ['blanks before a quote', `a: [\n${' '.repeat(1_000_000)}"`],
    ['odd fields', `name: web\n${Array.from({ length: 80_000 }, (_, i) => `i${i}: 1\n`).join('')}`],
    ['open lines', `a:\n${'  b: "x\n'.repeat(100_000)}`],
    ['references', `name: web\nimage: ${'$A'.repeat(500_000)}`],
    ['nested references', `name: web\nimage: "${'${A:-'.repeat(170_000)}"`],
    [
      'forwards on one line',
      `name: web\nforward: [${Array.from({ length: 60_000 }, (_, i) => `${i + 1}:80`).join(', ')}]`,
    ],
    ['empty lines before a mistake', `a: [\n${'\n'.repeat(1_000_000)}"`],
    ['lines of blanks before a mistake', `a: [\n${`${' '.repeat(1_999)}\n`.repeat(500)}"`],
    ['line ends', '\r\n'.repeat(500_000)],
    ['documents', '---\n'.repeat(250_000)],
  ])('copes with a megabyte of %s', (_, text) => {
    expect(within(text.slice(0, 1024 * 1024)).length).toBeLessThanOrEqual(20)
  })
})

describe('formatComplaint', () => {
  const at = { file: '/work/app/dev.yml', line: 3, column: 5 }
  it.each<[string, string]>([
    ['/work/app', 'dev.yml:3:5: wrong'],
    ['/work', 'app/dev.yml:3:5: wrong'],
    ['/work/app/src', '/work/app/dev.yml:3:5: wrong'],
    ['/other', '/work/app/dev.yml:3:5: wrong'],
  ])('from %s', (cwd, expected) => {
    expect(formatComplaint({ at, message: 'wrong' }, cwd)).toBe(expected)
  })

  it('puts the hint on a line of its own', () => {
    expect(formatComplaint({ at, message: 'wrong', hint: 'do this' }, '/work/app')).toBe(
      'dev.yml:3:5: wrong\n  hint: do this',
    )
  })

  it('is fed by an error that is the first complaint', () => {
    const first = { at, message: 'wrong', hint: 'do this' }
    const error = new ManifestError([first, { at, message: 'more' }], 3)
    expect(error).toMatchObject({ code: 'manifest', message: 'wrong', hint: 'do this', at, omitted: 3 })
    expect(error).toBeInstanceOf(UserError)
  })
})
