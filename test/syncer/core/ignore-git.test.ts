import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { compileIgnore } from '../../../syncer/core/ignore.ts'
import { collectIgnore } from '../../../syncer/core/ignore-collect.ts'
import { noIgnoreSpec } from '../../../syncer/core/ignore-spec.ts'
import { encodePath, nameOf, type Path, parentOf } from '../../../syncer/core/path.ts'

// Rules and paths at random; `git check-ignore` says what is right.

const hasGit = spawnSync('git', ['--version']).status === 0
if (!hasGit) console.warn('SKIPPED, no git on the PATH: the comparison of ignore rules with git’s')
let repository: string
/** Nothing of the machine's or the person's settings, templates or repositories. */
const gitEnvironment = { PATH: process.env.PATH, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' }

/** Folders three deep with files in each, named to meet the patterns below. */
const names = ['a', 'b', 'ab', 'abc', 'a.b', 'x y', 'é', '[a]', '#h', '!n', 'A', 'a-b', '\\', 'a ']
const folders = ['', 'a', 'b', 'a/a', 'a/ab', 'b/abc', 'ab', 'a/a/b', 'é', 'x y', 'a/a/a.b']
const files = folders.flatMap(dir => names.map(name => (dir === '' ? `f${name}` : `${dir}/f${name}`)))
for (const name of names) files.push(`a/ab/${name}`, `b/${name === 'abc' ? 'abcd' : name}`)

describe.runIf(hasGit)('git and we agree', () => {
  beforeAll(() => {
    repository = fs.mkdtempSync(path.join(os.tmpdir(), 'podswap-ignore-'))
    execFileSync('git', ['init', '-q', '--template=', repository], { env: gitEnvironment })
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

  test('about every path of generated trees, whatever the rules', () => {
    const count = Number(process.env.PODSWAP_IGNORE_TREES ?? 300)
    const seed = Number(process.env.PODSWAP_IGNORE_SEED ?? 20261121)
    for (let from = 0; from < count; from += treesAtOnce) {
      const trees = fc.sample(treeOf(text), { numRuns: Math.min(treesAtOnce, count - from), seed: seed + from })
      plant(trees)
      for (const foldsCase of [false, true]) {
        const wanted = gitsOf(trees, foldsCase)
        for (const [index, tree] of trees.entries()) {
          const { rules, files } = tree
          expect({ foldsCase, rules, files, ignored: oursOf(tree, foldsCase) }).toEqual({
            foldsCase,
            rules,
            files,
            ignored: wanted[index],
          })
        }
      }
    }
  })

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

/** Files of a folder, with the folders that they are in; and folders' ignore files. */
interface GeneratedTree {
  files: Path[]
  rules: Record<Path, string>
}

/** Each is a folder of one repository, so that one call of git judges all of them. */
const treesAtOnce = 400

const treeNames = [
  'a',
  'b',
  'ab',
  'abc',
  'a.b',
  'x y',
  'é',
  '[a]',
  '#h',
  '!n',
  'A',
  'aB',
  'a-b',
  '\\',
  'a ',
  'fa',
  'fb',
]

function treeOf(text: fc.Arbitrary<string>): fc.Arbitrary<GeneratedTree> {
  const name = fc.constantFrom(...treeNames)
  const file = fc.array(name, { minLength: 1, maxLength: 5 }).map(parts => parts.join('/'))
  return fc.array(file, { minLength: 1, maxLength: 14 }).chain(all => {
    const folders = new Set(all.flatMap(foldersAbove))
    // what is a folder for one is no file for another
    const files = [...new Set(all)].filter(path => !folders.has(path)).sort()
    return fc
      .dictionary(fc.constantFrom('', '', ...folders), text, { minKeys: 1, maxKeys: 4 })
      .map(rules => ({ files, rules }))
  })
}

function foldersAbove(path: Path): Path[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}

/** Files and folders but for the root. */
function pathsOf({ files }: GeneratedTree): Path[] {
  return [...new Set(files.flatMap(path => [...foldersAbove(path), path]))].sort()
}

const ruleFileOf = (dir: Path) => (dir === '' ? '.gitignore' : `${dir}/.gitignore`)

/** Ignored paths as we have it, from the collecting of the files on. */
function oursOf(tree: GeneratedTree, foldsCase: boolean): Path[] {
  const paths = pathsOf(tree)
  const texts = new Map(Object.entries(tree.rules).map(([dir, text]) => [ruleFileOf(dir), text]))
  const { rules } = collectIgnore(
    {
      readText: path => texts.get(path) ?? null,
      list: dir => {
        const inside = [...paths, ...texts.keys()].filter(path => parentOf(path) === dir)
        const isFile = (path: Path) => tree.files.includes(path) || texts.has(path)
        return {
          folders: inside.filter(path => !isFile(path)).map(nameOf),
          others: new Set(inside.filter(isFile).map(nameOf)),
        }
      },
    },
    { foldsCase },
  )
  return paths.filter(path => rules.ignored(path, !tree.files.includes(path)))
}

function plant(trees: GeneratedTree[]): void {
  const top = path.join(repository, 'trees')
  fs.rmSync(top, { recursive: true, force: true })
  for (const [index, { files, rules }] of trees.entries()) {
    const write = (file: Path, text: string) => {
      const at = path.join(top, String(index), file)
      fs.mkdirSync(path.dirname(at), { recursive: true })
      fs.writeFileSync(at, encodePath(text))
    }
    for (const file of files) write(file, '')
    for (const [dir, text] of Object.entries(rules)) write(ruleFileOf(dir), text)
  }
}

function gitsOf(trees: GeneratedTree[], foldsCase: boolean): Path[][] {
  const asked = trees.flatMap((tree, index) => pathsOf(tree).map(each => `trees/${index}/${each}`))
  const ignored = new Set(askGit(asked, foldsCase))
  return trees.map((tree, index) => pathsOf(tree).filter(each => ignored.has(`trees/${index}/${each}`)))
}

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
  return askGit(allPaths(), false)
}

/** Those of the paths that git ignores. */
function askGit(paths: Path[], foldsCase: boolean): Path[] {
  const input = `${paths.join('\0')}\0`
  const settings = ['-c', 'core.excludesFile=', '-c', `core.ignoreCase=${foldsCase}`]
  const args = ['-C', repository, ...settings, 'check-ignore', '--no-index', '-z', '-v', '-n', '--stdin']
  const { stdout, stderr } = spawnSync('git', args, {
    input,
    encoding: 'utf8',
    maxBuffer: 1024 ** 3,
    env: gitEnvironment,
  })
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
