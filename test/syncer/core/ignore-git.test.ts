import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compileIgnore } from '../../../syncer/core/ignore.ts'
import { noIgnoreSpec } from '../../../syncer/core/ignore-spec.ts'
import { encodePath, type Path } from '../../../syncer/core/path.ts'

// Rules and paths at random; `git check-ignore` says what is right.

const hasGit = spawnSync('git', ['--version']).status === 0
let repository: string

/** Folders three deep with files in each, named to meet the patterns below. */
const names = ['a', 'b', 'ab', 'abc', 'a.b', 'x y', 'é', '[a]', '#h', '!n', 'A', 'a-b', '\\', 'a ']
const folders = ['', 'a', 'b', 'a/a', 'a/ab', 'b/abc', 'ab', 'a/a/b', 'é', 'x y', 'a/a/a.b']
const files = folders.flatMap(dir => names.map(name => (dir === '' ? `f${name}` : `${dir}/f${name}`)))
for (const name of names) files.push(`a/ab/${name}`, `b/${name === 'abc' ? 'abcd' : name}`)

describe.runIf(hasGit)('git and we agree', () => {
  beforeAll(() => {
    repository = fs.mkdtempSync(path.join(os.tmpdir(), 'podswap-ignore-'))
    execFileSync('git', ['init', '-q', repository])
    for (const folder of folders) fs.mkdirSync(path.join(repository, folder), { recursive: true })
    for (const file of files) fs.writeFileSync(path.join(repository, file), '')
  })
  afterAll(() => fs.rmSync(repository, { recursive: true, force: true }))

  const piece = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...names, 'f', 'fa', 'fab', '.b', '/', '/') },
    { weight: 5, arbitrary: fc.constantFrom('*', '*', '**', '**/', '/**', '/**/', '?', '***') },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        '[ab]',
        '[!a]',
        '[^b]',
        '[a-c]',
        '[]a]',
        '[a',
        '[[:alpha:]]',
        '[[:nope:]]',
        '[\\a]',
        '[a-',
        '[b-a]',
        '[a-b-c]',
        '[[:upper:]x]',
        '[]-a]',
        '[é]',
        '[!/]',
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom('\\a', '\\*', '\\', '\\ ', '\\#', '\\!', ' ', '#', '!', '\t', '\\[', '\\/'),
    },
  )
  const line = fc
    .tuple(
      fc.constantFrom('', '', '', '!', '/', '!/', '#', '\\#', '\\!', ' ', '**/'),
      fc.array(piece, { minLength: 1, maxLength: 4 }).map(pieces => pieces.join('')),
      fc.constantFrom('', '', '', '/', ' ', '  ', '\\ ', '\r', '\t', '//'),
    )
    .map(parts => parts.join(''))
  const text = fc
    .tuple(fc.constantFrom('', '', '', '\uFEFF'), fc.array(line, { maxLength: 6 }), fc.constantFrom('\n', '\r\n'))
    .map(([head, lines, end]) => head + lines.join(end) + (lines.length % 2 === 0 ? end : ''))
  const rules = fc.dictionary(fc.constantFrom('', 'a', 'a/a', 'b', 'é'), text, { minKeys: 1, maxKeys: 4 })

  test('about every path, whatever the rules', () => {
    fc.assert(
      fc.property(rules, texts => {
        expect(ours(texts)).toEqual(gits(texts))
      }),
      { numRuns: Number(process.env.PODSWAP_IGNORE_RUNS ?? 150) },
    )
  }, 600_000)

  test.each([
    ['a literal and two asterisks', { '': '/a**/fa\n/b**b\n' }],
    ['a hyphen that ends a class', { '': 'f[a-]\n' }],
    ['a bracket that begins a class', { '': '[]-a]*\nf[a-b-c]\n' }],
    ['a bang in a class', { '': 'f[!!n]\n' }],
    ['a star before and after two', { '': '/*/**/*b\n!/**/f*b\n' }],
    ['a rule that brings back, and its folder', { '': 'a\n!a/fa\n', a: '!fb\n' }],
    ['everything but', { '': '/*\n!/a\n/a/*\n!/a/ab\n' }],
    ['nested rules before those above', { '': '*.b\n!f*\n', a: 'f*\n', 'a/a': '!f*\n' }],
    ['no end of line', { '': 'fa' }],
    ['only a slash, only a bang', { '': '/\n!\n//\n!/\n' }],
    ['bytes', { '': 'f?\n[é]\n??\n' }],
    ['middle asterisks', { '': 'a/**/fa\n**/ab/**\nb/**\n' }],
  ])('%s', (_, texts) => {
    expect(ours(texts as Record<Path, string>)).toEqual(gits(texts as Record<Path, string>))
  })
})

/** Ignored paths as our rules have it. */
function ours(texts: Record<Path, string>): string[] {
  const sources = Object.entries(texts).map(([dir, text]) => ({
    dir,
    file: dir === '' ? '.gitignore' : `${dir}/.gitignore`,
    syntax: 'git' as const,
    text,
  }))
  const compiled = compileIgnore({ ...noIgnoreSpec, sources })
  const isIgnored = (each: Path) => compiled.ignored(each, folders.includes(each))
  return allPaths().filter(isIgnored)
}

function gits(texts: Record<Path, string>): string[] {
  for (const folder of folders) {
    const file = path.join(repository, folder, '.gitignore')
    const text = texts[folder]
    if (text === undefined) fs.rmSync(file, { force: true })
    else fs.writeFileSync(file, encodePath(text))
  }
  const input = `${allPaths().join('\0')}\0`
  const settings = ['-c', 'core.excludesFile=', '-c', 'core.ignoreCase=false']
  const args = ['-C', repository, ...settings, 'check-ignore', '--no-index', '-z', '-v', '-n', '--stdin']
  const { stdout, stderr } = spawnSync('git', args, { input, encoding: 'utf8' })
  expect(stderr).toBe('')
  const fields = stdout.split('\0')
  const ignored: string[] = []
  for (let i = 0; i + 3 < fields.length; i += 4) {
    const [source, , pattern, at] = fields.slice(i, i + 4)
    if (source !== '' && !pattern!.startsWith('!')) ignored.push(at!)
  }
  return ignored
}

function allPaths(): Path[] {
  return [...folders.filter(folder => folder !== ''), ...files]
}
